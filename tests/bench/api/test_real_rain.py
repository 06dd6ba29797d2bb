"""Rain that is in the photographs: a run without clean images has the numbers of the run from which they were taken."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bench.api.datasets import build_dataset
from bench.api.merge import merge_runs
from bench.api.run import open_suite, plan_run, run_suite
from bench.api.verify import verify_run
from bench.contract import Options
from bench.errors import UserError
from bench.runs.card import read_card
from bench.runs.records import read_records
from bench.runs.shards import Shard
from bench.scoring.intervals import paired_differences
from bench.suites.suite import Suite, parse_suite
from tests.bench.conftest import SUITE

ORDINARY = """
derainers = ["rain", "classical", "prenet-small", "clean"]
resamples = 50
[datasets.boxes]
source = "streets"
parameters = { count = 40 }
rain = "streets_y"
count = 10
tasks = ["detection"]
[datasets.maps]
source = "streets"
parameters = { count = 40 }
rain = "streets_y"
count = 10
tasks = ["semantic"]
[tasks.detection]
model = "shipped:streets-yolo"
[tasks.semantic]
model = "shipped:streets-unet"
"""
REAL = """
derainers = ["rain", "classical", "prenet-small"]
resamples = 50
[datasets.boxes]
source = "coco"
root = "boxes"
parameters = { annotations = "labels/instances.json", images = "rainy", space = "streets" }
rain = "real"
tasks = ["detection"]
[datasets.maps]
source = "folder"
root = "maps"
parameters = { images = "rainy", masks = "labels/semantic", space = "cityscapes" }
rain = "real"
tasks = ["semantic"]
[tasks.detection]
model = "shipped:streets-yolo"
[tasks.semantic]
model = "shipped:streets-unet"
"""
UNLABELLED = """
derainers = ["rain", "classical"]
resamples = 20
[tasks.semantic]
model = "shipped:streets-unet"
[datasets.photos]
source = "folder"
root = "photos"
rain = "real"
parameters = { images = "images", masks = "masks", space = "cityscapes" }
"""
DRY = """
[datasets.dry]
source = "folder"
root = "dry"
rain = "real"
"""
PHOTOS = SUITE.replace('"coco350_y"', '"real"').replace(', "clean"', "")

SHARED = """
derainers = [{rows}]
resamples = 200
[datasets.coco350]
source = "coco"
root = "coco"
rain = "coco350_y"
objects = 1
count = {count}
tasks = ["detection"]
[datasets.camvid]
source = "folder"
root = "camvid"
rain = "camvid_y"
parameters = {{ images = "val", masks = "valannot", classes = "classes.csv", ignore = "void", space = "camvid" }}
count = {count}
tasks = ["semantic"]
[tasks.detection]
model = "ultralytics:{models}/detection/yolov8n_int8.tflite"
[tasks.semantic]
model = "smp:{models}/semantic/camvid_fpn"
"""
SHARED_REAL = """
derainers = [{rows}]
resamples = 200
[datasets.coco350]
source = "coco"
root = "coco350"
parameters = {{ annotations = "labels/instances.json", images = "rainy" }}
rain = "real"
tasks = ["detection"]
[datasets.camvid]
source = "folder"
root = "camvid"
parameters = {{ images = "rainy", masks = "labels/semantic", space = "camvid" }}
rain = "real"
tasks = ["semantic"]
[tasks.detection]
model = "ultralytics:{models}/detection/yolov8n_int8.tflite"
[tasks.semantic]
model = "smp:{models}/semantic/camvid_fpn"
"""

CALM = """
import numpy as np
from PIL import Image, ImageFilter


def calm(options):
    return lambda rainy: np.asarray(Image.fromarray(rainy).filter(ImageFilter.MedianFilter(5)))
"""

Gain = tuple[float, float, float, float, int]


def suite_of(text: str) -> Suite:
    return parse_suite(text, "test", "suite.toml")


def gains_of(run: Path) -> dict[tuple[str, str, str], Gain]:
    """Every metric's gain over the rain with its interval, p and images, by dataset, row and metric."""
    rows = [name for name in read_card(run).rows if name not in ("rain", "clean")]
    return {
        (one.first.dataset, one.first.derainer, one.first.metric): (
            one.value, one.ends.low, one.ends.high, one.p, one.images,
        )
        for one in paired_differences(run, read_records(run), [(row, "rain") for row in rows])
        if "pseudo_gt" not in one.first.metric
    }  # fmt: skip


def put_away(dataset: Path, folder: Path) -> Path:
    """Keep of a rained dataset what somebody in the rain would bring home: photographs and their labels."""
    for place in ("rainy", "labels"):
        shutil.copytree(dataset / place, folder / place)
    classes = json.loads((dataset / "card.json").read_text())["classes"]["labels"]
    if classes:
        lines = [f"{id},{name}" for id, name in zip(classes["ids"], classes["names"], strict=True)]
        (folder / "classes.csv").write_text("\n".join(["id,name", *lines]) + "\n")
    return folder


@pytest.mark.slow
def test_gains_without_clean_images_are_those_of_the_ordinary_run(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    assert run_suite(suite_of(ORDINARY), tmp_path / "ordinary").failures == []
    roots = {name: put_away(tmp_path / "ordinary/data" / name, tmp_path / name) for name in ("boxes", "maps")}
    assert run_suite(suite_of(REAL), tmp_path / "real", roots=roots).failures == []
    found = gains_of(tmp_path / "real")
    assert found == gains_of(tmp_path / "ordinary")
    assert {("boxes", "prenet-small", "AP"), ("maps", "classical", "mIoU")} <= found.keys()
    assert verify_run(tmp_path / "real") == []
    assert not list((tmp_path / "real/data").rglob("clean/*.png"))


def test_rows_of_clean_images_are_refused_before_any_work(photos: Path, tmp_path: Path) -> None:
    for row in ("clean", "clean+classical"):
        suite = suite_of(PHOTOS.replace('"classical"', f'"classical", "{row}"'))
        with pytest.raises(UserError, match=r"row clean.*: dataset photos has no clean images.*--derainers.*--gain"):
            open_suite(suite, {"photos": photos})
    assert not (tmp_path / "out").exists()


def test_what_compares_with_clean_images_is_refused_with_what_to_ask_instead(photos: Path, tmp_path: Path) -> None:
    expected = r'task quality: dataset photos has no clean images.*--tasks.*metrics = \["niqe", "sseq"\]'
    with pytest.raises(UserError, match=expected):
        plan_run(open_suite(suite_of(PHOTOS), {"photos": photos}), tmp_path / "out")
    with pytest.raises(UserError, match=expected):
        run_suite(suite_of(PHOTOS), tmp_path / "out", roots={"photos": photos})
    assert not (tmp_path / "out").exists()


def test_a_set_of_real_rain_refuses_them_too(photos: Path, tmp_path: Path) -> None:
    text = PHOTOS.replace('source = "folder"', 'source = "pairs"').replace('rain = "real"\n', "")
    text = text.replace('images = "images"\nmasks = "masks"', 'set = "real200"').replace('"classical"', '"clean"')
    (photos / "images").rename(photos / "input")
    with pytest.raises(UserError, match="row clean: dataset photos has no clean images, because its rain is real"):
        plan_run(open_suite(suite_of(text), {"photos": photos}), tmp_path / "out")


def test_a_merged_run_without_clean_images_is_that_of_one_machine(photos: Path, tmp_path: Path) -> None:
    suite = suite_of(UNLABELLED)
    whole = run_suite(suite, tmp_path / "whole", roots={"photos": photos})
    parts = [tmp_path / "one", tmp_path / "two"]
    for number, part in enumerate(parts, start=1):
        run_suite(suite, part, roots={"photos": photos}, shard=Shard(number, 2))
    assert merge_runs(tmp_path / "merged", parts).records == whole.records
    assert read_card(tmp_path / "merged").without_clean == ["photos"]
    assert verify_run(tmp_path / "merged") == []


def test_a_reference_without_its_folder_is_left_out_with_it(photos: Path) -> None:
    suite = suite_of(UNLABELLED.replace('rain = "real"', 'rain = "real"\nreference = "dry"') + DRY)
    opened = open_suite(suite, {"photos": photos})
    left = opened.without(opened.missing())
    assert list(left.suite.datasets) == ["photos"]
    assert left.suite.datasets["photos"].reference == ""


@pytest.mark.slow
@pytest.mark.shared
def test_photographs_rained_on_once_and_used_as_real_rain(shared: Path, tmp_path: Path) -> None:
    for library in ("ultralytics", "ai_edge_litert", "segmentation_models_pytorch"):
        pytest.importorskip(library, exc_type=ImportError)
    gains_of_both(shared, tmp_path, count=10)


def gains_of_both(shared: Path, folder: Path, count: int) -> None:
    """Build two datasets, put their clean images away, and run what is left beside the ordinary run."""
    (folder / "calm.py").write_text(CALM)
    rows = f'"rain", "classical", "ddn", "{folder}/calm.py:calm"'
    models, data = shared / "models", shared / "data"
    options = Options(offline=True, weights_dirs=(models,))
    ordinary = suite_of(SHARED.format(rows=f'{rows}, "clean"', models=models, count=count))
    sources = {name: data / name for name in ("coco", "camvid")}
    assert run_suite(ordinary, folder / "ordinary", roots=sources, options=options).failures == []
    roots = {}
    for name, config in ordinary.datasets.items():
        dataset, failures = build_dataset(name, config, sources[config.root], folder / "built" / name)
        assert (len(dataset.ids), failures) == (count, [])
        roots[name] = put_away(folder / "built" / name, folder / name)
    real = suite_of(SHARED_REAL.format(rows=rows, models=models))
    assert run_suite(real, folder / "real", roots=roots, options=options).failures == []
    found = gains_of(folder / "real")
    assert found == gains_of(folder / "ordinary")
    assert {("coco350", "ddn", "AP"), ("camvid", "calm", "mIoU")} <= found.keys()


@pytest.mark.shared
def test_qualities_that_need_no_clean_image(tmp_path: Path, shared: Path) -> None:
    text = PHOTOS.replace('images = "images"\nmasks = "masks"', 'images = "quality"')
    suite = suite_of(text + 'metrics = ["niqe", "sseq"]\n')
    options = Options(offline=True, weights_dirs=(shared / "models",))
    result = run_suite(suite, tmp_path / "out", roots={"photos": shared / "data"}, options=options)
    assert {record.metric for record in result.records} == {"niqe", "sseq"}
    assert result.failures == []
