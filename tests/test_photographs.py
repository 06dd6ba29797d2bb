"""The published run ``results/photographs`` stands in one table with what this version of the code writes.

A raised version of a task makes this fail: the published run then has to be made again, as ``results/README.md`` says.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench.contract import Classes, ClassSpace, Parameter
from bench.errors import UserError
from bench.io.files import write_json
from bench.protocols import Task
from bench.runs.card import TaskCard, read_card
from bench.runs.records import long, read_records, write_frame
from bench.scoring.protocol_hash import ProtocolParts, differences, hash_of, parts_of
from bench.tables.joining import join_runs
from synth.datasets.build import open_renderer
from tasks import TASKS

PUBLISHED = Path(__file__).resolve().parents[1] / "results/photographs"
CARD = read_card(PUBLISHED)
PLACES = [(dataset, task) for dataset, tasks in CARD.tasks.items() for task in tasks]


def task_of(dataset: str, name: str, **changes: Parameter) -> Task:
    """The task as this code makes it from the published card; its model is only on record."""
    noted = CARD.tasks[dataset][name]
    found = json.loads(noted.fingerprint).get("classes")
    space = ClassSpace(found[0], tuple(found[1]), tuple(found[2])) if found else None
    return TASKS.load(TASKS.named(name))({**noted.scoring, **changes}, Classes(space, space))


def parts_of_this_code(dataset: str, name: str) -> ProtocolParts:
    """Protocol parts of a run by this code of the published model in the published rain on the published images."""
    noted, published = CARD.tasks[dataset][name], CARD.protocols[dataset][name].parts
    task = task_of(dataset, name)
    model = json.loads(noted.fingerprint)
    # The rules name the backend's usual overlap, which a model on record does not know.
    usual = {"nms_overlap": model["nms_overlap"]} if "nms_overlap" in model else {}
    card = TaskCard(
        model=task.model,
        version=task.version,
        protocol=task_of(dataset, name, **usual).protocol,
        scoring=task.scoring,
        fingerprint=noted.fingerprint if task.model else task.fingerprint,
        code="a digest of its own",
    )
    rain = published["rain"]
    assert isinstance(rain, dict)
    return {**parts_of(name, card, rain, []), "images": published["images"]}


@pytest.mark.parametrize(("dataset", "name"), PLACES)
def test_the_published_protocol_is_that_of_this_code(dataset: str, name: str) -> None:
    published = CARD.protocols[dataset][name]
    assert differences(published.parts, parts_of_this_code(dataset, name)) == []
    assert published.hash == hash_of(published.parts) == hash_of(parts_of_this_code(dataset, name))


@pytest.mark.parametrize("dataset", CARD.datasets)
def test_the_published_rain_is_of_the_renderers_version(dataset: str) -> None:
    rain = CARD.protocols[dataset]["quality"].parts["rain"]
    assert isinstance(rain, dict)
    assert open_renderer(rain["preset"], {}).fingerprint.startswith(f"{rain['renderer']} ")


def test_every_published_number_has_its_protocols_hash() -> None:
    hashes = {(dataset, task): CARD.protocols[dataset][task].hash for dataset, task in PLACES}
    assert {(record.dataset, record.task): record.protocol_hash for record in read_records(PUBLISHED)} == hashes


def write_run(root: Path, parts: ProtocolParts) -> None:
    """Write a run folder of one more derainer, measured on the published COCO images under a protocol."""
    records = [
        replace(record, derainer="mine", value=record.value + 1, protocol_hash=hash_of(parts))
        for record in read_records(PUBLISHED)
        if (record.dataset, record.derainer, record.task) == ("coco350", "rain", "quality")
    ]
    write_frame(root / "records.csv", long(records))
    noted = {"coco350": {"quality": {"hash": hash_of(parts), "parts": parts}}}
    write_json(root / "card.json", {"datasets": {}, "derainers": {}, "tasks": {}, "protocols": noted})


def test_published_rows_join_those_of_this_code(tmp_path: Path) -> None:
    write_run(tmp_path / "fresh", parts_of_this_code("coco350", "quality"))
    rows = {record.derainer for record in join_runs([PUBLISHED, tmp_path / "fresh"]) if record.task == "quality"}
    assert {"mine", "mspfn-light"} <= rows


def test_a_raised_version_keeps_them_apart_and_says_why(tmp_path: Path) -> None:
    write_run(tmp_path / "later", {**parts_of_this_code("coco350", "quality"), "version": "later"})
    with pytest.raises(UserError, match=r"they differ in the version of the task's scoring \(1 and later\)\."):
        join_runs([PUBLISHED, tmp_path / "later"])
