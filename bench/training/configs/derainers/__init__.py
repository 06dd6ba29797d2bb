"""Built-in trainings, one TOML file each; see :mod:`bench.training.derainers`."""
