"""Measure the speed of our metrics beside the libraries that others use for them."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from bench.contract import Detections, FloatArray, Image, Instances, IntArray
from bench.io.masks import decode, encode
from bench.perf.drawn_evidence import draw_label_maps, draw_objects
from bench.perf.timing import Comparison, in_turns
from bench.scoring.statistics import draw_weights
from tasks.detection.coco import CocoTables
from tasks.detection.masks import mask_overlaps
from tasks.quality.fsim import fsim
from tasks.quality.psnr_ssim import luma, psnr, ssim_plane
from tasks.semantic.confusion import confusion_matrix

HEIGHT, WIDTH = 480, 640
_CLASSES = 19
_THINGS = tuple(range(1, 9))
_SIZE = (HEIGHT, WIDTH)

TwoWays = tuple[str, Callable[[], object], Callable[[], object]]
"""Name of a comparison, our way, and the reference."""


def metric_speeds(turns: int = 5, images: int = 60, resamples: int = 10) -> pd.DataFrame:
    """Time our metrics against scikit-image, piq, scikit-learn, pycocotools and dense masks; one row a comparison.

    Both ways take the same input in one process, in turns, and give the same numbers to the accuracy that the tests
    of each metric demand. Libraries that are not installed are left out.

    Args:
        turns: Turns of which the median is taken.
        images: Images with detections, for average precision.
        resamples: Bootstrap resamples, for average precision with its interval.
    """
    noise = np.random.default_rng(2020)
    pairs = [*_of_pictures(noise), *_of_labels(noise), *_of_masks(noise), *_of_detections(noise, images, resamples)]
    rows = [Comparison(what, *_SIZE, *in_turns(ours, reference, turns)) for what, ours, reference in pairs]
    return pd.DataFrame([asdict(row) for row in rows])


def _of_pictures(noise: np.random.Generator) -> Iterator[TwoWays]:
    reference: Image = noise.integers(0, 256, (*_SIZE, 3), dtype=np.uint8)
    image: Image = np.clip(reference + noise.normal(0, 12, reference.shape), 0, 255).astype(np.uint8)
    skimage = importlib.import_module("skimage.metrics")
    first, second = luma(image), luma(reference)

    def theirs() -> tuple[float, float]:
        options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
        signal = skimage.peak_signal_noise_ratio(second, first, data_range=255)
        return signal, skimage.structural_similarity(second, first, **options)

    yield "PSNR and SSIM / scikit-image", lambda: (psnr(first, second), ssim_plane(first, second)), theirs
    if importlib.util.find_spec("piq"):
        piq, torch = importlib.import_module("piq"), importlib.import_module("torch")
        tensors = [torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255 for pixels in (image, reference)]
        yield "FSIM and FSIMc / piq", lambda: fsim(image, reference), lambda: _fsim_of_piq(piq, tensors)


def _fsim_of_piq(piq: Any, tensors: Sequence[object]) -> tuple[float, float]:  # noqa: ANN401  the module
    plain, chromatic = (float(piq.fsim(*tensors, data_range=1.0, chromatic=colours)) for colours in (False, True))
    return plain, chromatic


def _of_labels(noise: np.random.Generator) -> Iterator[TwoWays]:
    seen, truth = draw_label_maps(noise, _CLASSES, HEIGHT, WIDTH)
    ids = tuple(range(_CLASSES))
    if importlib.util.find_spec("sklearn"):
        sklearn = importlib.import_module("sklearn.metrics")
        yield (
            "confusion matrix of 19 classes / scikit-learn",
            lambda: confusion_matrix(seen, truth, ids),
            lambda: sklearn.confusion_matrix(truth.ravel(), seen.ravel(), labels=ids),
        )


def _of_masks(noise: np.random.Generator, seen: int = 30, there: int = 20) -> Iterator[TwoWays]:
    masks = [encode(_ellipse(noise)) for _ in range(seen + there)]
    dense = [decode(mask) for mask in masks]
    crowd = np.zeros(there, dtype=bool)

    def theirs() -> FloatArray:
        return np.array([[_overlap(mine, yours) for yours in dense[seen:]] for mine in dense[:seen]])

    yield f"IoU of {seen} and {there} masks / dense", lambda: mask_overlaps(masks[:seen], masks[seen:], crowd), theirs


def _ellipse(noise: np.random.Generator) -> Any:  # noqa: ANN401  a mask of bools
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    y, x, a, b = noise.uniform((0, 0, 20, 20), (HEIGHT, WIDTH, 120, 120))
    return ((rows - y) / a) ** 2 + ((columns - x) / b) ** 2 < 1


def _overlap(mine: Any, yours: Any) -> float:  # noqa: ANN401  masks of bools
    return float((mine & yours).sum() / max(1, (mine | yours).sum()))


def _of_detections(noise: np.random.Generator, images: int, resamples: int) -> Iterator[TwoWays]:
    content = [draw_objects(noise, _THINGS, objects=8, detections=40) for _ in range(images)]
    weights = draw_weights(images, resamples, "drawn")
    drawn = [np.repeat(np.arange(images), row) for row in weights]
    yield (
        f"AP of {images} images / pycocotools",
        lambda: _tables(content).evaluate(),
        lambda: _pycocotools(content, np.arange(images)),
    )
    yield (
        f"AP of {resamples} resamples of {images} images / pycocotools each",
        lambda: _tables(content).resample(weights),
        lambda: [_pycocotools(content, chosen) for chosen in drawn],
    )


def _tables(content: Sequence[tuple[Instances, Detections]]) -> CocoTables:
    tables = CocoTables(_THINGS, "bbox")
    for instances, detections in content:
        tables.add(detections, instances, _SIZE)
    return tables


def _pycocotools(content: Sequence[tuple[Instances, Detections]], chosen: IntArray) -> float:
    """Compute AP in percent of chosen images, each as often as it was chosen, as pycocotools' demonstration does."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truths: list[dict[str, Any]] = []
    seen: list[dict[str, Any]] = []
    for image, index in enumerate(chosen.tolist(), start=1):
        instances, detections = content[index]
        for box, kind, area in zip(instances.boxes, instances.class_ids, instances.areas, strict=True):
            truths.append({**_entry(image, box, kind), "id": len(truths) + 1, "area": float(area), "iscrowd": 0})
        for box, kind, score in zip(detections.boxes, detections.class_ids, detections.scores, strict=True):
            seen.append({**_entry(image, box, kind), "score": float(score)})
    with contextlib.redirect_stdout(io.StringIO()):
        coco: Any = COCO()
        coco.dataset = {
            "images": [{"id": image, "height": HEIGHT, "width": WIDTH} for image in range(1, len(chosen) + 1)],
            "categories": [{"id": kind, "name": str(kind)} for kind in _THINGS],
            "annotations": truths,
        }
        coco.createIndex()
        evaluation: Any = COCOeval(coco, coco.loadRes(seen), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[0])


def _entry(image: int, box: FloatArray, kind: int) -> dict[str, Any]:
    x1, y1, x2, y2 = map(float, box)
    return {"image_id": image, "category_id": int(kind), "bbox": [x1, y1, x2 - x1, y2 - y1]}
