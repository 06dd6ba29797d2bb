"""Folders made to do harm: what is bad is refused by name, nothing is written elsewhere, the rest is built."""

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image as Pillow

from synth.datasets.build import open_builder
from synth.datasets.recipe import Recipe

Content = dict[str, list[dict[str, object]]]
Relabel = Callable[[Path, object], None]
Make = Callable[[int, int, int], npt.NDArray[np.uint8]]


def write_bomb(path: Path, side: int = 30_000) -> None:
    """A whole, valid PNG of side x side black pixels in a few hundred kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(1)
    row = bytes(1 + side // 8)
    packed = b"".join(packer.compress(row * 1000) for _ in range(side // 1000)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b""))


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_coco_folder(tmp_path: Path, coco_folder: Path, coco_content: Content, relabel: Relabel) -> None:
    coco_content["images"][1]["file_name"] = "../../escaped.jpg"
    coco_content["annotations"][3]["bbox"] = [float("nan"), 0, 1, 1]
    coco_content["images"][3].update(height=30_000, width=30_000)
    relabel(coco_folder, coco_content)
    (tmp_path / "escaped.jpg").write_bytes((coco_folder / "val2017/000000000010.jpg").read_bytes())
    (coco_folder / "val2017/000000000010.jpg").write_bytes(b"")
    write_bomb(coco_folder / "val2017/000000000040.jpg")
    before = files_below(tmp_path)

    builder = open_builder(Recipe("hostile", "coco", coco_folder, rain="coco350_y"), tmp_path / "out")
    failures = builder.render(builder.missing())
    dataset = builder.finish()

    said = {failure.image: failure.reason for failure in failures}
    assert all((failure.stage, failure.dataset) == ("render", "hostile") for failure in failures)
    assert "names '../../escaped.jpg', which is not a file below" in said["../../escaped"]
    assert "000000000030.jpg: annotation 1030: expected a bbox of four finite numbers" in said["000000000030"]
    assert "000000000010.jpg: not a readable image" in said["000000000010"]
    assert "000000000040.jpg" in said["000000000040"]
    assert "pixels" in said["000000000040"]
    assert len(said) == 4
    assert dataset.ids == ("000000000050", "000000000060")
    assert {name for name in files_below(tmp_path) if not name.startswith("out/")} == before


def test_a_folder_of_images_and_masks(tmp_path: Path, camvid_folder: Path) -> None:
    write_bomb(camvid_folder / "valannot/a.png")
    (camvid_folder / "val/b.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    recipe = Recipe("hostile", "folder", camvid_folder, {"images": "val", "masks": "valannot"}, rain="bdd150_y")
    builder = open_builder(recipe, tmp_path / "out")
    failures = builder.render(builder.missing())
    assert {failure.image: failure.reason.split(":")[0].split("/")[-1] for failure in failures} == {
        "a": "a.png",
        "b": "b.png",
    }
    assert builder.finish().ids == ("c",)


@pytest.mark.parametrize("id", ["../../evil", "/etc/evil", "a/b", "..", ".hidden", "nul\0byte", "x" * 150, "naïve ☂"])
def test_a_source_with_strange_names(tmp_path: Path, id: str) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "import numpy as np\n"
        "from bench.contract import Classes, Photograph, Truth\n"
        f"ID = {id!r}\n"
        "class Mine:\n"
        "    name, classes, ids = 'mine', Classes(), (ID,)\n"
        "    def size(self, id, /):\n"
        "        return (16, 16)\n"
        "    def load(self, id, /):\n"
        "        image = np.zeros((16, 16, 3), np.uint8)\n"
        "        return Photograph(id, image, image, Truth((16, 16)))\n"
        "def open_mine(root, parameters):\n"
        "    return Mine()\n"
    )
    builder = open_builder(Recipe("strange", f"{plugin}:open_mine"), tmp_path / "deep/er/out")
    assert builder.render(builder.ids) == []
    dataset = builder.finish()
    assert dataset.ids == (id,)
    assert dataset.load(id).rainy.shape == (16, 16, 3)
    written = files_below(tmp_path) - {"mine.py"}
    assert {name for name in written if "__pycache__" not in name and not name.startswith("deep/er/out/")} == set()
    assert len([name for name in written if name.startswith("deep/er/out/rainy/")]) == 1


def test_a_folder_of_links_to_nowhere(tmp_path: Path, image_of: Make) -> None:
    root = tmp_path / "photos"
    root.mkdir()
    Pillow.fromarray(image_of(48, 64, 1)).save(root / "good.png")
    (root / "loop.png").symlink_to(root / "loop.png")
    (root / "folder.png").mkdir()
    builder = open_builder(Recipe("links", "folder", root, rain="bdd150_y"), tmp_path / "out")
    assert {failure.image for failure in builder.render(builder.ids)} == {"loop", "folder"}
    assert builder.finish().ids == ("good",)


def test_a_deep_and_a_wide_json(tmp_path: Path, coco_folder: Path, coco_content: Content) -> None:
    path = coco_folder / "annotations/instances_val2017.json"
    coco_content["annotations"][0]["segmentation"] = json.loads("[" * 500 + "]" * 500)
    coco_content["annotations"][1]["segmentation"] = {"size": [48, 64], "counts": "o" * 1_000_000}
    coco_content["annotations"][3]["id"] = 10**400
    coco_content["annotations"][4]["bbox"] = [10**400, 0, 1, 1]
    path.write_text(json.dumps(coco_content))
    builder = open_builder(Recipe("deep", "coco", coco_folder, rain="coco350_y"), tmp_path / "out")
    failures = {failure.image: failure.reason for failure in builder.render(builder.ids)}
    assert set(failures) == {"000000000040"}  # the others have boxes, and masks that are none
    assert not any("Error" in reason for reason in failures.values())


@pytest.mark.parametrize(
    "name", ["\ud800.jpg", "x" * 5000 + ".jpg", "a/" * 40 + "b.jpg", "line\nbreak.jpg", "  ", "..jpg"]
)
def test_file_names_that_no_system_takes(
    tmp_path: Path, coco_folder: Path, coco_content: Content, relabel: Relabel, name: str
) -> None:
    coco_content["images"][0]["file_name"] = name
    relabel(coco_folder, coco_content)
    builder = open_builder(Recipe("names", "coco", coco_folder, rain="coco350_y"), tmp_path / "out")
    (failure,) = builder.render(builder.ids)
    assert failure.image == builder.ids[0]
    assert failure.image.encode()
    assert "not a file below" in failure.reason or "no such image" in failure.reason
    assert len(builder.finish().ids) == 5
