import csv
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from pycocotools.coco import COCO

from bench.contract import Failure
from bench.errors import UserError
from bench.io.images import read_image
from synth.datasets.build import open_builder
from synth.datasets.recipe import Recipe
from synth.rain.presets import preset
from synth.rain.renderer import render

Content = dict[str, list[dict[str, object]]]
Relabel = Callable[[Path, object], None]


@pytest.fixture
def recipe(coco_folder: Path) -> Recipe:
    return Recipe("mini", "coco", coco_folder, rain="coco350_y", seed=3)


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def build(recipe: Recipe, folder: Path) -> list[Failure]:
    builder = open_builder(recipe, folder)
    failures = builder.render(builder.missing())
    builder.finish()
    return list(failures)


def render_in_another_process(recipe: Recipe, folder: Path, ids: list[str]) -> int:
    return len(open_builder(recipe, folder).render(ids))


def test_what_is_in_the_folder(recipe: Recipe, tmp_path: Path) -> None:
    assert build(recipe, tmp_path / "out") == []
    names = {f"{number:012}" for number in (10, 20, 30, 40, 50, 60)}
    for place, suffix in (("rainy", "png"), ("clean", "png"), ("rows", "json")):
        assert {path.name for path in (tmp_path / "out" / place).iterdir()} == {f"{name}.{suffix}" for name in names}
    with (tmp_path / "out/manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image_id"] for row in rows] == ["10", "20", "30", "40", "50", "60"]
    card = json.loads((tmp_path / "out/card.json").read_text())
    assert card["counts"] == {"chosen": 6, "rendered": 6, "objects": 6, "label_maps": 0, "label_pixels": 0}
    assert str(tmp_path) not in (tmp_path / "out/card.json").read_text()


def test_the_rain_is_the_renderer_s(recipe: Recipe, tmp_path: Path) -> None:
    build(replace(recipe, severity=1.5), tmp_path / "out")
    clean = read_image(tmp_path / "out/clean/000000000030.png")
    np.testing.assert_array_equal(clean, read_image(recipe.root / "val2017/000000000030.jpg"))  # type: ignore[operator]
    expected = render(clean, preset("coco350_y"), "3/mini/000000000030", 1.5).rainy
    np.testing.assert_array_equal(read_image(tmp_path / "out/rainy/000000000030.png"), expected)


def test_the_labels_are_a_coco_file_with_the_original_numbers(recipe: Recipe, tmp_path: Path) -> None:
    build(replace(recipe, count=4), tmp_path / "out")
    ours, theirs = (
        COCO(str(tmp_path / "out/labels/instances.json")),
        COCO(
            str(recipe.root / "annotations/instances_val2017.json")  # type: ignore[operator]
        ),
    )
    assert len(ours.imgs) == 4
    for number, annotation in ours.anns.items():
        original = theirs.anns[number]
        for field in ("bbox", "area", "category_id", "iscrowd", "image_id"):
            assert annotation[field] == original[field]
        np.testing.assert_array_equal(ours.annToMask(annotation), theirs.annToMask(original))
    assert all((tmp_path / "out/rainy" / image["file_name"]).is_file() for image in ours.imgs.values())


@pytest.mark.parametrize("number", [0, 1040, None])
def test_numbers_that_cannot_be_kept_are_counted_from_one(
    recipe: Recipe, tmp_path: Path, coco_content: Content, relabel: Relabel, number: object
) -> None:
    coco_content["annotations"][0]["id"] = number
    relabel(tmp_path / "coco", coco_content)
    assert build(recipe, tmp_path / "out") == []
    labels = json.loads((tmp_path / "out/labels/instances.json").read_text())
    assert [annotation["id"] for annotation in labels["annotations"]] == [1, 2, 3, 4, 5, 6]


def test_images_counted_from_zero_keep_their_numbers(
    recipe: Recipe, tmp_path: Path, coco_content: Content, relabel: Relabel
) -> None:
    for number, image in enumerate(coco_content["images"]):
        for annotation in coco_content["annotations"]:
            annotation["image_id"] = number if annotation["image_id"] == image["id"] else annotation["image_id"]
        image["id"] = number
    relabel(tmp_path / "coco", coco_content)
    builder = open_builder(recipe, tmp_path / "out")
    assert builder.render(builder.ids) == []
    dataset = builder.finish()
    assert [dataset.image_id(id) for id in dataset.ids] == [0, 1, 2, 3, 4, 5]
    instances = dataset.truth("000000000010").instances
    assert instances is not None
    assert len(instances.boxes) == 1


def test_label_maps(camvid_folder: Path, tmp_path: Path) -> None:
    parameters = {"images": "val", "masks": "valannot", "ignore": "void"}
    build(Recipe("roads", "folder", camvid_folder, parameters, rain="bdd150_y"), tmp_path / "out")
    labels = np.asarray(Pillow.open(tmp_path / "out/labels/semantic/a.png"))
    assert [labels[row, 0] for row in (0, 12, 47)] == [0, 2, 255]
    assert not (tmp_path / "out/labels/instances.json").exists()


def test_order_and_processes_do_not_matter(recipe: Recipe, tmp_path: Path) -> None:
    build(recipe, tmp_path / "one")
    ids = list(reversed(open_builder(recipe, tmp_path / "two").ids))
    assert pickle.loads(pickle.dumps(recipe)) == recipe  # noqa: S301
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        parts = [ids[:2], ids[2:]]
        assert list(pool.map(render_in_another_process, [recipe] * 2, [tmp_path / "two"] * 2, parts)) == [0, 0]
    open_builder(recipe, tmp_path / "two").finish()
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


def test_a_finished_dataset_is_not_rendered_again(recipe: Recipe, tmp_path: Path) -> None:
    build(recipe, tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out/rainy").iterdir()}
    files = files_of(tmp_path / "out")
    assert open_builder(recipe, tmp_path / "out").missing() == []
    build(recipe, tmp_path / "out")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out/rainy").iterdir()} == before
    assert files_of(tmp_path / "out") == files


@pytest.mark.parametrize(
    "change",
    [{"seed": 4}, {"severity": 0.5}, {"rain": "bdd350_y"}, {"rain_parameters": {"angle": 5.0}}, {"name": "other"}],
)
def test_another_recipe_is_another_dataset(recipe: Recipe, tmp_path: Path, change: dict[str, object]) -> None:
    build(recipe, tmp_path / "out")
    other = replace(recipe, **change)  # type: ignore[arg-type]
    assert len(open_builder(other, tmp_path / "out").missing()) == 6
    build(other, tmp_path / "out")
    build(other, tmp_path / "fresh")
    assert files_of(tmp_path / "out") == files_of(tmp_path / "fresh")


def test_only_what_changed_is_rendered_again(
    recipe: Recipe, tmp_path: Path, coco_content: Content, relabel: Relabel
) -> None:
    build(recipe, tmp_path / "out")
    coco_content["annotations"][0]["bbox"] = [8.0, 4.0, 20.0, 15.0]
    relabel(tmp_path / "coco", coco_content)
    (tmp_path / "out/clean/000000000050.png").unlink()
    (tmp_path / "out/rows/000000000060.json").write_text('{"key": ')
    missing = open_builder(recipe, tmp_path / "out").missing()
    assert missing == ["000000000010", "000000000050", "000000000060"]


def test_images_that_are_no_longer_chosen_disappear(recipe: Recipe, tmp_path: Path) -> None:
    build(recipe, tmp_path / "out")
    (tmp_path / "out/rainy/.half.png.x.part").write_bytes(b"half")
    builder = open_builder(replace(recipe, count=2), tmp_path / "out")
    assert builder.missing() == []
    builder.finish()
    assert len(files_of(tmp_path / "out")) == 3 * 2 + 3


def test_killed_and_started_again(recipe: Recipe, tmp_path: Path) -> None:
    build(recipe, tmp_path / "whole")
    program = (
        "import sys, time, pickle; from pathlib import Path; from synth.datasets.build import open_builder\n"
        "recipe = pickle.load(sys.stdin.buffer)\n"
        "builder = open_builder(recipe, Path(sys.argv[1]))\n"
        "builder.render(builder.ids[:2])\n"
        "for id in builder.ids[2:]: builder.render([id]); time.sleep(5)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "out")], stdin=subprocess.PIPE, env=environment
    )
    assert process.stdin is not None
    process.stdin.write(pickle.dumps(recipe))
    process.stdin.close()
    deadline = time.monotonic() + 60
    while len(list((tmp_path / "out/rows").glob("*.json"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 1 <= len(open_builder(recipe, tmp_path / "out").missing()) < 6
    build(recipe, tmp_path / "out")
    assert files_of(tmp_path / "out") == files_of(tmp_path / "whole")


def spoil(path: Path, how: str) -> None:
    """Damage one photograph."""
    picture = Pillow.open(path)
    exif = Pillow.Exif()
    exif[0x0112] = 3
    if how == "truncated":
        path.write_bytes(path.read_bytes()[:700])
    elif how == "absent":
        path.unlink()
    elif how == "rotated by EXIF":
        picture.save(path, exif=exif)
    elif how == "expected 64x48 pixels as in the labels, found 64x40":
        picture.crop((0, 0, 64, 40)).save(path)
    elif how == "not a readable image":
        path.write_text("<html>404</html>")


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("truncated", "truncated or damaged"),
        ("absent", "no such image"),
        ("rotated by EXIF", "rotated by EXIF"),
        ("expected 64x48 pixels as in the labels, found 64x40", "expected 64x48 pixels as in the labels, found 64x40"),
        ("not a readable image", "not a readable image"),
    ],
)
def test_one_bad_photograph_is_a_failure(recipe: Recipe, tmp_path: Path, how: str, said: str) -> None:
    spoil(tmp_path / "coco/val2017/000000000030.jpg", how)
    (failure,) = build(recipe, tmp_path / "out")
    assert (failure.dataset, failure.image, failure.stage) == ("mini", "000000000030", "render")
    assert said in failure.reason
    assert "000000000030.jpg" in failure.reason
    assert len(list((tmp_path / "out/rainy").iterdir())) == 5


def test_a_grey_photograph_is_rained_on(recipe: Recipe, tmp_path: Path) -> None:
    path = tmp_path / "coco/val2017/000000000030.jpg"
    Pillow.open(path).convert("L").save(path)
    assert build(recipe, tmp_path / "out") == []
    assert read_image(tmp_path / "out/rainy/000000000030.png").shape == (48, 64, 3)


def test_a_mask_with_unknown_ids_is_a_failure(camvid_folder: Path, tmp_path: Path) -> None:
    Pillow.new("L", (64, 48), 77).save(camvid_folder / "valannot/b.png")
    parameters = {"images": "val", "masks": "valannot"}
    (failure,) = build(Recipe("roads", "folder", camvid_folder, parameters, rain="bdd150_y"), tmp_path / "out")
    assert failure.image == "b"
    assert "unknown class ids 77" in failure.reason


def test_a_photograph_mended_later_is_rendered_then(recipe: Recipe, tmp_path: Path) -> None:
    path = tmp_path / "coco/val2017/000000000030.jpg"
    whole = path.read_bytes()
    path.write_bytes(b"")
    assert len(build(recipe, tmp_path / "out")) == 1
    path.write_bytes(whole)
    assert open_builder(recipe, tmp_path / "out").missing() == ["000000000030"]
    assert build(recipe, tmp_path / "out") == []
    build(recipe, tmp_path / "fresh")
    assert files_of(tmp_path / "out") == files_of(tmp_path / "fresh")


def test_nothing_could_be_rendered(recipe: Recipe, tmp_path: Path) -> None:
    for path in (tmp_path / "coco/val2017").iterdir():
        path.write_bytes(b"")
    with pytest.raises(UserError, match="none of the 6"):
        build(recipe, tmp_path / "out")


def test_a_renderer_that_breaks_is_a_failure(recipe: Recipe, tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "class Broken:\n"
        "    fingerprint = 'broken'\n"
        "    def __call__(self, image, /, key, severity=1.0, depth=None):\n"
        "        raise ZeroDivisionError(key)\n"
        "def build(parameters):\n"
        "    return Broken()\n"
    )
    builder = open_builder(replace(recipe, rain=f"{plugin}:build"), tmp_path / "out")
    failures = builder.render(builder.ids[:2])
    assert [failure.reason.split(":")[0] for failure in failures] == ["ZeroDivisionError"] * 2


def test_a_source_without_rain_needs_a_renderer(recipe: Recipe, tmp_path: Path) -> None:
    builder = open_builder(replace(recipe, rain=""), tmp_path / "out")
    assert "no rainy image" in builder.render(builder.ids[:1])[0].reason


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"source": "cocoo"}, "Did you mean coco"),
        ({"rain": "coco350"}, "Presets: coco350_y"),
        ({"rain_parameters": {"colour": 1}}, "unknown rain parameter"),
        ({"parameters": {"colour": 1}}, "unknown parameter colour"),
    ],
)
def test_wrong_recipes_are_refused(recipe: Recipe, tmp_path: Path, change: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        open_builder(replace(recipe, **change), tmp_path / "out")  # type: ignore[arg-type]


def test_opening_writes_nothing(recipe: Recipe, tmp_path: Path) -> None:
    assert len(open_builder(recipe, tmp_path / "out").missing()) == 6
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_left_alone(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "photos/clean").mkdir(parents=True)
    (tmp_path / "photos/clean/holiday.png").write_bytes(b"precious")
    with pytest.raises(UserError, match="not empty and no dataset"):
        open_builder(recipe, tmp_path / "photos")
    assert files_of(tmp_path / "photos") == {"clean/holiday.png": b"precious"}


def test_a_plugin_leaves_no_path_in_the_dataset(recipe: Recipe, tmp_path: Path) -> None:
    for place in ("here", "there"):
        plugin = tmp_path / place / "mine.py"
        plugin.parent.mkdir()
        plugin.write_text(
            "from synth.sources.coco import open_coco as open_mine\nfrom synth.rain.renderer import build\n"
        )
        changed = replace(recipe, source=f"{plugin}:open_mine", rain=f"mine-too={plugin}:build", count=1)
        assert build(changed, tmp_path / f"out-{place}") == []
    assert files_of(tmp_path / "out-here") == files_of(tmp_path / "out-there")


def test_real_rain_is_the_photograph_itself(coco_folder: Path, recipe: Recipe, tmp_path: Path) -> None:
    real = replace(recipe, rain="real")
    assert build(recipe, tmp_path / "out") == build(real, tmp_path / "out") == []
    dataset = open_builder(real, tmp_path / "out").finish()
    sample = dataset.load("000000000020")
    np.testing.assert_array_equal(sample.rainy, read_image(coco_folder / "val2017/000000000020.jpg"))
    assert sample.clean is None
    assert sample.truth.instances is not None
    assert not list((tmp_path / "out/clean").iterdir())  # those of the recipe before
    assert open_builder(real, tmp_path / "out").missing() == []
    assert not open_builder(real, tmp_path / "out").has_clean
    assert open_builder(recipe, tmp_path / "out").has_clean


def test_without_rain_the_message_names_real_rain(recipe: Recipe, tmp_path: Path) -> None:
    builder = open_builder(replace(recipe, rain=""), tmp_path / "out")
    assert "or rain = 'real' if it rains in the photographs" in builder.render(builder.missing())[0].reason
