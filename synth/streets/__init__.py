"""Draw road scenes with their labels: the embedded photographs of suite ``streets``.

Read :mod:`synth.streets.source` first; from the layout of a scene to its light, each file draws one kind of thing.
"""
