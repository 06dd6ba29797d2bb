from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.report.plots import (
    BOTTOM,
    HEIGHT,
    LABEL_HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    PlottedNumber,
    Series,
    draw,
    draw_ranking,
    log_ticks,
    nice_ticks,
)

NUMBERS = st.floats(-1e4, 1e4, allow_nan=False).map(lambda number: round(number, 3))


def test_ticks_are_round_numbers() -> None:
    assert nice_ticks(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert nice_ticks(13.2, 22.9) == [14, 16, 18, 20, 22]
    assert log_ticks(0.02, 3) == [0.1, 1], "1, 2 and 5 would be seven"
    assert log_ticks(0.1, 1) == [0.1, 0.2, 0.5, 1]


@given(NUMBERS, st.floats(0.01, 1e4))
def test_ticks_lie_between_the_ends_evenly_and_are_few(low: float, span: float) -> None:
    ticks = nice_ticks(low, low + span)
    assert 2 <= len(ticks) <= 7
    assert all(low - 1e-6 <= tick <= low + span + 1e-6 for tick in ticks)
    steps = [b - a for a, b in itertools.pairwise(ticks)]
    assert steps == pytest.approx([steps[0]] * len(steps), abs=1e-6)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=14))
def test_every_point_is_inside_and_no_two_names_overlap(points: list[tuple[float, float]]) -> None:
    series = [Series(str(index), "s1", ((PlottedNumber(x), PlottedNumber(y)),)) for index, (x, y) in enumerate(points)]
    plot = draw("", "", "x", "y", series)
    assert plot is not None
    for drawn in plot.series:
        (mark,) = drawn.marks
        assert LEFT <= mark.x <= WIDTH - RIGHT
        assert TOP <= mark.y <= HEIGHT - BOTTOM
    places = sorted(drawn.label_y for drawn in plot.series)
    assert all(b - a >= LABEL_HEIGHT - 0.2 for a, b in itertools.pairwise(places))
    assert places[-1] <= HEIGHT - BOTTOM


def test_larger_numbers_are_further_right_and_further_up_with_their_intervals() -> None:
    low, high = (
        (PlottedNumber(1.0, 0.5, 1.5), PlottedNumber(10.0)),
        (PlottedNumber(2.0), PlottedNumber(30.0, 20.0, 40.0)),
    )
    plot = draw("", "", "x", "y", [Series("a", "s1", (low, high), line=True)], [("clean", "s-clean", 35.0)])
    assert plot is not None
    rule, line = plot.series
    first, last = line.marks
    assert first.x < last.x
    assert first.y > last.y
    assert first.whiskers.count("H") == 1
    assert "V" not in first.whiskers
    assert last.whiskers.count("V") == 1
    assert line.path.startswith("M")
    assert rule.name == "clean"
    assert first.title == "a: x 1 (0.5 to 1.5); y 10"


def test_a_logarithmic_axis_leaves_out_what_has_no_logarithm() -> None:
    points = [Series(str(x), "s1", ((PlottedNumber(x), PlottedNumber(1.0)),)) for x in (0.0, 0.01, 0.1, 1.0)]
    plot = draw("", "", "seconds", "y", points, log_x=True)
    assert plot is not None
    places = [drawn.marks[0].x for drawn in plot.series]
    assert len(places) == 3
    assert sorted(places)[1] - sorted(places)[0] == pytest.approx(sorted(places)[2] - sorted(places)[1], abs=0.2)


def test_nothing_to_draw_is_no_plot() -> None:
    assert draw("", "", "x", "y", [Series("a", "s1", ())]) is None
    assert draw_ranking("", "", "x", [], []) is None


def test_a_ranking_has_a_line_for_every_row_in_order() -> None:
    rows = [("rain", "s-rain", PlottedNumber(10.0, 8.0, 12.0)), ("mine", "s1", PlottedNumber(20.0))]
    plot = draw_ranking("", "", "AP (%)", rows, [("s-rain", 10.0)])
    assert plot is not None
    assert [tick.text for tick in plot.y.ticks] == ["rain", "mine"]
    upright, rain, mine = plot.series
    assert upright.path.startswith(f"M{rain.marks[0].x:g} ")
    assert rain.marks[0].y < mine.marks[0].y
    assert math.isclose(rain.marks[0].y, plot.y.ticks[0].at)
    assert mine.marks[0].title == "mine: AP (%) 20"
