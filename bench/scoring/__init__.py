"""Turn stored evidence into numbers: records, intervals, slices, correlations; and verify them.

A run's end, ``verify`` and ``merge`` come in by the same door, :mod:`bench.scoring.score_run`. Read it first.
"""
