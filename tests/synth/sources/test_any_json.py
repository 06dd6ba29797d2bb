"""Label files with any value in any place: only the two errors that are raised on purpose come out."""

import copy
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from bench.errors import ImageError, UserError
from synth.sources.bdd import open_bdd
from synth.sources.coco import open_coco
from synth.sources.doctor import examine

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from([[], {}, [[]], [None], {"": 1}, "../x.jpg", -1, 0, 1e308, 10**400]),
)
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=5), st.dictionaries(st.text(max_size=3), SCALARS, max_size=3))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += places(item, (*path, key))
    return found


def with_value(content: Any, path: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(content)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed


COCO: dict[str, Any] = {
    "images": [{"id": 1, "file_name": "a.png", "height": 20, "width": 30}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5], "area": 25, "iscrowd": 0}
        | {"segmentation": [[1, 1, 6, 1, 6, 6]]},
        {"id": 2, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5], "iscrowd": 1}
        | {"segmentation": {"size": [20, 30], "counts": [10, 5, 585]}},
        {"id": 3, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}
        | {"segmentation": {"size": [20, 30], "counts": "e05?0000000o>"}},
    ],
    "categories": [{"id": 1, "name": "car"}],
}
SCALABEL: list[dict[str, Any]] = [
    {
        "name": "a.png",
        "attributes": {"weather": "clear"},
        "labels": [
            {"category": "car", "attributes": {"crowd": False}, "box2d": {"x1": 1, "y1": 1, "x2": 5, "y2": 5}},
            {"category": "lane", "poly2d": [{"vertices": [[0, 0]]}]},
        ],
    }
]


@pytest.fixture(scope="module")
def coco_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("coco")
    (root / "val2017").mkdir()
    (root / "annotations").mkdir()
    Pillow.new("RGB", (30, 20), (9, 99, 200)).save(root / "val2017/a.png")
    return root


@pytest.fixture(scope="module")
def bdd_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bdd")
    (root / "images/100k/val").mkdir(parents=True)
    (root / "labels/det_20").mkdir(parents=True)
    Pillow.new("RGB", (30, 20), (9, 99, 200)).save(root / "images/100k/val/a.png")
    return root


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(places(COCO)), VALUES)
def test_a_coco_file(coco_root: Path, place: tuple[Any, ...], value: object) -> None:
    (coco_root / "annotations/instances_val2017.json").write_text(json.dumps(with_value(COCO, place, value)))
    with suppress(UserError):
        source = open_coco(coco_root, {})
        list(examine(source))
        for id in source.ids:
            source.identity(id)
            source.objects(id)
            with suppress(ImageError):
                source.load(id)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(places(SCALABEL)), VALUES)
def test_a_scalabel_file(bdd_root: Path, place: tuple[Any, ...], value: object) -> None:
    (bdd_root / "labels/det_20/det_val.json").write_text(json.dumps(with_value(SCALABEL, place, value)))
    with suppress(UserError):
        source = open_bdd(bdd_root, {"image_size": "any"})
        list(examine(source))
        for id in source.ids:
            source.identity(id)
            source.attributes(id)
            source.objects(id)
            with suppress(ImageError):
                source.load(id)


def test_the_unchanged_files_are_sound(coco_root: Path, bdd_root: Path) -> None:
    (coco_root / "annotations/instances_val2017.json").write_text(json.dumps(COCO))
    (bdd_root / "labels/det_20/det_val.json").write_text(json.dumps(SCALABEL))
    assert list(examine(open_coco(coco_root, {}))) == []
    assert [found.fault for found in examine(open_bdd(bdd_root, {"image_size": "any"}))] == ["class absent"]
