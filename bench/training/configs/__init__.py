"""Built-in configurations of trainings: ``derainers/`` and ``task_models/``, one TOML file each."""
