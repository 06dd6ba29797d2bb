"""Semantic segmenters by the library that runs them: smp, torchvision, transformers, RefineNet, ...

:mod:`tasks.semantic.backends.table` has their names; each maps a model's output to a label map.
"""
