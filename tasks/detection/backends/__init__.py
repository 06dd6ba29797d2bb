"""Detectors by the library that runs them: ultralytics, torchvision, detectron2, darknet, shipped.

:mod:`tasks.detection.backends.table` has their names; each maps a model's output to :class:`bench.contract.Detections`.
"""
