"""Convert detections to COCO's results format and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.contract import Detections, Rle
from bench.errors import ImageError


def coco_results(detections: Detections) -> list[dict[str, object]]:
    """Convert one image's detections to COCO's results format, without image ids; boxes as x, y, width, height."""
    results: list[dict[str, object]] = []
    for index, (x1, y1, x2, y2) in enumerate(detections.boxes.tolist()):
        result: dict[str, object] = {
            "category_id": int(detections.class_ids[index]),
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "score": float(detections.scores[index]),
        }
        if detections.masks is not None:
            result["segmentation"] = detections.masks[index]
        results.append(result)
    return results


def detections_of(results: object, path: Path) -> Detections:
    """Convert one image's COCO results back to detections, the inverse of :func:`coco_results`.

    Raises:
        ImageError: The results are not in that format.
    """
    try:
        if not isinstance(results, list):
            raise TypeError("not a list")
        boxes = np.array([r["bbox"] for r in results], dtype=np.float64).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        masks = tuple(
            Rle(size=list(r["segmentation"]["size"]), counts=str(r["segmentation"]["counts"]))
            for r in results
            if "segmentation" in r
        )
        return Detections(
            boxes=boxes,
            scores=np.array([r["score"] for r in results], dtype=np.float64),
            class_ids=np.array([r["category_id"] for r in results], dtype=np.int64),
            masks=masks if len(masks) == len(results) and masks else None,
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ImageError(
            f"{path}: not COCO results ({type(error).__name__}: {error}); delete the file and run again"
        ) from error
