"""MSPFN (Jiang et al., CVPR 2020): network, layers, ablations, and its TensorFlow weights.

Read :mod:`derainers.networks.mspfn.mspfn` first; ``family`` has the factories of the registered names.
"""
