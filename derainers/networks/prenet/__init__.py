"""PReNet and its relatives (Ren et al., CVPR 2019), and the same function computed faster."""
