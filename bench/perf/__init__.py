"""Measure DerainBench itself and its rivals: speed as ratios in one run, memory, and what derainers cost.

The commands ``perf`` and ``cost`` come in. Read :mod:`bench.perf.timing` first.
"""
