"""Instance segmentation: the objects and their masks that a network sees after the rain is removed."""
