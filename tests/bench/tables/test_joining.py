"""Runs that may stand in one table, and those that may not, on real run folders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.api.run import run_suite
from bench.contract import Record
from bench.errors import UserError
from bench.runs.records import long, read_records, write_frame
from bench.scoring.protocol_hash import check_one_protocol
from bench.suites.suite import Suite, load_suite, override
from bench.tables.joining import join_runs
from bench.tables.wide import wide


def suite_of(derainers: list[str], severity: float = 1.0) -> Suite:
    suite = override(load_suite("streets"), count=2, derainers=derainers, tasks=["quality"])
    dataset = suite.datasets["streets"].model_copy(update={"severity": severity})
    return suite.model_copy(update={"datasets": {"streets": dataset}, "resamples": 0})


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs ``one`` and ``two`` of one protocol, and ``heavy`` of heavier rain."""
    root = tmp_path_factory.mktemp("runs")
    run_suite(suite_of(["rain", "classical"]), root / "one")
    run_suite(suite_of(["rain", "clean"]), root / "two")
    run_suite(suite_of(["rain", "classical"], severity=1.5), root / "heavy")
    return root


def rows_of(records: list[Record]) -> list[str]:
    return list(dict.fromkeys(record.derainer for record in records))


def test_rows_of_one_protocol_are_joined_and_common_ones_stand_once(runs: Path) -> None:
    records = join_runs([runs / "one", runs / "two"])
    assert rows_of(records) == ["rain", "classical", "clean"]
    assert len({record.protocol_hash for record in records}) == 1
    assert wide(records, "streets")["derainer"].tolist() == ["rain", "classical", "clean"]


def test_other_rain_is_refused_by_its_name(runs: Path) -> None:
    with pytest.raises(UserError) as refusal:
        join_runs([runs / "one", runs / "heavy"])
    text = str(refusal.value)
    assert text.startswith("one and heavy cannot stand in one table: dataset streets, task quality")
    assert "the severity of the rain (1.0 and 1.5)" in text
    assert "the pixels or labels of the images (" in text
    assert "--mix" in text


def test_mixed_rows_are_told_by_their_run(runs: Path) -> None:
    records = join_runs([runs / "one", runs / "heavy"], mix=True)
    assert rows_of(records) == ["rain", "classical", "rain (heavy)", "classical (heavy)"]
    with pytest.raises(UserError, match=r"dataset streets, task quality: numbers of 2 protocols .* --mix"):
        wide(records, "streets")
    assert len(wide(records, "streets", mix=True)) == 4


def test_a_row_with_other_numbers_is_told_by_its_run(runs: Path, tmp_path: Path) -> None:
    changed = [
        replace(record, value=record.value + 1) if record.derainer == "classical" else record
        for record in read_records(runs / "one")
    ]
    write_frame(tmp_path / "mine/records.csv", long(changed))
    records = join_runs([runs / "one", tmp_path / "mine"])
    assert rows_of(records) == ["rain", "classical", "classical (mine)"]


def test_a_run_without_hashes_joins_no_other(runs: Path, tmp_path: Path) -> None:
    old = [replace(record, protocol_hash="") for record in read_records(runs / "one")]
    write_frame(tmp_path / "old/records.csv", long(old))
    assert join_runs([tmp_path / "old"]) == old
    with pytest.raises(UserError, match="old has no protocol hash; run it again"):
        join_runs([runs / "one", tmp_path / "old"])


def test_records_of_two_protocols_in_one_file_are_refused() -> None:
    record = Record("d", "rain", "quality", "", "psnr_y", 1.0, "dB", 1, 1, "rules", "a" * 12)
    check_one_protocol([record, replace(record, dataset="e", protocol_hash="b" * 12)])
    with pytest.raises(UserError, match=r"task quality: numbers of 2 protocols \(hashes aaaaaaaaaaaa, none\)"):
        check_one_protocol([record, replace(record, derainer="mine", protocol_hash="")])
