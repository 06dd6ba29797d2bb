"""Tables fit the terminal, and what is in them can still be read."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from bench.cli import app
from bench.commands.console import out_console
from bench.commands.terminal_tables import layout_of, lines_of, print_table

TEXTS = st.text("ab -", max_size=25)


@given(st.lists(st.lists(TEXTS, min_size=3, max_size=3), min_size=1, max_size=6), st.integers(20, 120))
def test_every_column_stands_once_and_names_stand_in_every_part(columns: list[list[str]], room: int) -> None:
    parts, gap = layout_of(columns, room)
    assert [place for part in parts for place, _ in part if place] == list(range(1, len(columns)))
    for part in parts:
        assert part[0][0] == 0
        longest = [max((len(word) for text in columns[place] for word in text.split()), default=0) for place, _ in part]
        if len(part) > 2:  # two columns may be too wide together, but then they cannot be told apart from names
            assert sum(width + gap for _, width in part) + 2 - gap <= room
        assert part[0][1] >= longest[0]


def test_a_column_gets_room_where_it_saves_most_lines() -> None:
    columns = [["name", "a", "b"], ["short", "x y", "x y"], ["long", "many words " * 8, "many words " * 8]]
    (part,), gap = layout_of(columns, 50)
    assert gap == 2
    assert [width for _, width in part] == [4, 5, 35]


def test_columns_move_closer_before_a_table_comes_in_parts() -> None:
    columns = [["names", "a"], ["12345", "b"], ["12345", "c"]]
    whole = [(0, 5), (1, 5), (2, 5)]
    assert [layout_of(columns, room) for room in (21, 20, 19)] == [([whole], 2), ([whole], 1), ([whole], 1)]
    assert layout_of(columns, 18) == ([[(0, 5), (1, 5)], [(0, 5), (2, 5)]], 2)


def test_words_and_intervals_stay_whole() -> None:
    assert lines_of("18.63 [17.4, 19.9]", 6) == ("18.63", "[17.4, 19.9]")
    assert lines_of("rain, clean", 6) == ("rain,", "clean")


def test_numbers_are_never_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(out_console, "_width", 40)
    frame = pd.DataFrame(
        {"derainer": ["rain", "mspfn-light"], **{f"m{n}": ["0.1234 [0.1, 0.2]", ""] for n in range(9)}}
    )
    with out_console.capture() as captured:
        print_table(frame, "streets")
    told = captured.get()
    assert max(map(len, told.splitlines())) <= 40
    assert (told.count("0.1234"), told.count("[0.1, 0.2]")) == (9, 9)
    assert told.count("mspfn-light") > 1  # the names, beside every part


@pytest.mark.parametrize("words", ["list suites", "list derainers", "list metrics", "list sources", "list tasks"])
def test_lists_fit_80_columns_and_keep_names_whole(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(out_console, "_width", 80)
    told = CliRunner().invoke(app, words.split()).output
    named = CliRunner().invoke(app, [*words.split(), "--json"]).output
    assert max(map(len, told.splitlines())) <= 80
    for name in re.findall(r'"(?:name|derainer)": "([^"]+)"', named):
        assert re.search(rf"^ {re.escape(name)} ", told, re.MULTILINE), name


def test_what_is_unknown_is_an_empty_cell(capsys: pytest.CaptureFixture[str]) -> None:
    frame = pd.DataFrame({"what": ["a run", None], "busy": [0.5, float("nan")]})
    print_table(frame, "speeds")
    told = capsys.readouterr().out
    assert "a run" in told
    assert "nan" not in told.lower()
    assert "None" not in told
