"""Measure image quality: how near a restored image is to the clean one, and how natural it looks."""
