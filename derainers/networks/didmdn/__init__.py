"""DID-MDN (Zhang and Patel, CVPR 2018): the derainer, and the three networks that it is made of."""
