"""Matching a few images at a time and resampling in blocks change no bit, and bound the memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import tasks.resampling
from bench.contract import Detections, Instances
from bench.scoring.statistics import draw_weights
from tasks.detection import coco
from tasks.detection.boxes import box_areas
from tasks.detection.coco import CocoTables
from tasks.resampling import blocks, pooled, ratio

SIZE = (200, 240)


def scene(rng: np.random.Generator, seen: int = 12) -> tuple[Detections, Instances]:
    """A few objects of three classes, some of them crowds, and detections with tied scores."""
    count = int(rng.integers(0, 5))
    corner = rng.uniform(0, 150, (count, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(4, 80, (count, 2))], axis=1)
    truth = Instances(boxes, rng.integers(1, 4, count), rng.random(count) < 0.2, box_areas(boxes))
    start = boxes[rng.integers(0, count, seen)] if count else np.tile([5.0, 5.0, 40.0, 40.0], (seen, 1))
    found = start + rng.normal(0, 3, (seen, 4))
    kinds = rng.integers(1, 4, seen)
    return Detections(found, np.sort(rng.random(seen).round(1))[::-1].copy(), kinds), truth


def tables_of(images: int, at_once: int, monkeypatch: pytest.MonkeyPatch, areas: int = 4) -> CocoTables:
    monkeypatch.setattr(coco, "_IMAGES_AT_ONCE", at_once)
    rng = np.random.default_rng(17)
    tables = CocoTables((1, 2, 3), "bbox", areas)
    for _ in range(images):
        tables.add(*scene(rng), SIZE)
    return tables


def test_how_many_images_are_matched_at_once_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, parts = (tables_of(23, at_once, monkeypatch).evaluate() for at_once in (1000, 5))
    assert 0 < whole[0]["AP"] < 1
    assert {"AR1", "AR10", "AP_small", "AP_medium"} <= set(whole[0])
    assert parts == whole


@pytest.mark.parametrize("elements", [1, 100, 2000])
def test_the_size_of_the_blocks_changes_no_bit(elements: int, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = draw_weights(23, 40, "set 1")
    whole = tables_of(23, 1000, monkeypatch, areas=1).resample(weights)
    monkeypatch.setattr(tasks.resampling, "_ELEMENTS_AT_ONCE", elements)
    parts = tables_of(23, 5, monkeypatch, areas=1).resample(weights)
    assert set(whole) == {"AP", "AP50", "AP75", "AR100"}
    assert len(np.unique(whole["AP"])) > 20
    assert {name: values.tobytes() for name, values in parts.items()} == {
        name: values.tobytes() for name, values in whole.items()
    }


def test_ranges_of_areas_play_no_part_in_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    weights = draw_weights(23, 10, "set 1")
    one, four = (tables_of(23, 16, monkeypatch, areas).resample(weights) for areas in (1, 4))
    assert {name: values.tolist() for name, values in four.items()} == {k: v.tolist() for k, v in one.items()}


@pytest.mark.parametrize("areas", [1, 4])
def test_an_image_more_takes_little_memory(areas: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks.resampling, "_ELEMENTS_AT_ONCE", 2**12)
    weights = {images: draw_weights(images, 20, "set 1") for images in (32, 128)}
    tables_of(32, 16, monkeypatch, areas).evaluate()  # libraries are loaded now
    peaks = {}
    for images, drawn in weights.items():
        tracemalloc.start()
        tables = tables_of(images, 16, monkeypatch, areas)
        _ = tables.evaluate() if areas == 4 else tables.resample(drawn)
        peaks[images] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    # Twelve detections with pycocotools' dictionaries are some 25 kB an image.
    assert (peaks[128] - peaks[32]) / 96 < 5_000


def test_blocks_cover_all_resamples_once() -> None:
    assert list(blocks(3, 2**18)) == [slice(0, 1), slice(1, 2), slice(2, 3)]
    assert list(blocks(3, 2**17)) == [slice(0, 2), slice(2, 4)]
    assert list(blocks(2, 2**20)) == [slice(0, 1), slice(1, 2)]
    assert list(blocks(0, 5)) == []
    assert list(blocks(2, 0)) == [slice(0, 2**18)]


def test_sums_over_images_do_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    weights, values = draw_weights(7, 11, "set 2"), np.arange(42.0).reshape(7, 2, 3)
    expected = np.tensordot(weights, values, axes=1)
    monkeypatch.setattr(tasks.resampling, "_ELEMENTS_AT_ONCE", 15)
    assert np.array_equal(pooled(weights, values.reshape(7, 6)).reshape(11, 2, 3), expected)
    assert np.array_equal(ratio(values[:, 0, 1], values[:, 1, 1], weights), expected[:, 0, 1] / expected[:, 1, 1])
