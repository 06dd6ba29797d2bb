"""Read and write a run on the disk: its folder, rows, card, records, digests and shards.

Whoever makes, scores or shows a run comes in. Read :mod:`bench.runs.rows` first, then :mod:`bench.runs.folder`.
"""
