"""Instance segmenters by what runs them: torchvision, transformers, ultralytics, shipped; others as for boxes.

:mod:`tasks.instances.backends.table` has their names.
"""
