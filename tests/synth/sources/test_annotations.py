import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from bench.errors import ImageError
from synth.sources.annotations import read_annotations, read_mask, run_lengths, whole_number, write_annotations

SIZE = (40, 60)
CLASSES = frozenset({1, 3})
SQUARE = [10.0, 5.0, 30.0, 5.0, 30.0, 25.0, 10.0, 25.0]


def record(**changes: object) -> dict[str, object]:
    return {"id": 7, "category_id": 3, "bbox": [10, 5, 20, 20], "area": 400, "iscrowd": 0} | changes


def read(*records: object):
    return read_annotations(records, SIZE, CLASSES, "photo")


def test_values_come_through() -> None:
    instances = read(record(), record(id=8, category_id=1, iscrowd=1, area=None)).instances
    assert instances.boxes.tolist() == [[10, 5, 30, 25], [10, 5, 30, 25]]
    assert instances.class_ids.tolist() == [3, 1]
    assert instances.crowd.tolist() == [False, True]
    assert instances.areas.tolist() == [400, 400]
    assert instances.masks is None


def test_no_objects() -> None:
    instances = read().instances
    assert instances.boxes.shape == (0, 4)
    assert instances.masks == ()


def test_boxes_without_area_are_dropped_and_counted() -> None:
    found = read(record(bbox=[1, 1, 5, 0]), record(id=9))
    assert (found.dropped, found.ids) == (1, (9,))


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (record(bbox=[0, 0, math.nan, 4]), "finite"),
        (record(bbox=[0, 0, math.inf, 4]), "finite"),
        (record(bbox=[0, 0, 4]), "four"),
        (record(bbox=None), "None"),
        (record(bbox=[0, 0, True, 4]), "finite"),
        (record(bbox=[0, 0, -4, 4]), "impossible"),
        (record(category_id=2), "category id 2"),
        (record(category_id=True), "category id True"),
        (record(iscrowd="0"), "iscrowd: expected 0, 1, false or true, found '0'"),
        (record(iscrowd="false"), "found 'false'"),
        (record(iscrowd=2), "found 2"),
        (record(iscrowd=None), "found None"),
        (record(category_id="3"), "category id '3'"),
        (record(category_id=3.5), "category id 3.5"),
        (None, "object"),
    ],
)
def test_bad_values_are_named(bad: object, said: str) -> None:
    with pytest.raises(ImageError, match=said) as caught:
        read(bad)
    assert "photo: annotation" in str(caught.value)


@pytest.mark.parametrize(
    ("segmentation", "said"),
    [
        ([[1, 2, 3, 4]], "three x, y pairs"),
        ([[]], "three x, y pairs"),
        ([SQUARE, [1, 2, 3, 4]], "three x, y pairs"),
        (SQUARE, "found 10.0"),
        ([[1, 2, 3, 4, 5, math.nan]], "finite"),
        ([[1, 2, 3, 4, 5, 1e12]], "far outside"),
        ({}, "found None"),
        ("square", "found 'square'"),
        ({"size": [1, 1], "counts": [1]}, "size"),
        ({"size": [40, 60], "counts": [1, 10**9]}, "fill"),
        ({"size": [40, 60], "counts": [-1, 2401]}, "fill"),
        ({"size": [40, 60], "counts": "zzzz"}, "fill"),
    ],
)
def test_what_is_no_mask_leaves_the_box(segmentation: object, said: str) -> None:
    found = read(record(segmentation=segmentation), record(id=8, segmentation=[SQUARE]))
    assert found.instances.boxes.tolist() == [[10, 5, 30, 25]] * 2
    (why,) = found.unmasked
    assert why.startswith("annotation 7 has no mask that can be read: ")
    assert said in why
    assert found.unreadable == 1
    assert found.instances.unmasked == {0: "annotation 7"}
    assert found.instances.masks is not None
    assert [int(coco_mask.area(mask)) for mask in found.instances.masks] == [0, 400]
    assert read(record(segmentation=segmentation)).instances.masks is None


def test_objects_without_a_mask_are_named_after_they_are_written_and_read() -> None:
    found = read(record(id=8, segmentation=[SQUARE]), record())
    assert (found.unmasked, found.unreadable) == (("annotation 7 has no mask",), 0)
    again = read(*write_annotations(found.instances, found.ids))
    assert again.instances.unmasked == {1: "annotation 7"}
    assert again.instances.masks == found.instances.masks


@pytest.mark.parametrize(("value", "crowd"), [(0, False), (1, True), (False, False), (True, True), (1.0, True)])
def test_crowds_are_said_in_numbers_or_words(value: object, crowd: bool) -> None:
    assert read(record(iscrowd=value)).instances.crowd.tolist() == [crowd]


def test_whole_floats_are_whole_numbers() -> None:
    found = read(record(id=7.0, category_id=3.0))
    assert (found.ids, found.instances.class_ids.tolist()) == ((7,), [3])
    assert [whole_number(value) for value in (139, 139.0, 139.5, "139", True, None, math.inf, math.nan)] == [
        139, 139, None, None, None, None, None, None,
    ]  # fmt: skip


def test_three_ways_to_write_a_mask_are_one() -> None:
    polygon = read_mask([SQUARE], SIZE, "photo")
    pixels = np.zeros(SIZE, dtype=np.uint8, order="F")
    pixels[5:25, 10:30] = 1
    flat = pixels.ravel(order="F")
    edges = [0, *(np.flatnonzero(np.diff(flat)) + 1).tolist(), flat.size]
    counts = np.diff(edges).tolist()
    assert polygon == read_mask({"size": list(SIZE), "counts": counts}, SIZE, "photo")
    assert polygon == read_mask(dict(polygon), SIZE, "photo")  # type: ignore[arg-type]
    np.testing.assert_array_equal(coco_mask.decode(polygon), pixels)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 1), min_size=12, max_size=400))
def test_run_lengths_are_those_of_pycocotools(bits: list[int]) -> None:
    pixels = np.asfortranarray(np.array(bits[: len(bits) // 4 * 4], dtype=np.uint8).reshape(4, -1))
    rle = coco_mask.encode(pixels)
    runs = run_lengths(rle["counts"].decode())
    values = np.repeat(np.arange(len(runs)) % 2, runs)
    np.testing.assert_array_equal(values, pixels.ravel(order="F"))
    assert sum(runs) == pixels.size


def test_written_annotations_read_back_the_same() -> None:
    first = read(record(bbox=[10.37, 5.11, 20.73, 3.01], segmentation=[SQUARE]))
    written = write_annotations(first.instances, first.ids)
    assert written[0]["bbox"] == [10.37, 5.11, 20.73, 3.01]
    again = read(*written)
    assert again.ids == (7,)
    assert again.instances.masks == first.instances.masks
    np.testing.assert_allclose(again.instances.boxes, first.instances.boxes, atol=1e-9)
