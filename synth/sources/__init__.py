"""Read labelled photographs: COCO, BDD100K, plain folders, published pairs; and examine what is wrong with them.

:mod:`synth.datasets` comes in through the table of names in :mod:`synth`. Read :mod:`synth.sources.folder` first.
"""
