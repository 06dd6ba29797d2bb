"""The ranking as HTML: its order, marks, links and commands."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from bench.errors import UserError
from bench.io.training.origin import TrainedOn
from bench.report.ranking import RankedRow, render_ranking, run_command
from bench.runs.records import long, read_records, write_frame
from bench.suites.suite import load_suite, override
from bench.tables.places import finished_run
from bench.tables.ranking import OWN_GUIDE
from bench.tables.standings import Origin
from tests.bench.ranked_runs import SCORES, write_ranked_run

TOLD = Origin("Rain100H")
SAW = Origin("COCO", TrainedOn("net", ("coco/train",), ("coco350_y",), whole=True))


def rendered(*roots: Path, into: str = "page.md", **origins: Origin) -> str:
    known = {"best": TOLD, "near": TOLD, "far": TOLD, **origins}
    rows = [RankedRow(row, origin, 1_500_000, 12_000_000_000) for row, origin in known.items()]
    return render_ranking([finished_run(root) for root in roots], rows, Path(into))


def line(page: str, row: str) -> list[str]:
    """The cells of a row, without links."""
    found = re.search(rf'<tr><th scope="row">{row}</th>\n(.*?)</tr>', page, re.DOTALL)
    assert found, row
    return [re.sub(r"</?a[^>]*>", "", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", found[1])]


def names(page: str) -> list[str]:
    return re.findall(r'<th scope="row">(.*?)</th>', page)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write_ranked_run(Path("results/mine"))


def test_a_row_tells_recovery_score_harm_cost_and_training(run: Path) -> None:
    page = rendered(run)
    assert line(page, "best") == [
        "<b>80 % [70, 90]</b>", "36.00", "20.00", "-1.00 (5.0 % [-3.0, 13.0])", "1.500", "12", "Rain100H",
    ]  # fmt: skip
    assert line(page, "near")[0] == "<b>65 % [59, 71]</b>"
    assert line(page, "far")[0] == "50 % [45, 55]"
    assert line(page, "rain")[:4] == ["", "20.00", "20.00", ""]
    assert line(page, "clean")[:4] == ["", "40.00", "", ""]


def test_whoever_is_not_ranked_stands_below_and_is_marked(run: Path) -> None:
    assert names(rendered(run)) == ["best", "near", "far", "rain", "clean"]
    page = rendered(run, best=SAW, near=Origin())
    assert names(page) == ["far", "best", "near", "rain", "clean"]
    assert line(page, "best")[:4] == ["80 % [70, 90] †°", "36.00 †°", "20.00 †°", "-1.00 (5.0 % [-3.0, 13.0]) †"]
    assert line(page, "near")[0] == "65 % [59, 71] ?"
    assert line(page, "near")[-1] == "not stated"
    assert line(page, "far")[0] == "<b>50 % [45, 55]</b>"


def test_a_row_that_the_judge_guided_has_the_mark_of_every_table(tmp_path: Path) -> None:
    guided = Origin("its own", TrainedOn("net", ("own/train",), (), whole=True, guides=("ab" * 32,)))
    page = rendered(write_ranked_run(tmp_path / "mine", judge="weights " + "ab" * 32), best=guided)
    assert names(page)[:3] == ["near", "far", "best"]
    assert line(page, "best")[0] == f"80 % [70, 90]{OWN_GUIDE}"
    assert f"{OWN_GUIDE} trained with this model as its guide" in page


def test_every_score_leads_to_the_card_of_its_run(run: Path) -> None:
    more = write_ranked_run(Path("results/more"), rain="bars")
    page = rendered(run, more, into="docs/page.md")
    links = re.findall(r'<td data-value="[^"]+">(?:<b>)?<a href="([^"]+)">', page)
    assert set(links) == {"../results/mine/card.json", "../results/more/card.json"}
    assert links.count(links[0]) == len(links) / 2
    assert "photos in rain bars: detection by net" in page


def test_a_run_without_a_row_leaves_its_cells_empty(run: Path) -> None:
    more = write_ranked_run(Path("results/more"), {**SCORES, "new": (22.0, 0.1)}, rain="bars")
    assert line(rendered(run, more, new=TOLD), "new")[:5] == ["", "", "", "", "10 % [0, 20]"]


def test_a_row_of_a_later_run_stands_in_the_columns_of_the_first(run: Path) -> None:
    mine = write_ranked_run(Path("results/new"), {"new": (38.0, 0.04), "clean+new": (40.0, 0.02)})
    page = rendered(run, mine, new=TOLD)
    assert page.count("photos in rain coco350_y: detection by net") == 1
    assert names(page) == ["new", "best", "near", "far", "rain", "clean"]
    assert line(page, "new")[:4] == ["<b>90 % [86, 94]</b>", "38.00", "20.00", "+0.00 (0.0 % [-2.0, 2.0])"]
    links = {
        row: re.findall(r'href="([^"]+)"', page.partition(f'"row">{row}<')[2].partition("</tr>")[0])
        for row in names(page)
    }
    assert set(links["new"]) == {"results/new/card.json"}
    assert set(links["near"]) == {"results/mine/card.json"}
    assert page.count("--out results/new") == 1


def test_columns_that_cannot_be_joined_are_told_apart(run: Path) -> None:
    lower = write_ranked_run(Path("results/lower"), precision="bf16")
    page = rendered(run, lower)
    assert "photos in rain coco350_y: detection by net (mine, fp32)<" in page
    assert "photos in rain coco350_y: detection by net (lower, bf16)<" in page


def test_psnr_by_other_rules_is_not_shown(run: Path) -> None:
    other = write_ranked_run(Path("results/new"), {"new": (38.0, 0.04)})
    records = [
        replace(one, protocol_hash="other" if one.task == "quality" else one.protocol_hash)
        for one in read_records(other)
    ]
    write_frame(other / "records.csv", long(records))
    assert line(rendered(run, other, new=TOLD), "new")[1:3] == ["38.00", ""]


def test_a_run_that_restored_no_clean_images_has_no_column_for_them(run: Path) -> None:
    scores = {row: score for row, score in SCORES.items() if "+" not in row}
    bare = write_ranked_run(Path("results/bare"), scores, rain="bars")
    assert rendered(run, bare).count(">on clean images<") == 1
    assert line(rendered(bare, run), "best")[2:5] == ["20.00", "<b>80 % [70, 90]</b>", "36.00"]


def test_times_stand_with_their_size_and_processor(run: Path) -> None:
    cost = {
        "derainer": "best",
        "task": "",
        "height": 480,
        "width": 640,
        "latency_ms": 123.4,
        "precision": "fp32",
        "compiled": False,
    }
    write_frame(run / "cost.csv", pd.DataFrame([{**cost, "hardware": "a CPU", "threads": 2}]))
    page = rendered(run)
    assert "time: 640x480, fp32, a CPU, 2 threads" in page
    assert line(page, "best")[-2] == "123"
    assert line(page, "near")[-2] == ""


def test_times_of_one_processor_stand_in_one_column(run: Path) -> None:
    more = write_ranked_run(Path("results/more"), {"new": (22.0, 0.1)})
    cost = {
        "task": "",
        "height": 480,
        "width": 640,
        "precision": "fp32",
        "compiled": False,
        "hardware": "a CPU",
        "threads": 2,
    }
    for root, times in ((run, {"best": 100.0}), (more, {"best": 300.0, "new": 200.0})):
        rows = [{**cost, "derainer": row, "latency_ms": time} for row, time in times.items()]
        write_frame(root / "cost.csv", pd.DataFrame(rows))
    page = rendered(run, more, new=TOLD)
    assert page.count("time: 640x480, fp32, a CPU, 2 threads") == 1
    assert (line(page, "best")[-2], line(page, "new")[-2]) == ("100", "200")


def test_the_commands_name_no_folder_of_this_machine(run: Path) -> None:
    commands = rendered(run.resolve(), into="docs/page.md").partition("```sh\n")[2].splitlines()
    rows, model = "rain,best,near,far,clean+best,clean", "detection=ultralytics:net.pt"
    assert commands[:2] == [
        f"derainbench run mine.toml --coco DIR --derainers {rows} --model {model} --out results/mine",
        "derainbench ranking results/mine --into docs/page.md",
    ]


def test_html_has_no_blank_line_and_is_escaped(run: Path) -> None:
    page = rendered(run, best=Origin("<script>alert(1)</script>"))
    assert "\n\n" not in page.partition("\n\n```sh")[0]
    assert "<script" not in page


def test_without_a_task_with_a_model_there_is_nothing_to_rank(run: Path) -> None:
    write_frame(run / "records.csv", long([one for one in read_records(run) if one.task == "quality"]))
    with pytest.raises(UserError, match="results/mine: no scores of a task with a model; nothing to rank"):
        rendered(run)


def test_commands_are_for_a_shell_whatever_the_rows_are_called(run: Path) -> None:
    card = json.loads((run / "card.json").read_text())
    card["suite"]["derainers"] = ["rain", "a b", "$(id)", "x\n```\n<script>alert(1)</script>"]
    (run / "card.json").write_text(json.dumps(card))
    moved = run.rename(run.with_name("my run"))
    page, _, rest = rendered(moved).partition("```sh\n")
    first, second, *end = rest.splitlines()
    assert shlex.split(first)[3:7] == ["--coco", "DIR", "--derainers", "rain,a b,$(id),x ``` <script>alert(1)</script>"]
    assert shlex.split(second)[2] == "results/my run"
    assert end == ["```"]
    assert "<script" not in page


def test_no_blank_line_ends_the_html_before_its_end(run: Path) -> None:
    told = Origin("Rain100H\n\n<script>alert(1)</script>")
    page = rendered(run, best=told).partition("\n\n```sh")[0]
    assert "\n\n" not in page
    assert "<script" not in page


def test_times_without_their_machine_are_refused(run: Path) -> None:
    cost = {"derainer": "best", "task": "", "latency_ms": 123.4}
    write_frame(run / "cost.csv", pd.DataFrame([cost]))
    with pytest.raises(UserError, match=r"cost\.csv: lacks the columns width"):
        rendered(run)
    write_frame(run / "cost.csv", pd.DataFrame([{"derainer": "best"}]))
    with pytest.raises(UserError, match=r"cost\.csv: lacks the columns task, latency_ms"):
        rendered(run)


def test_the_command_of_a_run_has_what_was_asked_of_the_built_in_suite(run: Path) -> None:
    suite = override(load_suite("streets"), count=3, tasks=["quality", "detection"])
    assert run_command(replace(finished_run(run), suite=suite)) == (
        "derainbench run streets --tasks quality,detection --count 3 --out results/mine"
    )
    assert run_command(replace(finished_run(run), suite=load_suite("streets"))) == (
        "derainbench run streets --out results/mine"
    )
    own = override(load_suite("streets"), size="1280x720", retrained={"semantic": {"rain": "smp:/home/me/net"}})
    assert run_command(replace(finished_run(run), suite=own)).split()[3:7] == [
        "--retrained", "semantic:rain=smp:net", "--size", "1280x720",
    ]  # fmt: skip
