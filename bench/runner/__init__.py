"""Run a workload: render rain, restore images, judge them; in this process, in local ones, or on a Ray cluster.

:mod:`bench.api.run` comes in with a workload whose parts were found. Read :mod:`bench.runner.runner` first, then a
stage: ``render``, ``restore``, ``judge``. Nothing here computes a score.
"""
