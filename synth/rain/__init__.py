"""Render rain: a pure function of image, parameters and key to the rainy image and its layers.

The renderer is :mod:`synth.rain.renderer`; read it first. ``from synth.rain import Rain`` needs no deeper path.
"""
