"""Retrained judges: each row by its own model, beside the frozen task and never mixed with it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from bench.api.merge import merge_runs
from bench.api.report import write_report
from bench.api.run import open_suite, run_suite
from bench.api.verify import verify_run
from bench.contract import Record
from bench.errors import UserError
from bench.io.checkpoints import read_checkpoint
from bench.io.files import sha256_of
from bench.runs.card import read_card
from bench.runs.records import read_records, read_table
from bench.runs.shards import Shard
from bench.scoring.intervals import compare_rows
from bench.suites.suite import Suite, override, parse_suite, suite_of_card
from tests.bench.cli_call import Call

SHIPPED = Path(__file__).parents[3] / "tasks/weights_shipped"
SUITE = """
derainers = ["rain", "classical", "clean"]
resamples = 50
[datasets.streets]
source = "streets"
parameters = { count = 1000, width = 240, height = 144, ignored_area = 100 }
rain = "streets_y"
count = 12
[tasks.quality]
metrics = ["psnr_y"]
[tasks.detection]
model = "shipped:streets-yolo"
"""
FROZEN, OWN = "detection", "detection-retrained"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Two detectors by file: the shipped one, and the same with weights that are a little smaller."""
    from safetensors.torch import save_file

    folder, shipped = tmp_path_factory.mktemp("models"), SHIPPED / "streets-yolo.safetensors"
    card = json.loads(shipped.with_suffix(".json").read_text())
    shutil.copy(shipped, folder / "det_rain.safetensors")
    state = {name: value * 0.98 for name, value in read_checkpoint(shipped).items()}
    save_file(state, folder / "det_classical.safetensors")
    for name in ("det_rain", "det_classical"):
        file = folder / f"{name}.safetensors"
        file.with_suffix(".json").write_text(json.dumps({**card, "sha256": sha256_of(file)}))
    return {row: f"trained:{folder}/det_{row}.safetensors" for row in ("rain", "classical")}


@pytest.fixture(scope="module")
def suite(models: Mapping[str, str]) -> Suite:
    lines = "\n".join(f'{row} = "{model}"' for row, model in models.items())
    return parse_suite(f"{SUITE}[retrained.detection]\n{lines}\n", "test", "test suite")


@pytest.fixture(scope="module")
def run(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("retrained") / "run"
    assert run_suite(suite, out).failures == []
    return out


def records_of(run: Path, task: str) -> list[Record]:
    return [record for record in read_records(run) if record.task == task]


def values_of(records: list[Record], row: str) -> dict[str, float]:
    return {
        one.metric.replace("+retrained", "").replace(":retrained", ""): one.value
        for one in records
        if one.derainer == row
    }


def test_each_row_is_judged_by_its_own_model_and_no_other_row_is(run: Path) -> None:
    own = records_of(run, OWN)
    assert {(one.derainer, one.model) for one in own} == {("rain", "det_rain"), ("classical", "det_classical")}
    assert {one.model for one in records_of(run, FROZEN)} == {"streets-yolo"}
    # The rain's model is the frozen one under another name, so its numbers are; the other's are not.
    frozen = {row: values_of(records_of(run, FROZEN), row) for row in ("rain", "classical")}
    retrained = {row: values_of(own, row) for row in ("rain", "classical")}
    assert retrained["rain"] == {name: frozen["rain"][name] for name in retrained["rain"]}
    assert retrained["classical"]["AP"] != frozen["classical"]["AP"]
    assert not (run / "evidence/streets/clean" / OWN).exists()


def test_no_metric_and_no_protocol_is_that_of_the_frozen_task(run: Path) -> None:
    frozen, own = records_of(run, FROZEN), records_of(run, OWN)
    assert not {one.metric for one in frozen} & {one.metric for one in own}
    assert all("retrained" in one.metric and one.protocol.startswith("retrained: ") for one in own)
    hashes = [{one.protocol_hash for one in records} for records in (frozen, own)]
    assert [len(found) for found in hashes] == [1, 1]
    assert hashes[0] != hashes[1]
    assert {(one.better, one.unit) for one in own if one.metric == "AP50:retrained"} == {("higher", "%")}


def test_one_other_model_is_another_protocol(
    suite: Suite, models: Mapping[str, str], run: Path, tmp_path: Path
) -> None:
    other = override(suite, retrained={"detection": {"classical": models["rain"]}})
    shutil.copytree(run, tmp_path / "other")
    run_suite(other, tmp_path / "other")
    ours, theirs = ({one.protocol_hash for one in records_of(out, OWN)} for out in (run, tmp_path / "other"))
    assert ours.isdisjoint(theirs)
    assert read_card(run).protocols["streets"][FROZEN] == read_card(tmp_path / "other").protocols["streets"][FROZEN]


def test_the_run_can_be_verified_compared_and_shown(run: Path) -> None:
    assert verify_run(run) == []
    frame = compare_rows(run, "classical", "rain")
    assert {"AP:retrained", "AP"} <= set(frame["metric"])
    assert np.isfinite(frame[frame["metric"] == "AP:retrained"]["p"]).all()
    text = write_report(run, images=2).path.read_text()
    assert "AP50:retrained" in text
    assert "detection-retrained on streets" in text


def test_every_table_names_the_rows_own_model(run: Path) -> None:
    for name in ("correlations.csv", "disagreements.csv", "slices.csv", "per_class.csv"):
        frame = read_table(run / name)
        own = frame[(frame["task"] == OWN) & (frame["derainer"] != "")]
        assert len(own), name
        assert (own["model"] == "det_" + own["derainer"]).all(), name


def test_a_damaged_card_is_a_fault_and_no_crash(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    card = json.loads((run / "card.json").read_text())
    card["tasks"]["streets"]["quality"]["by_row"] = {"rain": {"model": "", "fingerprint": ""}}
    (tmp_path / "run/card.json").write_text(json.dumps(card))
    assert any("retrained.quality: the task has no model" in fault for fault in verify_run(tmp_path / "run"))


def test_shards_merge_into_the_same_bytes(suite: Suite, run: Path, tmp_path: Path) -> None:
    parts = [tmp_path / f"part{number}" for number in (1, 2)]
    for number, part in enumerate(parts, 1):
        run_suite(suite, part, shard=Shard(number, 2))
    merge_runs(tmp_path / "merged", parts)
    names = ["records.csv", "per_image.csv", "per_class.csv", "intervals.csv", "truth.csv", "tables/streets.csv"]
    assert [(run / name).read_bytes() for name in names] == [
        (tmp_path / "merged" / name).read_bytes() for name in names
    ]
    assert verify_run(tmp_path / "merged") == []


def test_the_frozen_numbers_are_those_of_a_run_without_retrained_models(run: Path, tmp_path: Path) -> None:
    run_suite(parse_suite(SUITE, "test", "test suite"), tmp_path / "frozen")
    frozen = [one for one in read_records(run) if one.task != OWN]
    assert list(map(asdict, frozen)) == list(map(asdict, read_records(tmp_path / "frozen")))
    assert "by_row" not in (tmp_path / "frozen/card.json").read_text()
    assert "retrained" not in (tmp_path / "frozen/card.json").read_text()


def test_the_card_names_the_suite_with_its_models(suite: Suite, run: Path) -> None:
    card = read_card(run)
    assert suite_of_card(card.suite, run) == suite
    assert {row: one.model for row, one in card.tasks["streets"][OWN].by_row.items()} == {
        "rain": "det_rain",
        "classical": "det_classical",
    }


def test_the_command_takes_models_of_rows(call: Call, tmp_path: Path, models: Mapping[str, str]) -> None:
    own = [word for row, model in models.items() for word in ("--retrained", f"detection:{row}={model}")]
    rows = ("--derainers", "rain,classical,clean", "--tasks", "detection", "--count", "2")
    done = call("run", "streets", *rows, *own, "--out", "out", "--no-report")
    assert done.status == 0, done.error
    assert "AP50:retrained (%)" in (tmp_path / "out/tables/streets.csv").read_text()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("detection:nobody=shipped:streets-yolo", "no row of this run"),
        ("semantic:rain=shipped:streets-unet", "not part of this run"),
        ("quality:rain=shipped:streets-yolo", "model"),
        ("detection=shipped:streets-yolo", "expected TASK:ROW"),
    ],
)
def test_what_cannot_be_retrained_is_refused_by_name(call: Call, given: str, words: str) -> None:
    tasks = ("--derainers", "rain", "--tasks", "quality,detection", "--model", "detection=shipped:streets-yolo")
    done = call("run", "streets", *tasks, "--count", "2", "--retrained", given, "--out", "out")
    assert done.status == 2
    assert words in done.error


def test_models_of_other_classes_are_not_scored_together(suite: Suite, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("CLASSES = ['car']\ndef build(options):\n    return None\n")
    other = override(suite, retrained={"detection": {"classical": f"{tmp_path / 'mine.py'}:build"}})
    with pytest.raises(UserError, match=r"rain \(det_rain\) and classical \(mine\) are not scored by the same rules"):
        run_suite(other, tmp_path / "out")


def test_rows_of_retrained_models_have_to_be_rows_of_the_run(suite: Suite) -> None:
    with pytest.raises(UserError, match=r"retrained.detection names 'classical'"):
        open_suite(override(suite, derainers=["rain"]))
    assert override(suite, tasks=["quality"]).retrained == {}


def test_a_retrained_task_has_to_be_a_task_of_the_suite() -> None:
    with pytest.raises(UserError, match=r"retrained.semantic"):
        parse_suite(f'{SUITE}[retrained.semantic]\nrain = "shipped:streets-unet"\n', "test", "test suite")
