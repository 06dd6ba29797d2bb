from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from bench.contract import Parameters
from bench.errors import ImageError, UserError
from synth.sources.folder import open_folder

CAMVID: Parameters = {"images": "val", "masks": "valannot", "space": "camvid"}


def test_photographs_and_masks(camvid_folder: Path) -> None:
    source = open_folder(camvid_folder, CAMVID)
    assert source.ids == ("a", "b", "c")
    assert source.size("a") == (48, 64)
    space = source.classes.labels
    assert space is not None
    assert (space.name, space.ids, space.names) == ("camvid", (0, 1, 2), ("sky", "building", "pole"))
    label_map = source.load("b").truth.label_map
    assert label_map is not None
    assert [label_map[row, 5] for row in (0, 12, 47)] == [0, 2, 255]


@pytest.mark.parametrize("ignore", ["void", "11", ("void", "building"), (11, 1)])
def test_ignored_classes_by_name_or_number(camvid_folder: Path, ignore: object) -> None:
    space = open_folder(camvid_folder, {**CAMVID, "ignore": ignore}).classes.labels  # type: ignore[dict-item]
    assert space is not None
    assert "void" not in space.names
    assert ("building" in space.names) is isinstance(ignore, str)


def test_photographs_alone(camvid_folder: Path) -> None:
    source = open_folder(camvid_folder / "val", {})
    assert source.classes.labels is None
    assert source.load("a").truth.label_map is None
    assert source.unpaired == []


def test_names_with_suffixes(camvid_folder: Path) -> None:
    for path in list((camvid_folder / "valannot").iterdir()):
        path.rename(path.with_name(f"{path.stem}_L.png"))
    with pytest.raises(UserError, match="set image_suffix or mask_suffix"):
        open_folder(camvid_folder, CAMVID)
    source = open_folder(camvid_folder, {**CAMVID, "mask_suffix": "_L"})
    assert source.load("a").truth.label_map is not None


def test_unknown_ids_in_a_mask_are_named(camvid_folder: Path) -> None:
    path = camvid_folder / "valannot" / "a.png"
    mask = np.asarray(Pillow.open(path)).copy()
    mask[0, :2] = 7, 9
    Pillow.fromarray(mask).save(path)
    source = open_folder(camvid_folder, CAMVID)
    with pytest.raises(ImageError, match="unknown class ids 7, 9"):
        source.load("a")
    source.load("b")


def test_unpaired_names_are_reported(camvid_folder: Path) -> None:
    (camvid_folder / "valannot" / "a.png").unlink()
    (camvid_folder / "val" / "c.png").unlink()
    source = open_folder(camvid_folder, CAMVID)
    assert source.unpaired == ["a", "c"]
    assert source.ids == ("a", "b")
    with pytest.raises(ImageError, match="no mask of that name"):
        source.load("a")


def test_a_mask_of_another_size(camvid_folder: Path) -> None:
    Pillow.new("L", (64, 50)).save(camvid_folder / "valannot" / "a.png")
    with pytest.raises(ImageError, match="expected 64x48"):
        open_folder(camvid_folder, CAMVID).load("a")


def test_a_colour_map_is_no_mask(camvid_folder: Path) -> None:
    Pillow.new("RGB", (64, 48)).save(camvid_folder / "valannot" / "a.png")
    with pytest.raises(ImageError, match="label map"):
        open_folder(camvid_folder, CAMVID).load("a")


def test_depth_maps_reach_the_photograph(camvid_folder: Path) -> None:
    (camvid_folder / "depth").mkdir()
    units = np.full((48, 64), 2560, dtype=np.uint16)
    units[:10] = 0
    Pillow.fromarray(units).save(camvid_folder / "depth" / "a.png")
    source = open_folder(camvid_folder, {**CAMVID, "depth": "depth"})
    depth = source.load("a").depth
    assert depth is not None
    assert depth[47, 0] == 10.0
    assert depth[0, 0] == np.inf
    assert source.load("b").depth is None
    identity = source.identity("a")
    assert open_folder(camvid_folder, CAMVID).identity("a") != identity
    near = open_folder(camvid_folder, {**CAMVID, "depth": "depth", "metres": 0.001}).load("a").depth
    assert near is not None
    assert near[47, 0] == pytest.approx(2.56)
    far = open_folder(camvid_folder, {**CAMVID, "depth": "depth", "metres": 1}).load("a").depth
    assert far is not None
    assert far[47, 0] == 2560
    Pillow.new("RGB", (64, 48)).save(camvid_folder / "depth" / "a.png")
    with pytest.raises(ImageError, match="depth map"):
        source.load("a")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda root: [path.unlink() for path in (root / "val").iterdir()], "holds no images"),
        (lambda root: (root / "classes.csv").unlink(), "no such class list"),
        (lambda root: (root / "classes.csv").write_text("number,label\n0,sky\n"), "columns id,name"),
        (lambda root: (root / "classes.csv").write_text("id,name\n0,sky\n0,road\n"), "distinct ids"),
        (lambda root: (root / "classes.csv").write_text("id,name\n300,sky\n"), "from 0 to 254"),
        (lambda root: (root / "classes.csv").write_bytes(b"\xff\xfe\x01"), "columns id,name"),
        (lambda root: (root / "val" / "a.jpg").write_bytes(b""), "share a stem"),
    ],
)
def test_an_unusable_folder_is_refused(camvid_folder: Path, change: Callable[[Path], object], said: str) -> None:
    change(camvid_folder)
    with pytest.raises(UserError, match=said):
        open_folder(camvid_folder, CAMVID)


def test_a_class_to_ignore_must_exist(camvid_folder: Path) -> None:
    with pytest.raises(UserError, match="viod"):
        open_folder(camvid_folder, {**CAMVID, "ignore": "viod"})


@pytest.mark.shared
def test_camvid_itself(shared: Path) -> None:
    source = open_folder(shared / "data/camvid", CAMVID)
    assert len(source.ids) == 101
    space = source.classes.labels
    assert space is not None
    assert len(space.ids) == 11
    label_map = source.load(source.ids[0]).truth.label_map
    assert label_map is not None
    assert set(np.unique(label_map)) <= {*range(11), 255}
