"""Built-in trainings of task models, one TOML file each; see :mod:`bench.training.task_models`."""
