"""DerainBench: how well does a vision model see after the rain is removed?

Read :mod:`bench.contract` first; it holds every noun that the four packages share.
"""

__version__ = "0.1.0"
