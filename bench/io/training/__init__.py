"""What trainings of derainers and of task models share: settings, the plan of steps, loaders, checkpoints.

The loops in :mod:`derainers.training` and :mod:`tasks.training` come in. Read :mod:`bench.io.training.settings` first.
"""
