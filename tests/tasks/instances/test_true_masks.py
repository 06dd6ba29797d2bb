"""Objects without a mask cost their image the masks' score, by name, and nothing else."""

from collections.abc import Sequence

import numpy as np
import pytest

from bench.contract import ClassSpace, Detections, Image, Instances, Sample, Truth
from bench.errors import ImageError
from bench.io.masks import encode
from tasks.detection.detector import DetectionJudge

SPACE = ClassSpace("mine", (0,), ("car",))
IMAGE = np.zeros((8, 8, 3), np.uint8)


class Blind:
    space = SPACE

    def __call__(self, images: Sequence[Image], /) -> Sequence[Detections]:
        nothing = np.zeros((0, 4))
        return [Detections(nothing, np.zeros(0), np.zeros(0, np.int64), ()) for _ in images]


def sample(masked: int, objects: int = 2) -> Sample:
    full = encode(np.ones((8, 8), bool))
    masks = tuple(full for _ in range(objects)) if masked or not objects else None
    boxes = np.tile([1.0, 1, 5, 5], (objects, 1)).reshape(-1, 4)
    unmasked = {row: f"annotation {row + 7}" for row in range(masked, objects)} if masked else {}
    instances = Instances(
        boxes, np.zeros(objects, np.int64), np.zeros(objects, bool), np.ones(objects), masks, unmasked
    )
    return Sample("a", IMAGE, None, Truth((8, 8), instances))


def test_complete_masks_and_images_without_objects_are_looked_at() -> None:
    judge = DetectionJudge(Blind(), {0: 0}, scores_masks=True)
    assert len(judge([IMAGE] * 2, [sample(2), sample(0, objects=0)])) == 2


def test_an_object_without_a_mask_is_named() -> None:
    judge = DetectionJudge(Blind(), {0: 0}, scores_masks=True)
    with pytest.raises(ImageError, match="a: annotation 8 has no mask to score against"):
        judge([IMAGE], [sample(1)])
    with pytest.raises(ImageError, match=r"annotation 8 \(and 1 more\) has no mask"):
        judge([IMAGE], [sample(1, objects=3)])
    with pytest.raises(ImageError, match="none of its 2 objects has a mask"):
        judge([IMAGE], [sample(0)])


def test_boxes_do_not_need_masks() -> None:
    assert len(DetectionJudge(Blind(), {0: 0})([IMAGE] * 2, [sample(1), sample(0)])) == 2
