"""Read labelled photographs: COCO, BDD100K, plain folders, published pairs; and examine what is wrong with them.

:mod:`synth.sources.layouts` holds the layouts that are lines of a table: ACDC, MUSES, Cityscapes, VOC, YOLO.

:mod:`synth.datasets` comes in through the table of names in :mod:`synth`. Read :mod:`synth.sources.folder` first.
"""
