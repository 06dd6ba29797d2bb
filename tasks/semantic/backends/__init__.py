"""Semantic segmenters by the library that runs them: segmentation-models-pytorch, torchvision, RefineNet, ...

:mod:`tasks.semantic.backends.table` has their names; each maps a model's output to a label map.
"""
