"""Measure what runs, trainings and networks make of a GPU; ``perf gpu`` and ``perf pipeline`` come in.

Read :mod:`bench.perf.gpu.measure` first; ``card`` measures with a stand-in that sleeps where there is no GPU.
"""
