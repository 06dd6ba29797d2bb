"""COCO's average precision and recall, by pycocotools itself."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from bench.contract import Detections, FloatArray, Instances, IntArray
from tasks.detection.resampling import matches_of, resampled_averages
from tasks.rle import areas_of

Kind = Literal["bbox", "segm"]
MOST_DETECTIONS = (1, 10, 100)
_AREAS = ("all", "small", "medium", "large")


@dataclass
class CocoTables:
    """Annotations and results of a dataset in COCO's form, gathered image by image.

    Attributes:
        class_ids: Classes that are scored.
        kind: ``bbox`` for boxes, ``segm`` for masks.
    """

    class_ids: Sequence[int]
    kind: Kind
    _sizes: list[tuple[int, int]] = field(default_factory=list)
    _annotations: list[dict[str, object]] = field(default_factory=list)
    _results: list[dict[str, object]] = field(default_factory=list)

    def add(self, detections: Detections, truth: Instances, size: tuple[int, int]) -> None:
        """Add one image; classes that are not scored are left out on both sides.

        Args:
            detections: What was seen.
            truth: What is there.
            size: (height, width) of the image.
        """
        self._sizes.append(size)
        image = len(self._sizes)
        scored = set(self.class_ids)
        for index, class_id in enumerate(truth.class_ids):
            if int(class_id) in scored:
                self._annotations.append(self._annotation(image, truth, index))
        for index, class_id in enumerate(detections.class_ids):
            if int(class_id) in scored:
                self._results.append(self._result(image, detections, index))

    def evaluate(self) -> tuple[dict[str, float], dict[int, float]]:
        """Averages by name, and AP by class, as ratios; what is undefined (no such object) is left out."""
        found = self._evaluation()
        if found is None:
            return {}, {}
        values = {id: _mean(found[0][:, :, column, 0, -1]) for column, id in enumerate(sorted(self.class_ids))}
        return averages(*found), {id: value for id, value in values.items() if value is not None}

    def resample(self, weights: IntArray) -> dict[str, FloatArray]:
        """AP, AP50, AP75 and AR100 as (R,) ratios on R resamples; empty without true objects.

        Args:
            weights: (R, N), how often each image, in the order in which it was added, is in each resample.
        """
        evaluation = self._matched(areas=1)
        if evaluation is None:
            return {}
        images, thresholds = len(self._sizes), evaluation.params.iouThrs
        starts = [column * images for column in range(len(set(self.class_ids)))]
        classes = [matches_of(evaluation.evalImgs[start : start + images], images, len(thresholds)) for start in starts]
        return resampled_averages(classes, weights, thresholds, evaluation.params.recThrs)

    def _evaluation(self) -> tuple[FloatArray, FloatArray, FloatArray] | None:
        evaluation = self._matched()
        if evaluation is None:
            return None
        with contextlib.redirect_stdout(io.StringIO()):
            evaluation.accumulate()
        return evaluation.eval["precision"], evaluation.eval["recall"], evaluation.params.iouThrs

    def _matched(self, areas: int = len(_AREAS)) -> Any | None:  # noqa: ANN401  pycocotools' class has no types
        from pycocotools.cocoeval import COCOeval

        if not self._annotations:
            return None
        with contextlib.redirect_stdout(io.StringIO()):
            evaluation = COCOeval(self._coco(self._annotations), self._coco(self._results), self.kind)
            evaluation.params.maxDets = list(MOST_DETECTIONS)
            evaluation.params.areaRng = evaluation.params.areaRng[:areas]
            evaluation.params.areaRngLbl = evaluation.params.areaRngLbl[:areas]
            evaluation.evaluate()
        return evaluation

    def _coco(self, annotations: list[dict[str, object]]) -> Any:  # noqa: ANN401  pycocotools' class has no types
        from pycocotools.coco import COCO

        coco: Any = COCO()
        coco.dataset = {
            "images": [{"id": n, "height": h, "width": w} for n, (h, w) in enumerate(self._sizes, start=1)],
            "categories": [{"id": int(id), "name": str(id)} for id in self.class_ids],
            # Ids start at 1: pycocotools takes a match with id 0 for no match.
            "annotations": [{**annotation, "id": n} for n, annotation in enumerate(annotations, start=1)],
        }
        coco.createIndex()
        return coco

    def _annotation(self, image: int, truth: Instances, index: int) -> dict[str, object]:
        crowd = int(truth.crowd[index])
        found = {
            **_place(image, truth.boxes[index], int(truth.class_ids[index])),
            "area": float(truth.areas[index]),
            "iscrowd": crowd,
            "ignore": crowd,
        }
        if self.kind == "segm":
            if truth.masks is None:
                raise ValueError("mask scores need true masks")
            found["segmentation"] = dict(truth.masks[index])
        return found

    def _result(self, image: int, detections: Detections, index: int) -> dict[str, object]:
        box = detections.boxes[index]
        found = {
            **_place(image, box, int(detections.class_ids[index])),
            "score": float(detections.scores[index]),
            "iscrowd": 0,
            "area": float((box[2] - box[0]) * (box[3] - box[1])),
        }
        if self.kind == "segm":
            if detections.masks is None:
                raise ValueError("mask scores need detections with masks")
            found["segmentation"] = dict(detections.masks[index])
            found["area"] = float(areas_of([detections.masks[index]])[0])
        return found


def averages(precision: FloatArray, recall: FloatArray, thresholds: FloatArray) -> dict[str, float]:
    """Read averages off COCO's tables.

    Args:
        precision: (T, R, K, A, M): IoU thresholds, recall points, classes, areas, most detections; -1 is undefined.
        recall: (T, K, A, M).
        thresholds: (T,) IoU thresholds.
    """
    found = {
        "AP": _mean(precision[..., 0, -1]),
        "AP50": _mean(precision[np.isclose(thresholds, 0.5)][:, :, :, 0, -1]),
        "AP75": _mean(precision[np.isclose(thresholds, 0.75)][:, :, :, 0, -1]),
        "AP60": _mean(precision[np.isclose(thresholds, 0.6)][:, :, :, 0, -1]),
        "AR60": _mean(recall[np.isclose(thresholds, 0.6)][:, :, 0, -1]),
        **{f"AP_{_AREAS[area]}": _mean(precision[..., area, -1]) for area in (1, 2, 3)},
        **{f"AR{most}": _mean(recall[:, :, 0, rank]) for rank, most in enumerate(MOST_DETECTIONS)},
    }
    return {name: value for name, value in found.items() if value is not None}


def _place(image: int, box: FloatArray, class_id: int) -> dict[str, object]:
    x1, y1, x2, y2 = map(float, box)
    return {"image_id": image, "category_id": class_id, "bbox": [x1, y1, x2 - x1, y2 - y1]}


def _mean(values: FloatArray) -> float | None:
    defined = values[values > -1]
    return float(defined.mean()) if defined.size else None
