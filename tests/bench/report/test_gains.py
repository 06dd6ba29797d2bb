"""The page of a run without clean images: gains in place of recovery, and the reference below the scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.report.gains import gain_findings, gain_table, reference_findings, with_reference
from bench.report.page import make_page
from bench.report.run import read_run
from bench.report.tables import score_table
from tests.bench.report_folder import STREETS, make_run


def test_a_cell_has_gain_interval_p_and_images(real: Path) -> None:
    run = read_run(real)
    table = gain_table(run.gains, "wet")
    assert table is not None
    place = [column.heading for column in table.columns].index("mIoU")
    line = next(line for line in table.lines if line.name == "fogger")
    assert line.cells[place].text.startswith("−")
    assert line.cells[place].value is not None
    assert "p 0.078; 0/10" in line.cells[place].interval
    assert gain_table(run.gains, "absent") is None


def test_the_best_is_told_first_with_the_reason_why_nothing_recovers(real: Path) -> None:
    reason, gained = gain_findings(read_run(real).gains, "wet", ["mIoU"])
    assert "no recovery" in reason.text
    assert "pseudo_gt" in reason.text
    assert gained.text.startswith("Over the rain, in mIoU: mine +")
    assert "; fogger −" in gained.text


def test_the_reference_stands_below_and_is_said_to_be_unpaired(real: Path) -> None:
    run = read_run(real)
    table = with_reference(score_table(run.records, run.estimates, "wet", run.rows), run.estimates, "dry")
    assert (table.lines[-1].name, table.lines[-1].kind) == ("reference (dry)", "reference")
    assert not any(cell.best for cell in table.lines[-1].cells)
    assert "nothing about it is paired" in table.note
    assert reference_findings(run.estimates, "dry", ["mIoU"])[0].text.endswith("mIoU (%) 100.00; not paired.")


def test_the_whole_page_says_what_it_cannot(real: Path) -> None:
    page = make_page(read_run(real), [], {})
    assert (page.has_clean, page.has_gains) == (False, True)
    wet, dry = page.sections
    assert [table.title for table in wet.tables] == ["Scores on wet", "Gain over the rain on wet"]
    assert "clear weather, the upper reference of wet" in dry.facts
    told = " ".join(sentence.text for sentence in wet.findings)
    assert "clean+" not in told
    assert "fogger does harm" in told


def test_a_page_with_clean_images_has_recovery_as_before(finished: Path) -> None:
    run = read_run(finished)
    page = make_page(run, [], {})
    assert run.gains.empty
    assert (page.has_clean, page.has_gains) == (True, False)
    assert [table.title for table in page.sections[0].tables] == ["Scores on streets", "Recovery on streets"]


@pytest.mark.parametrize("skills", [{"rain": 0.5}, {"mine": 0.5}])
def test_without_rain_or_derainer_the_page_has_no_gains(skills: dict[str, float], tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", replace(STREETS, rain="real", count=2), skills, ("semantic",))
    assert [table.title for table in make_page(read_run(run), [], {}).sections[0].tables] == ["Scores on streets"]
