"""Tables of a run folder: names are read as written, whatever pandas takes them for; older records are read, too."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.contract import Record
from bench.errors import UserError
from bench.runs.records import long, read_records, read_table, untrained_in, write_frame

NAMES = ["null", "NA", "None", "nan", "N/A", "inf", "true", "007", "1.50", "", "net"]


@pytest.mark.parametrize("column", ["dataset", "derainer", "task", "model", "image", "metric", "slice", "class"])
@pytest.mark.parametrize("text_type", ["str", "category"])
def test_names_are_read_as_they_were_written(tmp_path: Path, column: str, text_type: str) -> None:
    write_frame(tmp_path / "t.csv", pd.DataFrame({column: NAMES, "value": np.arange(len(NAMES)) / 4}))
    found = read_table(tmp_path / "t.csv", [column, "value"], text_type=text_type)
    assert found[column].tolist() == NAMES
    assert found["value"].tolist() == [index / 4 for index in range(len(NAMES))]
    assert (found[column].dtype == "category") is (text_type == "category")


def test_of_numbers_only_the_empty_cell_is_unknown(tmp_path: Path) -> None:
    write_frame(tmp_path / "t.csv", pd.DataFrame({"derainer": ["a", "b", "c"], "low": [0.5, math.nan, math.inf]}))
    assert read_table(tmp_path / "t.csv")["low"].tolist() == pytest.approx([0.5, math.nan, math.inf], nan_ok=True)
    for word in ("NA", "null", "nan", "much"):
        (tmp_path / "t.csv").write_text(f"derainer,low\na,0.5\nb,{word}\n")
        with pytest.raises(UserError, match=r"t\.csv: damaged \(column 'low' holds text, expected numbers\)"):
            read_table(tmp_path / "t.csv")


def test_a_column_of_unknown_numbers_and_a_table_without_rows_are_no_fault(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("derainer,low\na,\nb,\n")
    assert read_table(tmp_path / "t.csv")["low"].isna().all()
    (tmp_path / "t.csv").write_text("derainer,low\n")
    assert list(read_table(tmp_path / "t.csv").columns) == ["derainer", "low"]
    assert list(read_table(tmp_path / "absent.csv", ["derainer", "low"]).columns) == ["derainer", "low"]
    assert read_table(tmp_path / "absent.csv").empty


def test_of_resamples_every_column_is_numbers_whatever_its_metric_is_called(tmp_path: Path) -> None:
    drawn = pd.DataFrame({"score": [0.25, math.nan, 0.75]})
    write_frame(tmp_path / "t.csv", drawn)
    pd.testing.assert_frame_equal(read_table(tmp_path / "t.csv", texts=()), drawn)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "damaged"),
        (b"derainer,value\na,1,2,3\nb,1,2\n", "damaged .*more cells than the header"),
        (b"derainer,value\na,1\nb,1,2\n", "damaged"),
        (b"derainer,value\n\xff,1\n", "damaged"),
        (b"derainer\nrain\n", "lacks the columns value; give the command that wrote it again"),
    ],
)
def test_a_damaged_table_is_the_users_to_mend(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(UserError, match=rf"t\.csv: {message}"):
        read_table(tmp_path / "t.csv", ["derainer", "value"])


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


def test_published_results_are_read(tmp_path: Path) -> None:
    published = REPOSITORY / "results/photographs"
    records = read_records(published)
    assert len(records) > 600
    assert {record.metric for record in records if not record.better} == {
        "identical_images", "tp@0.25/0.60", "fp@0.25/0.60", "fn@0.25/0.60", "classes_scored",
    }  # fmt: skip
    later = ["better", "untrained", "own_guide"]
    of_schema_2 = pd.read_csv(published / "records.csv", dtype=str, keep_default_na=False).drop(columns=later)
    of_schema_2.to_csv(tmp_path / "records.csv", index=False)
    assert any(record.own_guide for record in records)
    assert read_records(tmp_path) == [replace(record, own_guide=False) for record in records]


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


def test_the_column_of_own_guides_is_there_where_one_judges(tmp_path: Path) -> None:
    plain = Record("d", "one", "semantic", "net", "mIoU", 52.0, "%", 4, 4, "rules", "", "higher")
    write_frame(tmp_path / "records.csv", long([plain]))
    assert "own_guide" not in (tmp_path / "records.csv").read_text()
    assert read_records(tmp_path) == [plain]
    both = [plain, replace(plain, derainer="two", own_guide=True)]
    write_frame(tmp_path / "records.csv", long(both))
    assert read_records(tmp_path) == both
    text = (tmp_path / "records.csv").read_text()
    (tmp_path / "records.csv").write_text(text[: text.rindex("True")] + "perhaps\n")
    with pytest.raises(UserError, match="expected True or False for own_guide, got 'perhaps'"):
        read_records(tmp_path)
