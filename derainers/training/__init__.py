"""Train derainers: losses, crops, the loop and its checkpoints; pairs of images are handed in."""
