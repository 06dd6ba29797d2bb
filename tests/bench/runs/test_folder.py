from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pycocotools import mask as coco_mask

from bench.contract import Detections, Rle
from bench.errors import ImageError
from bench.runs.evidence import detections_of
from bench.runs.folder import LazyMapping, RunStore
from bench.runs.rows import Row

ROW = Row("data set", "my/derainer", "task")
MASKS = Row("d", "mine", "instances")


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "run")


def detections(count: int, masks: bool = False, seed: int = 0) -> Detections:
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 50, (count, 2))
    bitmaps = [np.asfortranarray(rng.random((20, 30)) < 0.5, dtype=np.uint8) for _ in range(count)]
    encoded = [coco_mask.encode(bitmap) for bitmap in bitmaps]
    return Detections(
        boxes=np.hstack([corners, corners + rng.uniform(1, 50, (count, 2))]),
        scores=np.sort(rng.random(count))[::-1],
        class_ids=rng.integers(1, 91, count),
        masks=tuple(Rle(size=list(e["size"]), counts=e["counts"].decode()) for e in encoded) if masks else None,
    )


def test_a_restored_image_comes_back_with_its_key(store: RunStore) -> None:
    row, image = Row("d", "mine"), np.random.default_rng(0).integers(0, 256, (8, 9, 3), dtype=np.uint8)
    assert store.key(row, "a/b") == ""
    store.write_restored(row, "a/b", image, "k1")
    assert np.array_equal(store.read_restored(row, "a/b"), image)
    assert store.key(row, "a/b") == "k1"
    store.write_restored(row, "a/b", image[::-1], "k2")
    assert store.key(row, "a/b") == "k2"


def test_a_label_map_comes_back_exactly(store: RunStore) -> None:
    labels = np.random.default_rng(0).integers(0, 256, (8, 9), dtype=np.uint8)
    store.write_evidence(ROW, "x", labels, "k")
    assert np.array_equal(store.read_evidence(ROW, "x"), labels)
    assert store.key(ROW, "x") == "k"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(st.dictionaries(st.text(min_size=1), st.floats(allow_nan=False), max_size=5))
def test_qualities_come_back_bit_for_bit(store: RunStore, qualities: dict[str, float]) -> None:
    store.write_evidence(ROW, "x", qualities, "k")
    assert store.read_evidence(ROW, "x") == qualities
    assert store.key(ROW, "x") == "k"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(arrays.arrays(np.float64, st.tuples(st.integers(0, 6), st.just(4)), elements=st.integers(0, 4096)))
def test_boxes_on_whole_pixels_come_back_exactly(store: RunStore, sides: np.ndarray) -> None:
    boxes = np.hstack([sides[:, :2], sides[:, :2] + sides[:, 2:]])
    found = Detections(boxes, np.linspace(1, 0.1, len(boxes)), np.arange(len(boxes)))
    store.write_evidence(ROW, "x", found, "k")
    back = store.read_evidence(ROW, "x")
    assert isinstance(back, Detections)
    assert np.array_equal(back.boxes, boxes)
    assert np.array_equal(back.scores, found.scores)
    assert np.array_equal(back.class_ids, found.class_ids)
    assert back.class_ids.dtype == np.int64
    assert back.masks is None


@pytest.mark.parametrize("masks", [False, True])
def test_detections_come_back(masks: bool, store: RunStore) -> None:
    found = detections(5, masks)
    store.write_evidence(MASKS, "x", found, "k")
    back = store.read_evidence(MASKS, "x")
    assert isinstance(back, Detections)
    # x, width -> x, x + width: one rounding of a 64-bit float.
    assert np.allclose(back.boxes, found.boxes, rtol=1e-15, atol=0)
    assert np.array_equal(back.scores, found.scores)
    assert back.masks == found.masks


def test_no_detections_are_detections(store: RunStore) -> None:
    store.write_evidence(ROW, "x", detections(0), "k")
    back = store.read_evidence(ROW, "x")
    assert isinstance(back, Detections)
    assert back.boxes.shape == (0, 4)
    assert back.scores.shape == back.class_ids.shape == (0,)


def test_joined_detections_are_a_results_file_that_pycocotools_reads(store: RunStore, tmp_path: Path) -> None:
    from pycocotools.coco import COCO

    for number, id in enumerate(("x", "y", "z")):
        store.write_evidence(MASKS, id, detections(number, True, number), "k")
    store.write_detections(MASKS, {"x": 30, "y": 10, "z": 20})
    truth = {
        "info": {},
        "images": [{"id": number, "width": 30, "height": 20} for number in (10, 20, 30)],
        "annotations": [],
        "categories": [{"id": number, "name": str(number)} for number in range(1, 91)],
    }
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    results = store.evidence_folder(MASKS).with_name("instances.json")
    loaded = COCO(str(tmp_path / "truth.json")).loadRes(str(results))
    assert [len(loaded.getAnnIds(imgIds=[number])) for number in (30, 10, 20)] == [0, 1, 2]
    first = loaded.loadAnns(loaded.getAnnIds(imgIds=[10]))[0]
    assert first["score"] == detections(1, True, 1).scores[0]


def test_qualities_have_no_results_file(store: RunStore) -> None:
    store.write_evidence(ROW, "x", {"psnr": 1.0}, "k")
    store.write_detections(ROW, {"x": 1})
    assert not store.evidence_folder(ROW).with_name("task.json").exists()


@pytest.mark.parametrize(
    "content", ["", "{", '{"key": "k"', "[1, 2]", '{"key": "k", "detections": [{"bbox": [1, 2, 3]}]}',
                '{"key": "k", "detections": [{"score": 1, "category_id": 1}]}', '{"key": "k", "detections": 5}',
                '{"key": "k"}', '{"key": "k", "qualities": [1]}', "\x00\x01"]
)  # fmt: skip
def test_damaged_evidence_is_an_image_error_that_names_the_file(content: str, store: RunStore) -> None:
    store.write_evidence(ROW, "x", {"psnr": 1.0}, "k")
    path = store.evidence_folder(ROW) / "x.json"
    path.write_text(content)
    with pytest.raises(ImageError, match=r"x\.json"):
        store.read_evidence(ROW, "x")


def test_evidence_cut_short_has_no_key_and_is_made_again(store: RunStore) -> None:
    store.write_evidence(ROW, "x", {"psnr": 1.0}, "k")
    path = store.evidence_folder(ROW) / "x.json"
    path.write_bytes(path.read_bytes()[:-5])
    assert store.key(ROW, "x") == ""


def test_absent_evidence_is_an_image_error(store: RunStore) -> None:
    with pytest.raises(ImageError, match="no such image"):
        store.read_evidence(ROW, "x")


def test_results_that_are_none_are_refused() -> None:
    with pytest.raises(ImageError, match=r"here: not COCO results .*delete the file and run again"):
        detections_of({"bbox": 1}, Path("here"))


def test_every_row_and_id_has_a_place_of_its_own_below_the_run(store: RunStore) -> None:
    names = ["a", "a b", "a/b", "a%2Fb", "..", ".", "ä", "a\\b"]
    rows = [Row(dataset, derainer, "t") for dataset in names for derainer in names]
    places = [store.restored_path(row, id) for row in rows for id in names]
    folders = [store.evidence_folder(row) for row in rows]
    assert len(set(places)) == len(places)
    assert len(set(folders)) == len(folders)
    for path in [*places, *folders, *map(store.data_folder, names)]:
        assert path.resolve().is_relative_to(store.root.resolve())


def test_a_lazy_mapping_reads_when_asked_and_keeps_nothing() -> None:
    asked: list[str] = []

    def load(id: str) -> str:
        asked.append(id)
        return id.upper()

    mapping = LazyMapping(["b", "a"], load)
    assert list(mapping) == ["b", "a"]
    assert len(mapping) == 2
    assert asked == []
    assert mapping["a"] == "A"
    assert list(mapping.items()) == [("b", "B"), ("a", "A")]
    assert asked == ["a", "b", "a"]
