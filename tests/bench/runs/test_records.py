"""Tables of a run folder: names are read as they were written, whatever pandas takes them for."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.errors import UserError
from bench.runs.records import read_table, write_frame

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
