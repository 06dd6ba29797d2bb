"""Files of every kind, read and written safely: images, masks, weights, checkpoints, TOML, locks.

The ground floor: everybody comes in, and nothing here imports a room. Read :mod:`bench.io.files` first.
"""
