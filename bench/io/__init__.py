"""Read and write files safely: images, masks, weights, checkpoints, TOML files, locks.

The ground floor: everybody comes in, and nothing here imports a room. Read :mod:`bench.io.files` first.
"""
