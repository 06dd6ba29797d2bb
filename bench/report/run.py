"""A run folder as its page reads it: tables, intervals, comparisons, and the card in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from bench.contract import Metric, Record
from bench.io.files import sha256_of
from bench.report.findings import questions
from bench.report.tables import Table, plain_table
from bench.runs.card import RunCard, described_in, read_run_card
from bench.runs.digests import DIGESTS
from bench.runs.folder import RunStore
from bench.runs.records import read_records, read_table, untrained_in
from bench.runs.rows import CLEAN, RAIN, kind_of
from bench.scoring.intervals import (
    Comparisons,
    Estimates,
    _comparisons,
    estimates_of,
    read_intervals,
    without_doubtful_recovery,
)
from bench.suites.suite import Suite

EXTRAS = {
    "correlations.csv": "Does image quality tell what a model sees? Rank correlations",
    "disagreements.csv": "Images where image quality and the task disagree most",
    "slices.csv": "Slices",
    "per_class.csv": "Classes",
    "cost.csv": "Cost",
    "failures.csv": "Failures",
}
"""Further tables of a run folder that the page shows where they are and not empty."""

MOST_LINES = 400
"""Longer tables are cut on the page, which says so; the file holds the rest."""

_ORDER = ("rain", "derainer", "untrained", "clean", "harm test")


@dataclass(frozen=True)
class ReadRun:
    """A run folder as the page reads it."""

    store: RunStore
    content: Mapping[str, object]
    card: RunCard
    records: Sequence[Record]
    estimates: Estimates
    rows: Sequence[str]
    comparisons: Comparisons

    @property
    def described(self) -> list[Metric]:
        """Metrics that tasks from outside describe in the card."""
        return described_in(self.card)

    @property
    def ranked(self) -> list[str]:
        """Rows without those of random weights."""
        untrained = untrained_in(self.records)
        return [row for row in self.rows if row not in untrained]


def read_run(run: Path) -> ReadRun:
    """Read a run folder.

    Raises:
        UserError: It holds no finished run, or a file is damaged.
    """
    store = RunStore(run)
    content = store.read_card()
    card, records = read_run_card(content, run), read_records(run)
    names = dict.fromkeys([*(record.derainer for record in records), *card.derainers])
    rows = sorted(names, key=lambda name: _ORDER.index(kind_of(name, card.untrained)))
    comparisons = _comparisons(run, records, [*questions(rows), (CLEAN, RAIN)])
    estimates = estimates_of(records, read_intervals(run))
    estimates = without_doubtful_recovery(estimates, comparisons.get((CLEAN, RAIN), {}))
    return ReadRun(store, content, card, records, estimates, rows, comparisons)


def extra_tables(root: Path) -> list[Table]:
    """Further tables of a run folder, those that are there."""
    tables: list[Table] = []
    for name, title in EXTRAS.items():
        frame = read_table(root / name)
        if len(frame) > MOST_LINES:
            title += f" (the first {MOST_LINES} of {len(frame)} lines of {name})"
        if len(frame):
            tables.append(plain_table(title, frame.head(MOST_LINES)))
    return tables


def costs_of(root: Path) -> dict[str, float]:
    """Seconds a restored image, median, of every derainer at the first measured size; empty if not measured."""
    frame = read_table(root / "cost.csv")
    if frame.empty:
        return {}
    alone = frame[frame["task"].isna() & frame["latency_ms"].notna()]
    first = alone.drop_duplicates("derainer")
    return {str(row["derainer"]): float(row["latency_ms"]) / 1000 for row in first.to_dict("records")}


def suite_of(run: ReadRun) -> Suite | None:
    """The suite in the card; None where it is of another version."""
    try:
        return Suite.model_validate(run.content.get("suite"))
    except ValidationError:
        return None


def card_of(run: ReadRun) -> list[tuple[str, Mapping[str, str]]]:
    """Versions, machine and digests, as headings and lines."""
    content, digests = run.content, run.store.root / DIGESTS
    general = {name: _line(content.get(name)) for name in ("commit", "device", "machine")}
    if digests.is_file():
        general["SHA-256 of digests.csv, which names every file"] = sha256_of(digests)
    libraries = content.get("libraries")
    versions = {str(k): str(v) for k, v in libraries.items() if v} if isinstance(libraries, dict) else {}
    return [
        ("Run", {name: text for name, text in general.items() if text}),
        ("How it was scored", _protocols(run.card)),
        ("Versions", versions),
        ("Derainers: digest of code, weights and device", dict(run.card.derainers)),
    ]


def _protocols(card: RunCard) -> dict[str, str]:
    """Scoring rules: tasks and the datasets that they hold for, to the rules."""
    found: dict[tuple[str, str], list[str]] = {}
    for dataset, tasks in card.tasks.items():
        for name, task in tasks.items():
            text = f"{task.model}: {task.protocol}" if task.model else task.protocol
            found.setdefault((name, text), []).append(dataset)
    return {f"{name} on {', '.join(datasets)}": text for (name, text), datasets in found.items()}


def _line(value: object) -> str:
    return ", ".join(f"{name} {item}" for name, item in value.items()) if isinstance(value, dict) else str(value or "")
