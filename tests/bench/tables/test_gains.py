"""Tables of real rain: gains as text, and a reference that nothing is paired with."""

from __future__ import annotations

import json
from pathlib import Path

from bench.runs.records import read_records
from bench.scoring.gains import gains_over_rain
from bench.scoring.intervals import read_intervals
from bench.tables.gains import gain_tables, references_of, with_reference
from bench.tables.latex import render_latex
from bench.tables.ranking import column_signs
from bench.tables.wide import wide
from tests.bench.cli_call import Call


def test_a_gain_has_its_sign_interval_p_and_images(real: Path) -> None:
    table = gain_tables(gains_over_rain(real))["wet"]
    line = table[(table["derainer"] == "fogger") & (table["metric"] == "mIoU (%)")].to_dict("records")[0]
    assert float(line["gain"]) < 0
    assert line["gain"][0] == "-"
    assert line["95 % interval"].startswith("[-")
    assert (line["p"], line["better/worse"], line["images"]) == ("0.078", "0/10", "10/10")
    assert set(table[table["metric"] == "AP (%)"]["better/worse"]) == {""}


def test_the_reference_is_the_other_datasets_rain_and_no_competitor(real: Path) -> None:
    records = read_records(real)
    assert references_of(real) == {"wet": "dry"}
    table = with_reference(wide(records, "wet"), records, "dry", read_intervals(real))
    last = table.iloc[-1]
    assert (last["derainer"], last["mIoU (%)"], last["images"]) == ("reference (dry)", "100.00 [100.0, 100.0]", "10/10")
    assert table["derainer"].tolist()[:-1] == ["rain", "fogger", "mine"]
    marked = render_latex(table, column_signs(records))
    assert r"reference (dry) & 100.00" in marked
    assert r"\textbf{100" not in marked


def test_table_tells_gains_reference_and_what_is_not_there(real: Path, call: Call) -> None:
    told = call("table", real, "--dataset", "wet")
    assert "reference (dry)" in told.out
    assert "wet: no clean images, so no row clean, no recovery and no pseudo_gt; --gain" in told.out
    assert "nothing about it is paired" in told.out
    gained = call("table", real, "--gain", "--dataset", "wet")
    assert "p is corrected (Holm)" in gained.out
    assert "dry" not in gained.out
    content = json.loads(call("table", real, "--gain", "--format", "json").out)
    lines = next(iter(content.values()))
    assert {line["dataset"] for line in lines} == {"wet", "dry"}
    assert all(isinstance(line["gain"], float) for line in lines)
    assert call("table", real, real, "--gain").status == 2


def test_other_runs_have_neither_hint_nor_reference(finished: Path, call: Call) -> None:
    told = call("table", finished)
    assert told.status == 0
    assert "no clean images" not in told.out
    assert "reference" not in told.out
