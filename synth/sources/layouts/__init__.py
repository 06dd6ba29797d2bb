"""Read labelled streets in the layouts in which they were published: ACDC, MUSES, Cityscapes, DAWN, RID, VOC, YOLO.

:mod:`synth.datasets` comes in through the source ``layout``. Where everything lies is written in ``layouts.csv``, which
number or word means which class in ``class_lists.csv``; read :mod:`synth.sources.layouts.source` first.
"""
