from __future__ import annotations

import io

from rich.console import Console

from bench.commands.bars import Bars
from bench.contract import Failure
from bench.runner.outcome import Outcome
from bench.runs.rows import Row


def drawn(*outcomes: Outcome, done: int = 0) -> str:
    console = Console(file=io.StringIO(), force_terminal=True, width=120, color_system=None)
    with Bars(console) as bars:
        bars.begin("restore", len(outcomes), done)
        for outcome in outcomes:
            bars.advance(outcome)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_the_bar_counts_what_was_found_done() -> None:
    row = Row("d", "mine")
    text = drawn(Outcome(row, "a", 0.1), Outcome(row, "b", 0.1), done=3)
    assert "Derain" in text
    assert "5/5" in text
    assert "d mine" in text


def test_a_failure_is_said_at_once_and_brackets_are_no_markup() -> None:
    row = Row("d", "[/bold]mine[red]")
    failure = Failure("d", row.derainer, "", "im[a]ge [/x]", "restore", "ValueError: [/] [link=x] wrong")
    text = drawn(Outcome(row, failure.image, 0.0, failure))
    assert "failed d [/bold]mine[red] im[a]ge [/x]: ValueError: [/] [link=x] wrong" in text


def test_nothing_to_do_is_drawn_too() -> None:
    assert "0/0" in drawn()
