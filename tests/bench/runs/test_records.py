"""Records of older schemas are read as if this version had written them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.contract import Record
from bench.errors import UserError
from bench.runs.records import long, read_records, untrained_in, write_frame

FIRST = "dataset,derainer,task,model,metric,value,unit,images,expected,protocol"
PSNR = Record("d", "rain", "quality", "", "psnr_y", 1.0, "dB", 4, 5, "rules", "", "higher")
REPOSITORY = Path(__file__).resolve().parents[3]


def test_records_are_read_back(tmp_path: Path) -> None:
    records = [replace(PSNR, protocol_hash="0123456789ab"), replace(PSNR, derainer="NA", metric="niqe", better="lower"),
               replace(PSNR, derainer="wild", metric="n", unit="", better="", untrained=True)]  # fmt: skip
    write_frame(tmp_path / "records.csv", long(records))
    assert read_records(tmp_path) == records
    assert untrained_in(records) == ["wild"]


@pytest.mark.parametrize(("columns", "ends"), [("", ""), (",protocol_hash", ",0123456789ab")])
def test_older_schemas_are_converted(columns: str, ends: str, tmp_path: Path) -> None:
    rows = [
        "rain,quality,,psnr_y,1.0,dB,4,5,rules",
        "wild,quality,,niqe,2.0,,4,5,untrained weights; rules",
        "wild,detection,net,tp@0.25/0.60,3.0,,4,5,untrained weights; rules",
        "mine,lanes,,found,4.0,%,4,5,rules",
        "mine,lanes,,error,5.0,,4,5,rules",
    ]
    (tmp_path / "records.csv").write_text(
        "".join(f"{line}\n" for line in [FIRST + columns, *(f"d,{row}{ends}" for row in rows)])
    )
    found = read_records(tmp_path)
    assert found[0] == replace(PSNR, protocol_hash=ends[1:])
    assert [record.better for record in found] == ["higher", "lower", "", "higher", ""]
    assert untrained_in(found) == ["wild"]
    assert {record.protocol for record in found} == {"rules"}


def test_published_results_of_schema_2_are_read() -> None:
    records = read_records(REPOSITORY / "results/photographs")
    assert len(records) > 600
    assert {record.metric for record in records if not record.better} == {
        "identical_images", "tp@0.25/0.60", "fp@0.25/0.60", "fn@0.25/0.60", "classes_scored",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("ends", "told"), [("up,False", "'up'"), ("higher,yes", "True or False for untrained, got 'yes'")]
)
def test_a_wrong_direction_or_mark_is_damage(ends: str, told: str, tmp_path: Path) -> None:
    head = f"{FIRST},protocol_hash,better,untrained\n"
    (tmp_path / "records.csv").write_text(f"{head}d,rain,quality,,psnr_y,1.0,dB,4,5,rules,,{ends}\n")
    with pytest.raises(UserError, match=rf"records\.csv: damaged .*{told}"):
        read_records(tmp_path)


@pytest.mark.parametrize("path", sorted((REPOSITORY / "results/reference").glob("*.csv")), ids=lambda path: path.stem)
def test_published_numbers_have_the_columns_of_records(path: Path, tmp_path: Path) -> None:
    (tmp_path / "records.csv").write_bytes(path.read_bytes())
    better = {record.metric: record.better for record in read_records(tmp_path)}
    assert {metric for metric, direction in better.items() if direction == "lower"} <= {"seconds", "parameters"}
    assert all(better.values())
