"""Tasks that nobody here knows get their pictures, too: by the type of their evidence and by their protocols."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from bench.api.report import write_report
from bench.contract import ClassSpace, Detections
from bench.io.masks import encode
from bench.protocols import Drawable
from bench.report.evidence import LEAST_SCORE, EvidenceStyle, find_styles, read_evidence
from bench.report.layers import IGNORED, RIGHT, UNMATCHED, WRONG, layer_of, true_layer
from bench.runs.folder import RunStore
from bench.runs.rows import Row
from synth.datasets.dataset import FolderDataset, open_dataset
from tests.bench.plugin_tasks import NAMES

SIZE = (8, 12)
SPACE = ClassSpace("own", (3, 7), ("car", "bus"))


def gallery_of(page: Path) -> dict[str, Any]:
    (island,) = re.findall(r'class="gallery-data">(.*?)</script>', page.read_text(encoding="utf-8"), re.DOTALL)
    found: dict[str, Any] = json.loads(island)
    return found


def states(gallery: dict[str, Any], task: str) -> set[int]:
    return {box[6] for image in gallery["images"] for box in image["seen"][task]["mine"]["boxes"]}


def test_a_plug_in_has_boxes_colours_curve_and_masks(own_tasks: Path) -> None:
    gallery = gallery_of(own_tasks / "with.html")
    assert dict(gallery["tasks"]) == {
        "finder": "boxes (finder)", "matcher": "boxes (matcher)", "zones": "classes of pixels (zones)"
    }  # fmt: skip
    assert states(gallery, "finder") == {UNMATCHED}
    assert states(gallery, "matcher") == {WRONG, RIGHT, IGNORED}
    for image in gallery["images"]:
        scores = {task: [box[5] for box in image["seen"][task]["mine"]["boxes"]] for task in ("finder", "matcher")}
        assert min(scores["matcher"]) >= 0.5
        assert min(scores["finder"]) >= LEAST_SCORE
        assert image["seen"]["finder"]["truth"]["boxes"] == image["seen"]["matcher"]["truth"]["boxes"] != []
        assert image["seen"]["zones"]["mine"]["classes"]
        assert "mask" in image["seen"]["zones"]["truth"]
    text = (own_tasks / "with.html").read_text(encoding="utf-8")
    assert "Precision and recall, matcher" in text
    assert "IoU at least 0.70" in text
    assert "Precision and recall, finder" not in text


def test_without_its_package_a_task_is_drawn_in_one_colour(own_tasks: Path, tmp_path: Path) -> None:
    page = write_report(own_tasks / "run", tmp_path / "without.html").path
    gallery = gallery_of(page)
    assert [task for task, _ in gallery["tasks"]] == list(NAMES)
    assert states(gallery, "matcher") == {UNMATCHED}
    assert "Precision and recall" not in page.read_text(encoding="utf-8")


def test_image_quality_and_what_has_no_evidence_are_not_drawn(own_tasks: Path, tmp_path: Path) -> None:
    run, rows = own_tasks / "run", ["rain", "mine", "clean"]
    dataset = open_dataset(run / "data/streets")
    tasks = dict.fromkeys(["quality", "finder", "zones"])
    found = find_styles(RunStore(run), dataset, "streets", rows, tasks)
    assert [style.task for style in found] == ["finder", "zones"]
    bare = tmp_path / "bare"
    shutil.copytree(run, bare, ignore=shutil.ignore_patterns("finder"))
    assert [style.task for style in find_styles(RunStore(bare), dataset, "streets", rows, tasks)] == ["zones"]


def test_what_does_not_fit_the_image_is_left_out(tmp_path: Path, dataset: FolderDataset) -> None:
    store, row, id = RunStore(tmp_path / "run"), Row("d", "mine", "finder"), dataset.ids[0]
    sample = dataset.load(id)
    right, other = (encode(np.ones(size, dtype=bool)) for size in (sample.truth.size, (5, 4)))
    style = EvidenceStyle("finder", SPACE, "masks")
    for mask, drawn in ((right, True), (other, False)):
        boxes = np.array([[0.0, 0, 5, 5], [1, 1, 6, 6], [2, 2, 7, 7]])
        seen = Detections(boxes, np.array([0.9, 0.8, 0.1]), np.array([7, 5, 3]), (mask, mask, mask))
        store.write_evidence(row, id, seen, "key")
        assert (read_evidence(store, row, id, sample.truth.size) is not None) is drawn
        layer = layer_of(store, row, style, sample, (12, 8))
        assert (layer is not None) is drawn
        if layer:
            assert layer["boxes"] == [[0.0, 0.0, 5.0, 5.0, 1, 0.9, UNMATCHED]], "no unknown class, no low score"
            assert layer["classes"] == [1]
    assert read_evidence(store, row, "absent", sample.truth.size) is None
    assert layer_of(store, Row("d", "nobody", "finder"), style, sample, (12, 8)) is None
    assert true_layer(style, sample, (12, 8)) == {}, "photographs without labelled objects"


def test_tasks_about_objects_are_drawable_and_others_are_not(finished: Path) -> None:
    from tasks import TASKS
    from tests.bench.report_folder import SCORING

    classes = open_dataset(finished / "data/streets").classes
    drawable = {
        name
        for name, scoring in SCORING.items()
        if isinstance(TASKS.load(TASKS.find(name))(scoring, classes), Drawable)
    }
    assert drawable == {"detection", "instances"}
