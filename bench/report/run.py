"""Read a run folder for its page: records, intervals, comparisons, further tables, and the card in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench.contract import Metric, Record
from bench.errors import UserError
from bench.io.files import sha256_of
from bench.report.findings import references
from bench.report.tables import Table, plain_table
from bench.runs.card import CARD, RunCard, described_in, read_card
from bench.runs.digests import DIGESTS
from bench.runs.folder import RunStore
from bench.runs.records import read_records, read_table, untrained_in
from bench.runs.rows import CLEAN, RAIN, kind_of
from bench.scoring.estimates import Comparisons, Estimates, compare_pairs, drop_uncertain_recovery, estimates_of
from bench.scoring.gains import GAIN_COLUMNS, gains_over_rain
from bench.scoring.intervals import read_intervals
from bench.scoring.truth_ledger import TRUTH
from bench.suites.suite import Suite, suite_of_card

EXTRAS = {
    "correlations.csv": "Does image quality tell what a model sees? Rank correlations",
    "disagreements.csv": "Images where image quality and the task disagree most",
    "slices.csv": "Slices",
    "per_class.csv": "Classes",
    TRUTH: "Truth: what is scored, and what is not",
    "cost.csv": "Cost",
    "failures.csv": "Failures",
}
"""Further tables of a run folder that the page shows where they are and not empty."""

MOST_LINES = 400
"""Longer tables are cut on the page, which says so; the file holds the rest."""

_ORDER = ("rain", "derainer", "untrained", "clean", "harm test")


@dataclass(frozen=True)
class ReadRun:
    """Everything in a run folder that the page is made of, but for its pictures.

    Attributes:
        store: The run folder.
        card: All that the run says of itself.
        records: Every number.
        estimates: Every number with its interval; recovery only of losses that are certain.
        rows: Names of the rows: rain, derainers, untrained ones, clean, harm tests.
        gains: What each derainer gains over the rain (:func:`bench.scoring.gains.gains_over_rain`), on datasets without
            clean images; empty where all have them.
        comparisons: Every row against rain or clean (:func:`bench.report.findings.references`), and clean against rain.
    """

    store: RunStore
    card: RunCard
    records: Sequence[Record]
    estimates: Estimates
    rows: Sequence[str]
    comparisons: Comparisons
    gains: pd.DataFrame

    @property
    def described(self) -> list[Metric]:
        """Metrics that tasks from outside describe in the card."""
        return described_in(self.card)

    @property
    def ranked(self) -> list[str]:
        """Leave out the rows of random weights."""
        untrained = untrained_in(self.records)
        return [row for row in self.rows if row not in untrained]


def read_run(run: Path) -> ReadRun:
    """Read a run folder.

    Raises:
        UserError: It holds no finished run, or a file is damaged.
    """
    store = RunStore(run)
    card, records = read_card(run), read_records(run)
    names = dict.fromkeys([*(record.derainer for record in records), *card.derainers])
    rows = sorted(names, key=lambda name: _ORDER.index(kind_of(name, card.untrained)))
    comparisons = compare_pairs(run, records, [*references(rows), (CLEAN, RAIN)])
    estimates = estimates_of(records, read_intervals(run))
    estimates = drop_uncertain_recovery(estimates, comparisons.get((CLEAN, RAIN), {}))
    return ReadRun(store, card, records, estimates, rows, comparisons, _gains(run, card))


def _gains(run: Path, card: RunCard) -> pd.DataFrame:
    """Compute the gains on datasets without clean images; empty where nothing can be paired."""
    if not card.without_clean:
        return pd.DataFrame(columns=GAIN_COLUMNS)
    try:
        gains = gains_over_rain(run, described=described_in(card))
    except UserError:  # no derainer, no row rain or no resamples; the findings say that nothing was tested
        return pd.DataFrame(columns=GAIN_COLUMNS)
    return gains[gains["dataset"].isin(card.without_clean)]


def extra_tables(root: Path) -> list[Table]:
    """Read the further tables of a run folder that are there (:data:`EXTRAS`)."""
    tables: list[Table] = []
    for name, title in EXTRAS.items():
        frame = read_table(root / name)
        if len(frame) > MOST_LINES:
            title += f" (the first {MOST_LINES} of {len(frame)} lines of {name})"
        if len(frame):
            tables.append(plain_table(title, frame.head(MOST_LINES)))
    return tables


def costs_of(root: Path) -> dict[str, float]:
    """Read each derainer's median seconds an image, at the first measured size; empty without ``cost.csv``."""
    frame = read_table(root / "cost.csv", ("derainer", "task", "latency_ms"))
    if frame.empty:
        return {}
    alone = frame[(frame["task"] == "") & frame["latency_ms"].notna()]
    first = alone.drop_duplicates("derainer")
    return {str(row["derainer"]): float(row["latency_ms"]) / 1000 for row in first.to_dict("records")}


def suite_of(run: ReadRun) -> Suite | None:
    """Read the suite in the card; None where another version of DerainBench wrote it."""
    try:
        return suite_of_card(run.card.suite, run.store.root / CARD)
    except UserError:
        return None


def card_of(run: ReadRun) -> list[tuple[str, Mapping[str, str]]]:
    """Put versions, machine and digests of a run into words: headings, and lines by their names."""
    card, digests = run.card, run.store.root / DIGESTS
    general = {"commit": _line(card.commit), "device": _line(card.device), "machine": _line(card.machine)}
    if digests.is_file():
        general["SHA-256 of digests.csv, which names every file"] = sha256_of(digests)
    versions = {name: str(version) for name, version in card.libraries.items() if version}
    return [
        ("Run", {name: text for name, text in general.items() if text}),
        ("How it was scored", _protocols(run.card)),
        ("Versions", versions),
        ("Derainers: digest of code, weights and device", dict(run.card.derainers)),
    ]


def _protocols(card: RunCard) -> dict[str, str]:
    """Put the scoring rules into words: a task and the datasets that share its rules, to the rules."""
    found: dict[tuple[str, str], list[str]] = {}
    for dataset, tasks in card.tasks.items():
        for name, task in tasks.items():
            text = f"{task.model}: {task.protocol}" if task.model else task.protocol
            found.setdefault((name, text), []).append(dataset)
    return {f"{name} on {', '.join(datasets)}": text for (name, text), datasets in found.items()}


def _line(value: object) -> str:
    return ", ".join(f"{name} {item}" for name, item in value.items()) if isinstance(value, dict) else str(value or "")
