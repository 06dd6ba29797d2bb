"""Compute the coordinates of plots in a picture of fixed size; the templates turn them into inline SVG. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

WIDTH, HEIGHT = 400, 290
LEFT, RIGHT, TOP, BOTTOM = 46, 106, 12, 44
"""Margins; names of lines and points stand in the right one."""

LABEL_HEIGHT = 14


@dataclass(frozen=True)
class Tick:
    """A tick of an axis: its place in pixels and its text."""

    at: float
    text: str


@dataclass(frozen=True)
class Axis:
    """An axis: title, ticks, and the function from numbers to pixels."""

    title: str
    ticks: tuple[Tick, ...]
    place: Callable[[float], float]


@dataclass(frozen=True)
class PlottedNumber:
    """A number with its interval; NaN ends where there is none."""

    at: float
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True)
class Series:
    """Points of one row of the run in data units, drawn in one colour.

    Attributes:
        name: Text beside them.
        style: CSS class of its colour.
        points: x and y of every point, in data units.
        line: True joins the points.
        marks: True draws the points and their intervals.
    """

    name: str
    style: str
    points: tuple[tuple[PlottedNumber, PlottedNumber], ...]
    line: bool = False
    marks: bool = True


@dataclass(frozen=True)
class Mark:
    """A point with whiskers, in pixels; an empty path has no whiskers."""

    x: float
    y: float
    whiskers: str
    title: str


@dataclass(frozen=True)
class DrawnSeries:
    """A series in pixels: path of its line, its marks, the place of its name and the leader to it."""

    name: str
    style: str
    path: str
    marks: tuple[Mark, ...]
    label_x: float
    label_y: float
    leader: str


@dataclass(frozen=True)
class Plot:
    """A plot with its axes and series in pixels, ready for the template."""

    title: str
    caption: str
    x: Axis
    y: Axis
    series: tuple[DrawnSeries, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


def draw(
    title: str,
    caption: str,
    x_title: str,
    y_title: str,
    series: Sequence[Series],
    rules: Sequence[tuple[str, str, float]] = (),
    *,
    log_x: bool = False,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
) -> Plot | None:
    """Draw series into one plot; None if there is no point.

    Args:
        title: Above the plot.
        caption: Below it.
        x_title: Name and unit of the x axis.
        y_title: Name and unit of the y axis.
        series: What to draw.
        rules: Name, style and y of horizontal lines.
        log_x: True for a logarithmic x axis; points at 0 or below are left out.
        x_range: Ends of the x axis; None takes them from the points.
        y_range: Ends of the y axis.
    """
    if log_x:
        series = [replace(one, points=tuple(p for p in one.points if p[0].at > 0)) for one in series]
    series = [one for one in series if one.points]
    if not series:
        return None
    across = [p[0] for one in series for p in one.points]
    if log_x:
        x_range = min(value.at for value in across), max(value.at for value in across)
    x = _axis(x_title, x_range or _ends(across), LEFT, WIDTH - RIGHT, log_x)
    heights = [p[1] for one in series for p in one.points] + [PlottedNumber(level) for _, _, level in rules]
    y = _axis(y_title, y_range or _ends(heights), HEIGHT - BOTTOM, TOP, False)
    levels = [_across(name, style, y.place(level)) for name, style, level in rules]
    return Plot(title, caption, x, y, tuple(_labelled([*levels, *(_draw_series(one, x, y) for one in series)])))


def draw_ranking(
    title: str,
    caption: str,
    x_title: str,
    rows: Sequence[tuple[str, str, PlottedNumber]],
    marked: Sequence[tuple[str, float]],
) -> Plot | None:
    """Draw one number a row, names at the left, with upright lines at marked numbers.

    Args:
        title: Above the plot.
        caption: Below it.
        x_title: Name and unit of the numbers.
        rows: Name, style and number, from top to bottom.
        marked: Style and place of the upright lines.
    """
    if not rows:
        return None
    left, right, top = 116, WIDTH - 14, 10
    step = max(26.0, min(56.0, 230 / len(rows)))
    bottom = round(top + step * len(rows))
    x = _axis(x_title, _ends([value for _, _, value in rows]), left, right, False)
    ticks = tuple(Tick(top + step * (index + 0.5), name) for index, (name, _, _) in enumerate(rows))
    y = Axis("", ticks, lambda index: top + step * (index + 0.5))
    upright = [DrawnSeries("", f"{s} rule", f"M{x.place(at):g} {top}V{bottom}", (), 0, 0, "") for s, at in marked]
    drawn = [replace(_draw_series(Series(name, style, ((value, PlottedNumber(index)),)), x, y), name="")
             for index, (name, style, value) in enumerate(rows)]  # fmt: skip
    return Plot(title, caption, x, y, (*upright, *drawn), height=bottom + BOTTOM, left=left, right=right, bottom=bottom)


def nice_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Choose round numbers between two ends: steps of 1, 2 or 5 times a power of ten, at most ``most`` of them."""
    span = max(high - low, 1e-9)
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(factor * power for factor in (1, 2, 5, 10) if span / (factor * power) <= most)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(index * step, 10) for index in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Choose 1, 2 and 5 times powers of ten between two positive ends; powers alone where there are over six."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    fine = [factor * 10.0**power for power in powers for factor in (1, 2, 5)]
    inside = [tick for tick in fine if low * 0.999 <= tick <= high * 1.001]
    return inside if len(inside) <= 6 else [tick for tick in inside if math.log10(tick).is_integer()]


def _axis(title: str, ends: tuple[float, float], start: float, stop: float, log: bool) -> Axis:
    low, high = ends
    if log:
        low, high = low / 1.25, high * 1.25
    bend = math.log10 if log else float

    def place(value: float) -> float:
        return round(start + (bend(value) - bend(low)) / (bend(high) - bend(low)) * (stop - start), 1)

    ticks = log_ticks(low, high) if log else nice_ticks(low, high)
    return Axis(title, tuple(Tick(place(tick), f"{tick:g}") for tick in ticks), place)


def _ends(values: Sequence[PlottedNumber]) -> tuple[float, float]:
    """Find the least and the greatest number or interval end, with a margin of 6 % of the range."""
    numbers = [n for value in values for n in (value.at, value.low, value.high) if math.isfinite(n)]
    low, high = min(numbers), max(numbers)
    room = 0.06 * (high - low) or max(abs(high) * 0.1, 0.5)
    return low - room, high + room


def _draw_series(one: Series, x: Axis, y: Axis) -> DrawnSeries:
    places = [(x.place(a.at), y.place(b.at)) for a, b in one.points]
    path = "M" + "L".join(f"{px:g} {py:g}" for px, py in places) if one.line else ""
    marks = tuple(
        Mark(
            *place,
            _whiskers(a, b, x, y),
            f"{one.name}: "
            + "; ".join(_with_interval(axis.title, value) for axis, value in ((x, a), (y, b)) if axis.title),
        )
        for place, (a, b) in zip(places, one.points, strict=True)
    )
    last = places[-1]
    return DrawnSeries(one.name, one.style, path, marks if one.marks else (), last[0] + 9, last[1], "")


def _whiskers(a: PlottedNumber, b: PlottedNumber, x: Axis, y: Axis) -> str:
    across = f"M{x.place(a.low):g} {y.place(b.at):g}H{x.place(a.high):g}" if math.isfinite(a.low) else ""
    upright = f"M{x.place(a.at):g} {y.place(b.low):g}V{y.place(b.high):g}" if math.isfinite(b.low) else ""
    return across + upright


def _with_interval(title: str, value: PlottedNumber) -> str:
    interval = f" ({value.low:.4g} to {value.high:.4g})" if math.isfinite(value.low) else ""
    return f"{title} {value.at:.4g}{interval}"


def _across(name: str, style: str, y: float) -> DrawnSeries:
    return DrawnSeries(name, f"{style} rule", f"M{LEFT} {y:g}H{WIDTH - RIGHT}", (), WIDTH - RIGHT, y, "")


def _labelled(drawn: Sequence[DrawnSeries]) -> list[DrawnSeries]:
    """Move names in a column at the right apart, each as near to its end as it can be, with a leader to it."""
    column = WIDTH - RIGHT + 8.0
    order = sorted(range(len(drawn)), key=lambda index: drawn[index].label_y)
    places = _spread([drawn[index].label_y for index in order])
    found = list(drawn)
    for index, place in zip(order, places, strict=True):
        one = drawn[index]
        start = one.label_x - 2
        leader = f"M{start:g} {one.label_y:g}L{column - 3:g} {place:g}"
        found[index] = replace(one, label_x=column, label_y=round(place, 1), leader=leader)
    return found


def _spread(wanted: Sequence[float]) -> list[float]:
    """Move places, in pixels and ascending, at least a line apart: one pass down, one pass up from the bottom."""
    places: list[float] = []
    for place in wanted:
        places.append(max(place, places[-1] + LABEL_HEIGHT) if places else place)
    floor = float(HEIGHT - BOTTOM)
    for index in range(len(places) - 1, -1, -1):
        places[index] = min(places[index], floor)
        floor = places[index] - LABEL_HEIGHT
    return places
