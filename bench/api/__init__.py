"""The library: what the commands do, in a few lines of Python. Its names are imported when they are used.

Here is the wiring: only this room, :mod:`bench.training` and :mod:`bench.perf` know ``derainers``, ``synth`` and
``tasks``. Scripts, commands and notebooks come in. Read :mod:`bench.api.run` first.
"""
