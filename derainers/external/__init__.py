"""Derainers made elsewhere: folders of finished images, commands, ONNX and TorchScript files.

:func:`derainers.external.plugins.find_derainer` is the door: it takes what a user types.
"""
