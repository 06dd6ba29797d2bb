"""Train derainers and small task models; their built-in configurations are in ``configs/``.

The commands ``train`` and ``train-task`` come in. Read :mod:`bench.training.derainers` first.
"""
