"""Costs are measured in processes of their own, and stand beside the scores."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from bench.api.derainers import find_derainer
from bench.api.run import run_suite
from bench.cli import app
from bench.contract import Options
from bench.errors import UserError
from bench.perf.cost import Cost, CostJob, Effort, measure
from bench.perf.cost_jobs import costs_of, derainers_of_run, tasks_of_run
from bench.perf.cost_table import cost_frame, read_costs, with_costs
from bench.perf.drawn_evidence import draw_picture
from bench.perf.memory import open_memory_meter
from bench.suites.suite import parse_suite
from derainers import DERAINERS
from derainers.facts import facts_table

torch = pytest.importorskip("torch")

SLOW = """
import time
import numpy as np


def build(options):
    def slow(rainy):
        time.sleep(0.02)
        held = np.ones(30_000_000, dtype=np.uint8)  # 30 MB
        return rainy + held[0] * 0
    return slow


def crash(options):
    import os
    os.abort()


def broken(options):
    def restore(rainy):
        raise ValueError("no rain here")
    return restore
"""


@pytest.fixture
def plugin(tmp_path):
    file = tmp_path / "slow.py"
    file.write_text(SLOW)
    return file


def test_a_derainer_of_known_cost(plugin):
    entry = find_derainer(f"slow={plugin}:build")
    (cost,) = costs_of([entry], [], Options(threads=1), [(48, 64)], Effort(warm_up=1, repeats=4))
    assert (cost.derainer, cost.height, cost.width, cost.repeats, cost.threads) == ("slow", 48, 64, 4, 1)
    assert 20 <= cost.latency_ms <= cost.latency_p95_ms
    assert 0 < cost.images_per_second <= 50
    assert 28 < cost.added_memory_mb < 80
    assert cost.peak_memory_mb > cost.added_memory_mb
    assert (cost.parameters, cost.gflop, cost.failure) == (None, None, "")


def test_failures_are_rows_and_the_others_go_on(plugin):
    entries = [find_derainer(f"{name}={plugin}:{name}") for name in ("crash", "broken")] + [DERAINERS.find("rain")]
    crash, broken, rain = costs_of(entries, [], Options(), [(32, 32)], Effort(0, 1))
    assert "its process was ended" in crash.failure
    assert broken.failure == "ValueError: no rain here"
    assert broken.latency_ms is None
    assert rain.failure == ""


def test_size_of_built_in_networks_is_counted_and_of_others_measured(tmp_path):
    (tmp_path / "conv.py").write_text(
        "import torch\nfrom bench.contract import Traits\nfrom derainers.torch_derainer import TorchDerainer\n"
        "def build(options):\n    return TorchDerainer(torch.nn.Conv2d(3, 3, 5, padding=2), Traits(), options)\n"
    )
    effort = Effort(0, 1)
    image = draw_picture(32, 48, seed=0)
    own = measure(CostJob(find_derainer(f"{tmp_path / 'conv.py'}:build"), Options(), image, effort))
    assert own.parameters == 3 * 3 * 25 + 3
    assert own.gflop == pytest.approx(2 * 3 * 3 * 25 * 32 * 48 / 1e9)
    light = measure(CostJob(DERAINERS.find("mspfn-light"), Options(), image, effort))
    assert light.parameters == 1_666_320
    # Convolutions do as much for every pixel; facts.csv is for 640x480.
    assert light.gflop == pytest.approx(facts_table()["mspfn-light"][1] / 1e9 * (32 * 48) / (480 * 640), rel=0.02)


def test_throughput_of_batches(tmp_path):
    image = draw_picture(16, 16, seed=0)
    one = measure(CostJob(DERAINERS.find("mspfn-light"), Options(), image, Effort(1, 3, batch=2)))
    assert one.batch == 2
    assert one.images_per_second > 0
    assert measure(CostJob(DERAINERS.find("classical"), Options(), image, Effort(1, 3, batch=2))).batch == 1


@dataclass(frozen=True)
class SlowTask:
    """A task whose model needs a known time; the rest of a task plays no part in costs."""

    name: str = "detection"
    model: str = "slow"

    def judge(self, options):
        def look(images, samples):
            assert [image.shape[:2] for image in images] == [sample.truth.size for sample in samples]
            time.sleep(0.03)
            return [{}]

        return look


def test_with_a_task_the_time_of_its_model_is_in():
    image = draw_picture(16, 16, seed=0)
    cost = measure(CostJob(DERAINERS.find("rain"), Options(), image, Effort(1, 3), SlowTask()))
    assert (cost.task, cost.model) == ("detection", "slow")
    assert cost.latency_ms >= 30


def test_memory_of_this_process():
    memory = open_memory_meter("cpu")
    before = memory.now()
    assert 10e6 < before <= memory.peak()
    block = np.ones(200_000_000, dtype=np.uint8)
    assert memory.now() - before > 180e6
    del block
    assert memory.peak() - before > 180e6


SUITE = """
derainers = ["rain", "classical", "clean", "clean+classical"]
[datasets.streets]
source = "streets"
rain = "streets_y"
count = 1
[tasks.quality]
"""


@pytest.fixture
def run(tmp_path):
    run_suite(parse_suite(SUITE, "mine", "mine.toml"), tmp_path / "run")
    return tmp_path / "run"


def test_costs_of_a_run_beside_its_scores(run):
    assert [entry.name for entry in derainers_of_run(run)] == ["rain", "classical"]
    assert tasks_of_run(run) == []
    command = ["cost", str(run), "--size", "48x32", "--repeats", "1", "--warm-up", "0"]
    told = CliRunner().invoke(app, command)
    assert told.exit_code == 0, told.output
    costs = read_costs(run)
    assert list(costs["derainer"]) == ["rain", "classical"]
    assert list(costs["width"]) == [48, 48]
    table = CliRunner().invoke(app, ["table", str(run), "--cost", "--format", "json"])
    rows = {row["derainer"]: row for row in json.loads(table.stdout)["streets"]}
    assert rows["classical"]["ms 48x32"] >= 0
    assert rows["clean"]["ms 48x32"] is None
    verified = CliRunner().invoke(app, ["verify", str(run)])
    assert verified.exit_code == 0, verified.output


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"derainers": ["rain", "evil.py:build"]}, "names code that would be run: evil.py:build"),
        ({"derainers": ["rain", "x=command:touch {input} {output}"]}, "names code that would be run: x=command:touch"),
        ({"tasks": {"quality": {"trust_checkpoint": True}}}, "trusts the checkpoint of task quality"),
        ({"tasks": {"detection": {"model": "evil.py:build"}}}, "names a file that would be run, as the model of task"),
    ],
)
def test_a_run_that_may_be_somebody_elses_runs_no_code(changes, message, run, monkeypatch):
    monkeypatch.chdir(run)
    Path("evil.py").write_text("raise SystemExit('it was run')")
    card = json.loads((run / "card.json").read_text())
    card["suite"].update(changes)
    (run / "card.json").write_text(json.dumps(card))
    told = CliRunner().invoke(app, ["cost", str(run), "--size", "48x32"])
    assert isinstance(told.exception, UserError)
    assert message in str(told.exception)


def test_table_with_costs():
    costs = [
        Cost("net", "", "", 480, 640, latency_ms=12.34, parameters=1_500_000, gflop=99.6),
        Cost("net", "detection", "yolo", 480, 640, latency_ms=50.0),
        Cost("other", "", "", 480, 640, failure="out of memory"),
    ]
    frame = cost_frame(costs)
    assert frame["parameters"].dtype == "Int64"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bench.perf.cost_table.read_costs", lambda run: frame)
        shown = with_costs(pd.DataFrame({"derainer": ["rain", "net", "other"]}), None)
    assert shown.values.tolist() == [["rain", "", "", ""], ["net", "1.50", "12.3", "100"], ["other", "", "", ""]]
    assert list(shown.columns) == ["derainer", "params (M)", "ms 640x480", "GFLOP 640x480"]


def test_a_row_may_be_called_null(tmp_path):
    costs = [Cost(name, "", "", 480, 640, latency_ms=number) for number, name in enumerate(("null", "NA", "None"))]
    cost_frame(costs).to_csv(tmp_path / "cost.csv", index=False)
    assert read_costs(tmp_path)["derainer"].tolist() == ["null", "NA", "None"]
    shown = with_costs(pd.DataFrame({"derainer": ["None", "null"]}), tmp_path)
    assert shown["ms 640x480"].tolist() == ["2.0", "0.0"]


@pytest.mark.parametrize("cell", ["slow", "9" * 30 + "x"])
def test_costs_that_are_no_numbers_are_refused(cell, tmp_path):
    cost_frame([Cost("net", "", "", 480, 640)]).assign(latency_ms=cell).to_csv(tmp_path / "cost.csv", index=False)
    with pytest.raises(UserError, match=r"cost\.csv: damaged"):
        read_costs(tmp_path)


def test_rows_that_compute_nothing_cost_nothing(run):
    card = json.loads((run / "card.json").read_text())
    card["suite"]["derainers"] = ["clean", "clean+classical", "cleaner=onnx:none.onnx", "old=folder:restored"]
    (run / "card.json").write_text(json.dumps(card))
    with pytest.raises(UserError, match=r"none\.onnx"):  # begins like clean, and is a derainer all the same
        derainers_of_run(run)
    card["suite"]["derainers"] = ["clean", "old=folder:restored"]
    (run / "card.json").write_text(json.dumps(card))
    with pytest.raises(UserError, match="none of its rows computes anything"):
        derainers_of_run(run)


def test_what_has_to_be_given(tmp_path):
    for arguments, message in (
        ([], "give a run folder"),
        (["--derainers", ","], "give a run folder"),
        (["--derainers", "rain", "--size", "640"], "--size 640"),
        ([str(tmp_path)], "no run here"),
    ):
        told = CliRunner().invoke(app, ["cost", *arguments])
        assert isinstance(told.exception, UserError)
        assert message in str(told.exception)
    with pytest.raises(UserError, match="measure first: derainbench cost"):
        read_costs(tmp_path)
