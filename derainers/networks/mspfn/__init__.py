"""MSPFN (Jiang et al., CVPR 2020): network, layers, ablations, and its TensorFlow weights.

Read :mod:`derainers.networks.mspfn.mspfn` first; ``designs`` names the members, and ``family`` builds one by its name.
"""
