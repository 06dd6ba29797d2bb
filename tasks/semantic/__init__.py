"""Semantic segmentation on restored images: segmenters, and scores of their label maps against the truth."""
