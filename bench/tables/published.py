"""Set the MSPFN paper's numbers beside those of a run; subtract them only where the images are the paper's.

The numbers are in ``results/reference`` in the schema of ``records.csv``. Where an image of ours was painted with
our rain, or not all images of a set were used, a difference would say nothing, so there is none.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bench.contract import Record
from bench.errors import UserError
from bench.runs.card import CARD, read_card
from bench.runs.records import read_records
from bench.scoring.metrics import heading, stem_of, unit_digits
from bench.suites.suite import DatasetConfig, suite_of_card

AUTHORS = "-authors"
"""Ends the name of a set whose images the paper's authors made; without it, the name is that of ours like it."""

_FOLDERS = (Path(__file__).parents[1] / "reference", Path(__file__).parents[2] / "results" / "reference")
"""In an installed package, and in a checkout."""

_OURS = {"psnr": "psnr_y", "ssim": "ssim_y", "iou": "iou_gt"}
"""The paper's names of metrics where ours have others; what follows our ``@`` does not count."""


@dataclass(frozen=True)
class PublishedNumber:
    """One number of the paper.

    Attributes:
        source: Paper, table, and what it says of the protocol.
    """

    dataset: str
    derainer: str
    task: str
    metric: str
    value: float
    unit: str
    images: int
    source: str


def read_published() -> list[PublishedNumber]:
    """Read all numbers of ``results/reference``, in the order of its files.

    Raises:
        UserError: The folder is not part of this installation.
    """
    folder = next((folder for folder in _FOLDERS if folder.is_dir()), None)
    if folder is None:
        raise UserError(f"{_FOLDERS[0]}: no such folder; the paper's numbers come with the package, install it again")
    published: list[PublishedNumber] = []
    for path in sorted(folder.glob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            published += [_published(row) for row in csv.DictReader(file)]
    return published


def counterpart(name: str, config: DatasetConfig) -> str:
    """Name a dataset of ours as the paper's tables do: by its images if they are the paper's, else by similar ones."""
    chosen = config.parameters.get("set")
    if config.source == "pairs" and chosen not in (None, "any"):
        return str(chosen)
    return name + AUTHORS


def objections(config: DatasetConfig, records: Sequence[Record], published: Sequence[PublishedNumber]) -> list[str]:
    """List why the paper's numbers cannot be subtracted from those of one dataset; empty if they can."""
    if config.source != "pairs":
        rain = f"rain {config.rain}" if config.rain else "their rain"
        return [f"the images are not the authors' ({rain} on photographs of {config.root or config.source})"]
    if config.rain:
        return [f"the rain is not the authors' but {config.rain}"]
    chosen = (config.count, config.size, config.objects, config.only, config.without, config.share)
    reasons = [] if chosen == (None, "any", 0, (), (), "") else ["only a part of the set was chosen"]
    compared = {one.derainer for one in published}
    if partial := next((one for one in records if one.derainer in compared and one.images != one.expected), None):
        what = f"{partial.derainer}'s {partial.metric}"
        reasons.append(f"{what} rests on {partial.images} of {partial.expected} images")
    ours, theirs = {one.expected for one in records}, {one.images for one in published}
    if not reasons and ours != theirs:
        reasons.append(f"the paper's set has {_listed(theirs)} images, this one {_listed(ours)}")
    return reasons


def paper_tables(run: Path, differences: bool, dataset: str = "") -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
    """Make the tables of a run with the paper's values in them, by dataset, and say why some datasets have none.

    Args:
        run: The run folder.
        differences: True also subtracts, and leaves out the datasets where that is not allowed.
        dataset: Only this one.

    Raises:
        UserError: The run is not finished, or its card is of another version.
    """
    records = [record for record in read_records(run) if not record.untrained]
    configs, published = _configs(run), read_published()
    tables, refused = {}, {}
    for name in dict.fromkeys(record.dataset for record in records if dataset in ("", record.dataset)):
        set_name = counterpart(name, configs[name])
        theirs = [one for one in published if one.dataset == set_name]
        wanted = {_ours(one) for one in theirs}
        ours = [record for record in records if record.dataset == name and stem_of(record.metric) in wanted]
        if not ours:
            refused[name] = "the paper has no numbers for it, or for what was measured"
        elif differences and (reasons := objections(configs[name], ours, theirs)):
            refused[name] = "; ".join(reasons)
        else:
            tables[name] = beside(ours, theirs, differences)
    return tables, refused


def beside(ours: Sequence[Record], theirs: Sequence[PublishedNumber], differences: bool) -> pd.DataFrame:
    """Make a table with one row a derainer: of every metric our value and the paper's, and where wanted the difference.

    The difference is ours minus the paper's. Rows that only the paper has come last; every cell is text, empty where
    there is no number.
    """
    mine = {(record.derainer, stem_of(record.metric)): record for record in ours}
    paper = {(one.derainer, _ours(one)): one for one in theirs}
    measured = {metric for _, metric in mine}
    units = {_ours(one): one.unit for one in theirs if _ours(one) in measured}
    rows = []
    for derainer in dict.fromkeys([*(name for name, _ in mine), *(name for name, _ in paper)]):
        row = {"derainer": derainer}
        for metric, unit in units.items():
            row |= _cells(metric, unit, mine.get((derainer, metric)), paper.get((derainer, metric)), differences)
        rows.append(row)
    return pd.DataFrame(rows, dtype=str).fillna("")


def _cells(
    metric: str, unit: str, ours: Record | None, theirs: PublishedNumber | None, differences: bool
) -> dict[str, str]:
    digits = unit_digits(unit)
    cells = {heading(metric, unit): f"{ours.value:.{digits}f}" if ours else "", f"{metric}: paper": ""}
    if theirs:
        cells[f"{metric}: paper"] = f"{theirs.value:.{min(digits, 3)}f}"
    if differences:
        cells[f"{metric}: ours - paper"] = f"{ours.value - theirs.value:+.{digits}f}" if ours and theirs else ""
    return cells


def _configs(run: Path) -> Mapping[str, DatasetConfig]:
    return suite_of_card(read_card(run).suite, run / CARD).datasets


def _published(row: Mapping[str, str]) -> PublishedNumber:
    return PublishedNumber(
        dataset=row["dataset"],
        derainer=row["derainer"],
        task=row["task"],
        metric=row["metric"],
        value=float(row["value"]),
        unit=row["unit"],
        images=int(row["images"]),
        source=row["protocol"],
    )


def _ours(published: PublishedNumber) -> str:
    """Name a metric of the paper as ours without thresholds (:func:`bench.scoring.metrics.stem_of`)."""
    return _OURS.get(published.metric, published.metric)


def _listed(numbers: Iterable[int]) -> str:
    return " or ".join(map(str, sorted(numbers)))
