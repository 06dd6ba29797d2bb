"""Read the rows of a finished run with their numbers, and list the run's files, for all exports."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.contract import Record
from bench.errors import UserError
from bench.runs.card import read_card
from bench.runs.records import read_records

_TABLES = ("records.csv", "intervals.csv", "failures.csv", "card.json")
_NO_TRACKERS_CHARACTER = re.compile(r"[^\w .:/-]")


@dataclass(frozen=True)
class ExportRow:
    """One row of a run's tables: one derainer on one dataset, with all its numbers.

    Attributes:
        run: The run folder's name.
        dataset: The dataset.
        derainer: The row's name.
        records: All its numbers.
    """

    run: str
    dataset: str
    derainer: str
    records: Sequence[Record]

    @property
    def name(self) -> str:
        """Name of the row in a tracker."""
        return f"{self.dataset}/{self.derainer}"

    @property
    def metrics(self) -> dict[str, float]:
        """Numbers by name, ``task/metric``."""
        return {f"{record.task}/{record.metric}": record.value for record in self.records}

    @property
    def facts(self) -> dict[str, str]:
        """Facts to read the numbers by: models, scoring rules, how many images they rest on."""
        facts = {"run": self.run, "dataset": self.dataset, "derainer": self.derainer}
        for record in self.records:
            facts |= {f"{record.task}.model": record.model, f"{record.task}.protocol": record.protocol}
        fewest = min(record.images for record in self.records)
        return {**facts, "images": f"{fewest}/{self.records[0].expected}"}


def rows_of(run: Path) -> list[ExportRow]:
    """Read the rows of a finished run, in the order of its records.

    Raises:
        UserError: The folder holds no finished run, or no numbers.
    """
    rows: dict[tuple[str, str], list[Record]] = {}
    for record in read_records(run):
        rows.setdefault((record.dataset, record.derainer), []).append(record)
    if not rows:
        raise UserError(f"{run}: records.csv holds no numbers; see failures.csv")
    return [ExportRow(run.resolve().name, *row, records) for row, records in rows.items()]


def suite_of(run: Path) -> str:
    """Read the name of the suite that was run."""
    return str(read_card(run).suite.get("name", "derainbench"))


def files_of(run: Path) -> list[Path]:
    """List the files of a run's tables and its card, those that are there."""
    return [path for name in _TABLES if (path := run / name).is_file()] + sorted((run / "tables").glob("*.csv"))


def tracker_name(name: str) -> str:
    """Write a metric's name in letters that every tracker takes: ``AP[car]`` becomes ``AP.car``."""
    return _NO_TRACKERS_CHARACTER.sub("_", name.replace("[", ".").replace("]", "").replace("@", "_at_"))
