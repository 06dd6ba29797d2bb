"""Make and write all CSV tables of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path

import pandas as pd

from bench.contract import Failure, Metric
from bench.io.files import safe_name
from bench.runs.card import RunCard, described_in
from bench.runs.records import long, table_of, untrained_in, write_frame
from bench.scoring.correlation import correlation_frame, disagreement_frame
from bench.scoring.intervals import DIFFERENCES, interval_frames
from bench.scoring.per_image import join_measures
from bench.scoring.scores import PerClass, RunResult
from bench.scoring.slices import slice_frame, slices_of_records
from bench.scoring.truth_ledger import TRUTH, truth_frame
from bench.tables.ranking import unmarked
from bench.tables.wide import wide

FROM_THIS_TIME = ("failures.csv",)
"""Files that evidence alone cannot give again."""


def result_frames(result: RunResult, card: RunCard) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield every table of a run with the name of its file, one after the other, because together they are large."""
    scores = result.scores
    untrained = untrained_in(scores.records)
    ranked = [record for record in scores.records if record.derainer not in untrained]
    every = [*scores.slices, *slices_of_records(scores.records, scores.resamples, card.severities)]
    yield from record_frames(result, card.rows, described_in(card)).items()
    yield from interval_frames(scores).items()
    if scores.truth:
        yield TRUTH, truth_frame(scores.truth)
    yield "slices.csv", slice_frame([row for row in every if row.derainer not in untrained])
    images = join_measures(scores.per_image.values())
    yield "per_image.csv", images
    if untrained:
        images = images[~images["derainer"].isin(untrained)]
    yield "correlations.csv", correlation_frame(images, ranked, scores.resamples, card.resamples)
    yield "disagreements.csv", disagreement_frame(images, ranked)


def write_results(root: Path, result: RunResult, card: RunCard) -> None:
    """Write every table of a run into its folder.

    Equal results give equal bytes, whatever was resumed. ``timings.csv`` tells of this time's work only.
    """
    written = set()
    for name, frame in result_frames(result, card):
        write_frame(root / name, frame)
        written.add(name)
    for path in (
        *(root / "tables").rglob("*.csv"),
        *(root / "bootstrap").rglob("*.csv"),
        root / DIFFERENCES,
        root / TRUTH,
    ):
        if path.relative_to(root).as_posix() not in written:
            path.unlink(missing_ok=True)  # of a dataset or row that the suite no longer has
    timings = [
        {**asdict(row), "images": len(seconds), "seconds_per_image": sum(seconds) / len(seconds)}
        for row, seconds in result.work.seconds.items()
    ]
    if timings:
        write_frame(root / "timings.csv", pd.DataFrame(timings))


_PER_CLASS_COLUMNS = ["dataset", "derainer", "task", "model", "class", "metric", "value", "unit", "support"]


def record_frames(
    result: RunResult, derainers: Sequence[str], described: Sequence[Metric] = ()
) -> dict[str, pd.DataFrame]:
    """Make the tables of records, classes and failures, and a wide one a dataset, by the names of their files."""
    tables = {record.dataset: f"tables/{safe_name(record.dataset)}.csv" for record in result.records}
    return {
        "records.csv": long(result.records),
        "per_class.csv": table_of(map(_per_class, result.scores.per_class), _PER_CLASS_COLUMNS),
        "failures.csv": table_of(map(asdict, result.failures), [f.name for f in fields(Failure)]),
        **{
            name: unmarked(wide(result.records, dataset, derainers, every_metric=True, described=described))
            for dataset, name in tables.items()
        },
    }


def _per_class(row: PerClass) -> dict[str, object]:
    return {**asdict(row), **asdict(row.measure), "class": row.measure.label}
