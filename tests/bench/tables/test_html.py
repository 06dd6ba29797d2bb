"""The leaderboard's page: marks, escapes, and nothing that would be loaded."""

from __future__ import annotations

import re

import pandas as pd

from bench.contract import Record
from bench.tables.html import leaderboard_page

TABLE = pd.DataFrame(
    [["rain", "10.00"], ["<script>alert(1)</script>", "12.00"], ["two", "14.00"], ["clean", "30.00"]],
    columns=["derainer", "AP (%)"],
)
RECORD = Record(
    "coco & co", "two", "detection", "yolo", "AP", 14.0, "%", 4, 4, "score >= 0.25", "0123456789ab", "higher"
)


def test_best_and_second_are_marked_and_everything_is_escaped() -> None:
    page = leaderboard_page({"coco & co": TABLE}, [RECORD])
    assert "<td><b>14.00</b></td>" in page
    assert "<td><u>12.00</u></td>" in page
    assert "<td>30.00</td>" in page, "the clean images compete with nobody"
    assert "<h2>coco &amp; co</h2>" in page
    assert "<script" not in page
    assert "score &gt;= 0.25" in page
    assert "<code>0123456789ab</code>" in page


def test_nothing_is_loaded() -> None:
    page = leaderboard_page({"d": TABLE}, [])
    assert not re.search(r"(src|href)=|@import|url\(|https?:", page)
