"""Choose photographs, render rain on them, and keep both as a dataset folder with a manifest.

:mod:`bench.api` comes in. Read :mod:`synth.datasets.recipe`, then :mod:`synth.datasets.build`; this is the only room
that knows rain and sources.
"""
