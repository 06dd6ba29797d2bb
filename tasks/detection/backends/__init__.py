"""Detectors by what runs them: ultralytics, torchvision, transformers, detectron2, darknet, shipped, a file of yours.

:mod:`tasks.detection.backends.table` has their names; each maps a model's output to :class:`bench.contract.Detections`.
"""
