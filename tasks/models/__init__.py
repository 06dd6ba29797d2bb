"""Sources of task models: checkpoints by name, digest or file, shipped weights, models on record.

The backends of all tasks come in. Read :mod:`tasks.models.checkpoints` first.
"""
