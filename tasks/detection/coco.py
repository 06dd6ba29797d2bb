"""Compute COCO's average precision and recall with pycocotools itself."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from bench.contract import Detections, FloatArray, Instances, IntArray
from tasks.detection.coco_matches import Matches, as_one_image, gather, join
from tasks.detection.masks import areas_of
from tasks.detection.resampling import matches_of, resampled_averages

Kind = Literal["bbox", "segm"]
MOST_DETECTIONS = (1, 10, 100)
_AREAS = ("all", "small", "medium", "large")
_IMAGES_AT_ONCE = 16
"""Bounds memory: pycocotools takes a few kB a detection while it matches."""


@dataclass
class CocoTables:
    """A dataset's detections, matched by pycocotools a few images at a time.

    Attributes:
        class_ids: Classes that are scored.
        kind: ``bbox`` for boxes, ``segm`` for masks.
        areas: Number of COCO's ranges of areas that are told apart; 1 is all objects together, enough to resample.
    """

    class_ids: Sequence[int]
    kind: Kind
    areas: int = len(_AREAS)
    _sizes: list[tuple[int, int]] = field(default_factory=list)
    _annotations: list[dict[str, object]] = field(default_factory=list)
    _results: list[dict[str, object]] = field(default_factory=list)
    _matches: list[list[Matches]] = field(default_factory=list)
    _images: int = 0
    _objects: int = 0

    def add(self, detections: Detections, truth: Instances, size: tuple[int, int]) -> None:
        """Add one image; classes that are not scored are left out on both sides.

        Args:
            detections: Detected objects of the image.
            truth: True objects of the image.
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
        if image == _IMAGES_AT_ONCE:
            self._match()

    def evaluate(self) -> tuple[dict[str, float], dict[int, float]]:
        """Compute averages by name, and AP by class, as ratios; undefined ones (no such object) are left out."""
        classes = self._matched()
        if not classes:
            return {}, {}
        precision, recall = zip(*(self._accumulated(classes, most) for most in MOST_DETECTIONS), strict=True)
        tables = np.stack(precision, axis=-1), np.stack(recall, axis=-1)
        values = {id: _mean(tables[0][:, :, column, 0, -1]) for column, id in enumerate(sorted(set(self.class_ids)))}
        found = averages(*tables, self._parameters().iouThrs)
        return found, {id: value for id, value in values.items() if value is not None}

    def resample(self, weights: IntArray) -> dict[str, FloatArray]:
        """Compute AP, AP50, AP75 and AR100 as (R,) ratios on R resamples; empty without true objects.

        Args:
            weights: (R, N), how often each image, in the order in which it was added, is in each resample.
        """
        classes = [matches_of(found) for found in self._matched()]
        parameters = self._parameters()
        return resampled_averages(classes, weights, parameters.iouThrs, parameters.recThrs) if classes else {}

    def _matched(self) -> list[Matches]:
        """List the matches of every class; empty without true objects."""
        self._match()
        return [join(parts) for parts in zip(*self._matches, strict=True)] if self._objects else []

    def _match(self) -> None:
        """Match the images that wait, and keep no more of them than has to be kept."""
        from pycocotools.cocoeval import COCOeval

        images = len(self._sizes)
        if not images:
            return
        with contextlib.redirect_stdout(io.StringIO()):
            evaluation = COCOeval(self._coco(self._annotations), self._coco(self._results), self.kind)
            parameters = evaluation.params
            parameters.maxDets = list(MOST_DETECTIONS)
            parameters.areaRng, parameters.areaRngLbl = parameters.areaRng[: self.areas], list(_AREAS[: self.areas])
            evaluation.evaluate()
        step, thresholds = self.areas * images, len(parameters.iouThrs)
        starts = range(0, len(evaluation.evalImgs), step)
        self._matches.append(
            [gather(evaluation.evalImgs[at : at + step], self._images, self.areas, thresholds) for at in starts]
        )
        self._images += images
        self._objects += len(self._annotations)
        for waiting in (self._sizes, self._annotations, self._results):
            waiting.clear()

    def _accumulated(self, classes: Sequence[Matches], most: int) -> tuple[FloatArray, FloatArray]:
        """Accumulate COCO's tables for ``most`` detections an image: precision (T, R, K, A) and recall (T, K, A)."""
        from pycocotools.cocoeval import COCOeval

        with contextlib.redirect_stdout(io.StringIO()):
            evaluation: Any = COCOeval(None, None, self.kind)
            evaluation.params = evaluation._paramsEval = self._parameters()
            evaluation.params.maxDets = [sys.maxsize]  # entries hold the best of each image already
            evaluation.evalImgs = _Entries(classes, self.areas, most)
            evaluation.accumulate()
        return evaluation.eval["precision"][..., 0], evaluation.eval["recall"][..., 0]

    def _parameters(self) -> Any:  # noqa: ANN401  pycocotools' class has no types
        from pycocotools.cocoeval import Params

        parameters: Any = Params(self.kind)
        parameters.imgIds, parameters.catIds = [1], sorted(set(self.class_ids))
        parameters.areaRng = parameters.areaRng[: self.areas]
        return parameters

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
        found = {
            **_place(image, truth.boxes[index], int(truth.class_ids[index])),
            "area": float(truth.areas[index]),
            "iscrowd": int(truth.crowd[index]),
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
            "area": float((box[2] - box[0]) * (box[3] - box[1])),
        }
        if self.kind == "segm":
            if detections.masks is None:
                raise ValueError("mask scores need detections with masks")
            found["segmentation"] = dict(detections.masks[index])
            found["area"] = float(areas_of([detections.masks[index]])[0])
        return found


@dataclass(frozen=True)
class _Entries:
    """``COCOeval.evalImgs`` of one image that stands for all, unpacked one by one because they are large."""

    classes: Sequence[Matches]
    areas: int
    most: int

    def __len__(self) -> int:
        return len(self.classes) * self.areas

    def __getitem__(self, place: int) -> dict[str, object] | None:
        return as_one_image(self.classes[place // self.areas], place % self.areas, self.most)


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
        **{f"AP_{_AREAS[area]}": _mean(precision[..., area, -1]) for area in range(1, precision.shape[3])},
        **{f"AR{most}": _mean(recall[:, :, 0, rank]) for rank, most in enumerate(MOST_DETECTIONS)},
    }
    return {name: value for name, value in found.items() if value is not None}


def _place(image: int, box: FloatArray, class_id: int) -> dict[str, object]:
    x1, y1, x2, y2 = map(float, box)
    return {"image_id": image, "category_id": class_id, "bbox": [x1, y1, x2 - x1, y2 - y1]}


def _mean(values: FloatArray) -> float | None:
    defined = values[values > -1]
    return float(defined.mean()) if defined.size else None
