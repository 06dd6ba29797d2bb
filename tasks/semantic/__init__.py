"""Semantic segmentation: which class a network gives to every pixel after the rain is removed."""
