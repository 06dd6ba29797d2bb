"""Count detections at another threshold from stored boxes: no model is needed.

Here the boxes are made by hand; ``derainbench export RUN --to coco`` writes a detector's.
"""

import numpy as np

from tasks.detection.boxes import box_overlaps
from tasks.detection.matching import Labelled, match, tally

true_boxes = np.array([[10.0, 10, 50, 50], [60, 10, 90, 40]])
seen_boxes = np.array([[12.0, 11, 51, 49], [60, 60, 90, 90]])
crowd = np.array([False, False])
labelled = Labelled(
    overlaps=box_overlaps(seen_boxes, true_boxes, crowd),
    scores=np.array([0.9, 0.8]),
    classes=np.array([3, 3]),
    true_classes=np.array([3, 3]),
    crowd=crowd,
)
for overlap in (0.5, 0.9):
    counts = tally(labelled, match(labelled, overlap))
    print(f"IoU {overlap}: {counts.true_positives} right, {counts.false_positives} wrong, of {counts.truths} objects")
