"""What is right and wrong in a picture adds up to the counts of the tables."""

from __future__ import annotations

import numpy as np
import pytest

from bench.contract import Classes, ClassSpace, Detections, Instances, Truth
from bench.io.masks import encode
from tasks import TASKS

SPACE = ClassSpace("own", (1, 2, 3), ("car", "bus", "tram"))
SIZE = (40, 40)


def objects(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, tuple]:
    starts = rng.integers(0, 25, (count, 2))
    boxes = np.hstack([starts, starts + rng.integers(6, 15, (count, 2))]).astype(float)
    masks = []
    for x1, y1, x2, y2 in boxes.astype(int):
        mask = np.zeros(SIZE, dtype=bool)
        mask[y1:y2, x1:x2] = True
        masks.append(encode(mask))
    return boxes, rng.choice(SPACE.ids, count), tuple(masks)


@pytest.mark.parametrize(("name", "prefix"), [("detection", ""), ("instances", "mask_")])
def test_matched_objects_are_those_that_the_table_counts(name: str, prefix: str) -> None:
    parameters = {"model": "recorded:net", "score": 0.4, "overlap": 0.3, "classes": ("car", "bus")}
    task = TASKS.load(TASKS.find(name))(parameters, Classes(instances=SPACE))
    assert (task.score, task.overlap) == (0.4, 0.3)
    rng = np.random.default_rng(5)
    ignored = 0
    for place in range(20):
        boxes, class_ids, masks = objects(rng, 8)
        areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        truth = Instances(boxes, class_ids, rng.uniform(size=8) < 0.2, areas, masks)
        guesses, guessed_ids, outlines = objects(rng, 12)
        boxes = np.vstack([boxes[:5], guesses[:7]])
        scores = np.sort(rng.uniform(size=12))[::-1]
        class_ids = np.concatenate([class_ids[:5], guessed_ids[:7]])
        seen = Detections(boxes, scores, class_ids, (*masks[:5], *outlines[:7]))
        matched = task.matched(seen, truth)
        assert set(matched.detections.class_ids) | set(matched.truth.class_ids) <= {1, 2}
        assert not (matched.right & matched.ignored).any()
        ignored += int(matched.ignored.sum())
        measures = task.summarise({"a": seen}, {"a": Truth(SIZE, truth)}).measures
        counts = {measure.metric: measure.value for measure in measures}
        shown = matched.detections.scores >= task.score
        wrong = shown & ~matched.right & ~matched.ignored
        hits = int((shown & matched.right).sum())
        missed = int((~matched.truth.crowd).sum()) - hits
        tag = "@0.40/0.30"
        expected = [counts[f"{prefix}{count}{tag}"] for count in ("tp", "fp", "fn")]
        assert [hits, int(wrong.sum()), missed] == expected, place
    assert ignored, "some lie on crowd regions"
