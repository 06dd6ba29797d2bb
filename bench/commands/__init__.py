"""The commands, a file for each group; :mod:`bench.cli` gives them their names."""
