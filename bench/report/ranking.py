"""Render the ranking of derainers: one table that sorts, marks that tell who may be ranked, and how it was made."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.errors import UserError
from bench.io.names import portable_name
from bench.report.html import template
from bench.report.run import costs_of
from bench.runs.card import CARD
from bench.runs.records import read_table
from bench.runs.rows import CLEAN, RAIN
from bench.scoring.metrics import digits_of
from bench.suites.suite import Suite, load_suite, suite_names
from bench.tables.places import FinishedRun, Place, first_of, places_of
from bench.tables.ranking import FEWER, OWN_GUIDE
from bench.tables.standings import Origin, Standing, standings

LED, PARTIAL = OWN_GUIDE.strip(), FEWER.strip()
"""Marks of a number as in every table: trained to please this model; and a number on fewer images."""
SAW, KNOWS, UNSTATED = "†", "°", "?"
"""Marks of the ranking alone: trained on photographs of this dataset; on this rain; on nobody says what."""
_PSNR = "psnr_y"
_MEASURED_ON = ("width", "height", "precision", "compiled", "hardware", "threads")
"""Columns of ``cost.csv`` that say on what its times were measured."""


@dataclass(frozen=True)
class RankedRow:
    """A derainer of the ranking.

    Attributes:
        name: The row's name.
        origin: What its weights were trained on.
        parameters: Parameters of its network; None if unknown.
        operations: Operations of its network on an image of 640x480; None if unknown.
    """

    name: str
    origin: Origin
    parameters: int | None
    operations: int | None


@dataclass(frozen=True)
class Cell:
    """A cell of the table.

    Attributes:
        text: What it shows; empty if unknown.
        value: What it is sorted by; empty sorts last.
        link: The card that the number is from; empty for none.
        marks: Its marks.
        leads: True if it belongs to the best.
    """

    text: str = ""
    value: float | str = ""
    link: str = ""
    marks: str = ""
    leads: bool = False


@dataclass(frozen=True)
class Group:
    """Columns below one heading: their headings with longer ones, and row to cells; other rows have empty cells."""

    heading: str
    columns: Mapping[str, str]
    cells: Mapping[str, Sequence[Cell]]

    def line(self, row: str) -> Sequence[Cell]:
        """Give the cells of one row."""
        return self.cells.get(row) or [Cell()] * len(self.columns)


def render_ranking(
    runs: Sequence[FinishedRun], rows: Sequence[RankedRow], into: Path, told: Mapping[str, str] | None = None
) -> str:
    """Render the ranking as HTML without blank lines, which Markdown takes as it is, and the commands in Markdown.

    Args:
        runs: The runs, in the order of the columns.
        rows: Their derainers.
        into: The file in which it will stand; links are relative to it.
        told: Row to what was told of its weights, for the command.

    Raises:
        UserError: No run has a task with a model, so that nothing can be ranked.
    """
    places = places_of(runs)
    if not places:
        raise UserError(
            f"{', '.join(str(run.root) for run in runs)}: no scores of a task with a model; nothing to rank"
        )
    origins = {row.name: row.origin for row in rows}
    found = [standings(joined, origins) for joined in places]
    groups = [_of_places(joined, one, origins, into) for joined, one in zip(places, found, strict=True)]
    page = template("ranking.html").render(
        groups=[*_told_apart(groups, places), _of_networks(rows), *_of_times(runs, into), _of_words(rows)],
        derainers=sorted(origins, key=lambda row: _order(row, found[0])),
        controls=[RAIN, CLEAN],
        runs=[(run.root.name, _link(run, into), _facts(run)) for run in runs],
        first=places[0][0],
    )
    commands = "\n".join([*(run_command(run) for run in runs), ranking_command(runs, into, told or {})])
    whole = "\n".join(line for line in page.splitlines() if line.strip())  # a blank line would end the HTML in Markdown
    return f"{whole}\n\n```sh\n{commands}\n```\n"


def run_command(run: FinishedRun) -> str:
    """Write the command that makes one run; folders of photographs and of files are the reader's own."""
    suite = run.suite
    built_in = load_suite(suite.name) if suite.name in suite_names() else None
    roots = sorted({dataset.root for dataset in suite.datasets.values()} - {""}, key=lambda root: (len(root), root))
    words = ["derainbench", "run", suite.name if built_in else f"{suite.name}.toml"]
    for root in roots:
        words += [f"--{root}", "DIR"] if root in ("coco", "bdd") else ["--data", f"{Path(root).name}=DIR"]
    if built_in is None or suite.derainers != built_in.derainers:
        words += ["--derainers", ",".join(map(portable_name, suite.derainers))]
    words += _asked(suite, built_in) if built_in else []
    known = _models(built_in)
    for task, model in _models(suite).items():
        words += ["--model", f"{task}={portable_name(model)}"] if known.get(task) != model else []
    words += ["--precision", run.precision] if run.precision != "fp32" else []
    return _command([*words, "--out", _shown(run.root)])


def _asked(suite: Suite, usual: Suite) -> list[str]:
    """List the options that change tasks and images of the built-in suite into those of this one."""
    words = ["--tasks", ",".join(suite.tasks)] if suite.tasks.keys() != usual.tasks.keys() else []
    for task, rows in suite.retrained.items():
        words += [
            word for row, model in rows.items() for word in ("--retrained", f"{task}:{row}={portable_name(model)}")
        ]
    for key in ("count", "size"):
        own, known = ([getattr(one, key) for _, one in sorted(of.datasets.items())] for of in (suite, usual))
        words += [f"--{key}", str(own[0])] if own != known else []  # either is one for all datasets
    return words


def ranking_command(runs: Sequence[FinishedRun], into: Path, told: Mapping[str, str]) -> str:
    """Write the command that makes the ranking."""
    words = [word for row, text in told.items() for word in ("--trained-on", f"{row}={text}")]
    return _command(["derainbench", "ranking", *(_shown(run.root) for run in runs), *words, "--into", _shown(into)])


def _command(words: Sequence[str]) -> str:
    """Write a command for a shell in one line: a line break in a name could end the block of code that it stands in."""
    return shlex.join(" ".join(word.split()) for word in words)


def _models(suite: Suite | None) -> dict[str, str]:
    tasks = suite.tasks if suite else {}
    return {task: str(parameters["model"]) for task, parameters in tasks.items() if parameters.get("model")}


def _shown(path: Path) -> str:
    return Path(os.path.relpath(path)).as_posix()


def _link(run: FinishedRun, into: Path) -> str:
    return Path(os.path.relpath(run.root / CARD, into.parent)).as_posix()


def _order(row: str, first: Mapping[str, Standing]) -> tuple[bool, float, str]:
    """Sort those that are ranked in the first place before others, and each by their recovery."""
    one = first.get(row)
    if one is None or math.isnan(one.estimate.recovery):
        return True, math.inf, row
    return not one.ranked, -one.estimate.recovery, row


def _of_places(
    places: Sequence[Place], found: Mapping[str, Standing], origins: Mapping[str, Origin], into: Path
) -> Group:
    """Make the columns of places that can be compared."""
    place, first = places[0], first_of(places)
    unit = f" ({place.unit})" if place.unit else ""
    strength = "" if place.config.severity == 1 else f" x {place.config.severity:g}"
    columns = {
        "recovery": f"how much comes back of the {place.metric} that the rain takes",
        f"{place.metric}{unit}": "the score",
        "PSNR Y (dB)": "peak signal-to-noise ratio of the luma",
    }
    if any(not math.isnan(one.change) for one in found.values()):  # else nothing was restored from clean images
        columns["on clean images"] = f"{place.metric} of clean images after the derainer, less that before"
    cells = {
        **{row: _cells(place, first, row, one, origins[row], into) for row, one in found.items()},
        **{row: [Cell(), *_scores(place, first.get(row), row, into), Cell()] for row in (RAIN, CLEAN)},
    }
    heading = f"{place.dataset} in rain {place.rain}{strength}: {place.task} by {place.model}"
    return Group(heading, columns, {row: line[: len(columns)] for row, line in cells.items()})


def _told_apart(groups: Sequence[Group], places: Sequence[Sequence[Place]]) -> list[Group]:
    """Add the first run's name, and its arithmetic, to headings that would stand there twice."""
    headings = [group.heading for group in groups]
    runs = [joined[0].run for joined in places]
    return [
        replace(group, heading=f"{group.heading} ({run.root.name}, {run.arithmetic})")
        if headings.count(group.heading) > 1
        else group
        for group, run in zip(groups, runs, strict=True)
    ]


def _cells(
    heading: Place, first: Mapping[str, Place], row: str, one: Standing, origin: Origin, into: Path
) -> list[Cell]:
    """Make a derainer's cells in one place: recovery, score, PSNR, and what it does to clean images."""
    marks = {SAW: one.saw_photographs, LED: one.knows_judge, KNOWS: one.knows_rain, UNSTATED: not origin.stated}
    told = "".join(mark for mark, holds in (marks | {PARTIAL: one.partial}).items() if holds)
    place, harm, back, kept = first[row], one.harm, one.estimate, one.on_clean
    digits = digits_of(place.metric, place.unit, place.run.described)
    recovery = _percent(back.recovery, back.recovery_low, back.recovery_high)
    share = _percent(1 - kept.recovery, 1 - kept.recovery_high, 1 - kept.recovery_low, digits=1)
    change = "" if math.isnan(one.change) else f"{one.change:+.{digits}f}{f' ({share})' if share else ''}"
    of_clean = (
        (change, _sortable(one.change), _link(harm.run, into), told.replace(KNOWS, "")) if harm and change else ()
    )
    return [
        Cell(recovery, _sortable(back.recovery), _link(place.run, into), told, one.leads),
        *_scores(heading, place, row, into, told),
        Cell(*of_clean),
    ]


def _scores(heading: Place, place: Place | None, row: str, into: Path, marks: str = "") -> list[Cell]:
    """Make the cells of a row's score and PSNR, the latter only if its protocol is that of the heading's run."""
    if place is None:
        return [Cell(), Cell()]
    link, described = _link(place.run, into), place.run.described
    shown = [(place.metric, place.unit, True), (_PSNR, "dB", place.quality_hash == heading.quality_hash)]
    cells = []
    for metric, unit, comparable in shown:
        estimate = place.estimate(row, metric) if comparable else None
        text = f"{estimate.value:.{digits_of(metric, unit, described)}f}" if estimate else ""
        cells.append(Cell(text, estimate.value, link, marks) if estimate else Cell())
    return cells


def _percent(value: float, low: float, high: float, digits: int = 0) -> str:
    """Print a share with its interval in per cent; empty if it is unknown."""
    if math.isnan(value):
        return ""
    shown, least, most = (f"{round(100 * share, digits) + 0.0:.{digits}f}" for share in (value, low, high))  # no -0
    return f"{shown} %" if math.isnan(low) else f"{shown} % [{least}, {most}]"


def _sortable(value: float) -> float | str:
    return "" if math.isnan(value) else round(value, 6)


def _of_networks(rows: Sequence[RankedRow]) -> Group:
    def cell(value: int | None, scale: float, digits: int) -> Cell:
        return Cell() if value is None else Cell(f"{value * scale:.{digits}f}", value)

    return Group(
        "network",
        {"parameters (M)": "millions of parameters", "GFLOP": "10^9 operations on an image of 640x480"},
        {row.name: [cell(row.parameters, 1e-6, 3), cell(row.operations, 1e-9, 0)] for row in rows},
    )


def _of_times(runs: Sequence[FinishedRun], into: Path) -> list[Group]:
    """Make a column of times for every size and processor on which a run was measured; a row's first time counts."""
    columns: dict[str, dict[str, list[Cell]]] = {}
    for run in runs:
        if seconds := costs_of(run.root):
            first = read_table(run.root / "cost.csv", _MEASURED_ON).dropna(subset="latency_ms").iloc[0]
            how = f"{first['precision']}{', compiled' if first['compiled'] else ''}, {first['hardware']}"
            link = _link(run, into)
            cells = {row: [Cell(f"{1000 * value:.0f}", value, link)] for row, value in seconds.items()}
            heading = f"time: {first['width']}x{first['height']}, {how}, {first['threads']} threads"
            columns[heading] = {**cells, **columns.get(heading, {})}
    return [Group(heading, {"ms an image": "median"}, cells) for heading, cells in columns.items()]


def _of_words(rows: Sequence[RankedRow]) -> Group:
    words = {row.name: row.origin.words or "not stated" for row in rows}
    return Group("weights", {"trained on": "images and rain"}, {row: [Cell(text, text)] for row, text in words.items()})


def _facts(run: FinishedRun) -> str:
    """Say in one line what a run rests on: datasets, images, rain, models, precision and machine."""
    datasets = [
        f"{name} ({run.card.datasets[name]} images, rain {run.suite.datasets[name].rain or 'of its own'})"
        for name in dict.fromkeys(record.dataset for record in run.records)
    ]
    models = sorted({task.model for tasks in run.card.tasks.values() for task in tasks.values() if task.model})
    machine = f"derainers in {run.precision} on {run.card.hardware or run.card.device}"
    return f"{', '.join(datasets)}; seen by {', '.join(models)}; {machine}"
