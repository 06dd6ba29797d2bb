import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.contract import Classes, ClassSpace
from synth.datasets.manifest import (
    ManifestRow,
    manifest_text,
    pixels_sha256,
    read_manifest,
    read_row,
    row_text,
    write_instances,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=20)


def row(id: str = "a", **rain: object) -> ManifestRow:
    return ManifestRow(id, 3, 48, 64, "key", "source", rain, {"weather": "clear"}, "1" * 64, "", "", "2" * 32)


@given(TEXT, TEXT, st.floats(allow_nan=False, allow_infinity=False))
def test_what_is_written_reads_back(
    tmp_path_factory: pytest.TempPathFactory, id: str, text: str, number: float
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    first = row(id, note=text, gain=number)
    (folder / "row.json").write_bytes(row_text(first, [{"id": 1}]).encode())
    assert read_row(folder / "row.json") == (first, [{"id": 1}])
    (folder / "manifest.csv").write_bytes(manifest_text([first, row("b")]).encode())
    assert read_manifest(folder / "manifest.csv") == [first, row("b")]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"annotations": null}', '{"annotations": [], "id": "a"}'])
def test_a_damaged_row_is_no_row(tmp_path: Path, text: str) -> None:
    (tmp_path / "row.json").write_text(text)
    assert read_row(tmp_path / "row.json") is None
    assert read_row(tmp_path / "absent.json") is None


def test_the_digest_of_pixels_is_that_of_their_bytes() -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert pixels_sha256(pixels) == hashlib.sha256(bytes(range(24))).hexdigest()
    assert pixels_sha256(pixels[:, ::-1]) == pixels_sha256(pixels[:, ::-1].copy())


def test_every_part_changes_the_digest() -> None:
    base = ManifestRow("a", 3, 48, 64, "key", "source", {}, {}, "1", "2", "3", "4")
    others = [
        ManifestRow("b", 3, 48, 64, "key", "source", {}, {}, "1", "2", "3", "4"),
        ManifestRow("a", 3, 48, 64, "key", "source", {}, {}, "x", "2", "3", "4"),
        ManifestRow("a", 3, 48, 64, "key", "source", {}, {}, "1", "x", "3", "4"),
        ManifestRow("a", 3, 48, 64, "key", "source", {}, {}, "1", "2", "x", "4"),
        ManifestRow("a", 3, 48, 64, "key", "source", {}, {}, "1", "2", "3", "x"),
    ]
    assert len({item.digest for item in [base, *others]}) == 6
    # The number is no part: for most sources it is the place among the others, and nothing is seen of it.
    assert ManifestRow("a", 4, 48, 64, "key", "source", {}, {}, "1", "2", "3", "4").digest == base.digest
    assert ManifestRow("a", 3, 48, 64, "other", "source", {"gain": 2}, {}, "1", "2", "3", "4").digest == base.digest


@pytest.mark.parametrize(("numbers", "kept"), [((7, 9, 4), (7, 9, 4)), ((7, 9, 9), (1, 2, 3)), ((0, 9, 4), (1, 2, 3))])
def test_objects_keep_their_numbers_if_every_one_has_its_own(
    tmp_path: Path, numbers: tuple[int, int, int], kept: tuple[int, int, int]
) -> None:
    rows = [ManifestRow(id, place, 48, 64, "", "", {}, {}, "", "", "", "") for place, id in enumerate("dcba", start=5)]
    thing = {"category_id": 3, "bbox": [1.5, 2.0, 3.25, 4.0], "iscrowd": 0, "area": 13.0}
    labels = {
        "a": json.dumps([{**thing, "id": numbers[1]}, {**thing, "id": numbers[2]}]),
        "c": json.dumps([]),
        "d": json.dumps([{**thing, "id": numbers[0], "segmentation": {"size": [48, 64], "counts": "ü"}}]),
    }
    classes = Classes(instances=ClassSpace("mine", (3,), ("Straße",)))
    assert write_instances(tmp_path / "instances.json", rows, labels, classes) == 3
    whole = {
        "annotations": [
            {**thing, "id": kept[0], "image_id": 5, "segmentation": {"size": [48, 64], "counts": "ü"}},
            {**thing, "id": kept[1], "image_id": 8},
            {**thing, "id": kept[2], "image_id": 8},
        ],
        "categories": [{"id": 3, "name": "Straße"}],
        "images": [
            {"id": place, "file_name": f"{id}.png", "height": 48, "width": 64}
            for place, id in ((5, "d"), (6, "c"), (8, "a"))
        ],
        "info": {},
        "licenses": [],
    }
    text = json.dumps(whole, sort_keys=True, ensure_ascii=False) + "\n"
    assert (tmp_path / "instances.json").read_text(encoding="utf-8") == text


def test_a_dataset_without_objects_is_a_whole_file(tmp_path: Path) -> None:
    assert write_instances(tmp_path / "instances.json", [row()], {"a": "[]"}, Classes()) == 0
    content = json.loads((tmp_path / "instances.json").read_text())
    assert (content["annotations"], content["categories"], len(content["images"])) == ([], [], 1)
