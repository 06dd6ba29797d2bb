"""Order and marks of a table, by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from bench.contract import Record
from bench.errors import UserError
from bench.tables.ranking import MARKS, column_signs, marks_in, notes_of, places, ranked, unmarked

TABLE = pd.DataFrame(
    [
        ["rain", "18.00", "0.9", "10.00", "3", "4/4"],
        ["one", "25.00", "0.3", "12.00", "5", "4/4"],
        ["two", "24.00 [23.10, 25.90]", "0.2", "14.00", "5", "4/4"],
        ["three", "25.00", "", "11.00", "6", "3/4"],
        ["clean", "", "0.0", "30.00", "9", "4/4"],
        ["clean+one", "40.00", "0.1", "29.00", "9", "4/4"],
    ],
    columns=["derainer", "psnr_y (dB)", "lpips", "AP (%)", "tp@0.25/0.60", "images"],
)
RECORDS = [
    Record("d", "one", "quality", "", "psnr_y", 25.0, "dB", 4, 4, "rules", "", "higher"),
    Record("d", "one", "quality", "", "lpips", 0.3, "", 4, 4, "rules", "", "lower"),
    Record("d", "one", "detection", "net", "AP", 12.0, "%", 4, 4, "rules", "", "higher"),
    Record("d", "one", "detection", "net", "tp@0.25/0.60", 5, "", 4, 4, "rules", "", ""),
]
SIGNS = column_signs(RECORDS)


def test_rain_and_clean_compete_with_nobody_and_equal_numbers_share_a_place() -> None:
    assert places(TABLE, SIGNS) == {
        "psnr_y (dB)": [0, 1, 2, 1, 0, 0],
        "lpips": [0, 2, 1, 0, 0, 0],
        "AP (%)": [0, 2, 1, 3, 0, 0],
    }, "less is better for distances; counts rank nothing"


def test_one_derainer_alone_is_not_marked() -> None:
    assert places(TABLE.iloc[[0, 1, 4]], SIGNS) == {}


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("", ["two", "one", "three"]),
        ("AP", ["two", "one", "three"]),
        ("psnr_y (dB)", ["one", "three", "two"]),
        ("lpips", ["two", "one", "three"]),
    ],
)
def test_rows_are_ordered_between_rain_and_clean(by: str, names: list[str]) -> None:
    assert ranked(TABLE, RECORDS, by)["derainer"].tolist() == ["rain", *names, "clean", "clean+one"]


def test_an_unknown_column_is_refused() -> None:
    with pytest.raises(UserError, match="--sort fsim: no such column; those that rank: psnr_y, lpips, AP"):
        ranked(TABLE, RECORDS, "fsim")


@pytest.mark.parametrize("mark", [" *", " ‡", " * ‡"])
def test_a_marked_number_has_no_rank_with_or_without_its_interval(mark: str) -> None:
    for cell in (f"26.00{mark}", f"26.00{mark} [25.10, 26.90]"):
        frame = TABLE.copy()
        frame.loc[3, "psnr_y (dB)"] = cell
        assert places(frame, SIGNS)["psnr_y (dB)"] == [0, 1, 2, 0, 0, 0]
        assert notes_of([cell, "24.00"]) == [text for mark_of, text in MARKS.items() if mark_of in mark]
    assert unmarked(pd.DataFrame([[f"26.00{mark}", 3]])).to_numpy().tolist() == [["26.00", 3]]
    assert marks_in("26.00 [25.10, 26.90]") == []
