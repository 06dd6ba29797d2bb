"""Instance segmenters by the library that runs them: torchvision, ultralytics, shipped; detectron2 as for boxes.

:mod:`tasks.instances.backends.table` has their names.
"""
