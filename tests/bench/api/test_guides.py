"""Rows judged by the model that guided the training of their weights: found by digest, marked, and not ranked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

from bench.api.derainers import named_rows
from bench.api.guides import guides_in, own_guides
from bench.api.report import write_report
from bench.api.run import run_suite
from bench.api.verify import verify_run
from bench.runs.card import read_card
from bench.runs.records import read_records
from bench.suites.suite import parse_suite
from bench.tables.ranking import column_signs, places
from bench.tables.wide import wide
from tests.bench.cli_call import Call

WEIGHTS = Path(__file__).parents[3] / "derainers/weights_shipped/prenet-small.safetensors"
UNET = json.loads((Path(__file__).parents[3] / "tasks/weights_shipped/streets-unet.json").read_text())["sha256"]
GUIDE = {"model": "smp:mine", "sha256": UNET, "share": 0.3, "after": 0, "weight": 0.2}
SUITE = """
derainers = ["rain", "guided=trained:{0}", "prenet-small", "clean+guided", "clean"]
resamples = 20
[datasets.streets]
source = "streets"
parameters = {{ count = 1000, width = 96, height = 64, ignored_area = 100 }}
rain = "streets_y"
count = 3
[tasks.quality]
metrics = ["psnr_y"]
[tasks.semantic]
model = "shipped:streets-unet"
"""


def weights(folder: Path, card: object) -> Path:
    """The shipped weights under a name of their own, with this card."""
    folder.mkdir(exist_ok=True)
    (folder / "guided.safetensors").write_bytes(WEIGHTS.read_bytes())
    (folder / "guided.json").write_text(json.dumps(card))
    return folder / "guided.safetensors"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    file = weights(folder / "weights", {"name": "guided", "guide": GUIDE})
    run_suite(parse_suite(SUITE.format(file), "guided", "guided.toml"), folder / "out")
    return folder / "out"


def test_the_card_names_the_rows_and_the_task_that_guided_them(run: Path) -> None:
    assert read_card(run).own_guides == {"guided": ["semantic"], "clean+guided": ["semantic"]}
    flagged = {(record.derainer, record.task) for record in read_records(run) if record.own_guide}
    assert flagged == {("guided", "semantic"), ("clean+guided", "semantic")}
    assert verify_run(run) == []


def test_tables_mark_the_numbers_and_rank_the_others(run: Path, call: Call) -> None:
    records = read_records(run)
    frame = wide(records, "streets")
    rows = frame.set_index("derainer")
    assert rows.loc["guided", "mIoU (%)"].endswith(" ‡")
    assert not rows.loc["guided", "psnr_y (dB)"].endswith("‡")
    assert not rows.loc["prenet-small", "mIoU (%)"].endswith("‡")
    ranks = places(frame, column_signs(records))
    assert "mIoU (%)" not in ranks
    assert ranks["psnr_y (dB)"][1:3] == [1, 1]
    assert "‡" not in (run / "tables/streets.csv").read_text()
    said = call("table", str(run)).out
    assert "judged by its own guide" in " ".join(said.split())
    assert "‡" not in call("table", str(run), "--format", "csv").out


def test_the_page_says_which_rows_their_own_guide_judges(run: Path) -> None:
    write_report(run, run / "report.html")
    page = (run / "report.html").read_text()
    assert "Judged by its own guide, so not ranked: guided (semantic), clean+guided (semantic)." in page
    assert "‡ judged by its own guide" in page
    (run / "report.html").unlink()


@pytest.mark.parametrize(
    ("card", "flagged"),
    [
        ({"guide": GUIDE}, True),
        ({"started_from": {"started_from": {"guide": GUIDE}}}, True),
        ({"guide": {**GUIDE, "share": 0}}, False),  # a control
        ({"guide": {**GUIDE, "sha256": "0" * 64}}, False),
        ({"guide": "smp:mine", "started_from": "no card"}, False),
        (["no card"], False),
    ],
)
def test_whose_guide_it_was_follows_from_the_digest(card: object, flagged: bool, tmp_path: Path) -> None:
    rows = named_rows(["rain", f"guided=trained:{weights(tmp_path, card)}", "prenet-small"])
    models = {("quality", ""): "", ("semantic", ""): "shipped:streets-unet", ("detection", ""): "shipped:streets-yolo"}
    assert own_guides(rows, models) == ({"guided": ["semantic"]} if flagged else {})


def test_a_model_of_one_row_is_its_own_guide_there_alone(tmp_path: Path) -> None:
    file = weights(tmp_path, {"guide": GUIDE})
    rows = named_rows([f"guided=trained:{file}", f"second=trained:{file}"])
    models = {("semantic-retrained", "second"): "shipped:streets-unet"}
    assert own_guides(rows, models) == {"second": ["semantic-retrained"]}


def test_weights_without_a_card_or_with_a_damaged_one_name_no_guide(tmp_path: Path) -> None:
    file = weights(tmp_path, {})
    for text in ("{", "null", "[" * 100_000):
        file.with_suffix(".json").write_text(text)
        assert own_guides(named_rows([f"guided=trained:{file}"]), {("semantic", ""): "shipped:streets-unet"}) == {}
    assert list(guides_in(None)) == []
