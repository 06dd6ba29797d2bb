"""Write the files that a run leaves: all its CSV tables, from what it found out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path

import pandas as pd

from bench.contract import Failure, Metric
from bench.io.files import safe_name
from bench.runs.records import long, table_of, untrained_in, write_frame
from bench.runs.result import PerClass, RunResult
from bench.scoring.correlation import correlation_frame, disagreement_frame
from bench.scoring.intervals import interval_frames
from bench.scoring.per_image import join_measures
from bench.scoring.slices import SliceMeasure, slice_frame, slices_of_records
from bench.tables.wide import wide

FROM_THIS_TIME = ("failures.csv",)
"""Files that evidence alone cannot give again."""


def result_frames(
    result: RunResult,
    slices: Sequence[SliceMeasure],
    derainers: Sequence[str],
    severities: Mapping[str, float],
    resamples: int,
    described: Sequence[Metric] = (),
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Make every table of a run with the name of its file; one after the other, because together they are large.

    Args:
        result: What the run found out.
        slices: By attributes of the images.
        derainers: Rows in order.
        severities: Severity of the rain of each dataset whose rain is drawn.
        resamples: Bootstrap resamples of the run.
        described: Metrics of tasks from outside, from the run's card.
    """
    untrained = untrained_in(result.records)
    ranked = [record for record in result.records if record.derainer not in untrained]
    every = [*slices, *slices_of_records(result.records, result.resamples, severities)]
    yield from record_frames(result, derainers, described).items()
    yield from interval_frames(result).items()
    yield "slices.csv", slice_frame([row for row in every if row.derainer not in untrained])
    images = join_measures(result.per_image.values())
    yield "per_image.csv", images
    if untrained:
        images = images[~images["derainer"].isin(untrained)]
    yield "correlations.csv", correlation_frame(images, ranked, result.resamples, resamples)
    yield "disagreements.csv", disagreement_frame(images, ranked)


def write_results(
    root: Path,
    result: RunResult,
    slices: Sequence[SliceMeasure],
    derainers: Sequence[str],
    severities: Mapping[str, float],
    resamples: int,
    described: Sequence[Metric] = (),
) -> None:
    """Write every table of a run; arguments as in :func:`result_frames`.

    Equal results give equal bytes, whatever was resumed. ``timings.csv`` tells of this time's work only.
    """
    written = set()
    for name, frame in result_frames(result, slices, derainers, severities, resamples, described):
        write_frame(root / name, frame)
        written.add(name)
    for folder in ("tables", "bootstrap"):
        for path in (root / folder).rglob("*.csv"):
            if path.relative_to(root).as_posix() not in written:
                path.unlink()  # of a dataset or row that the suite no longer has
    timings = [
        {**asdict(row), "images": len(seconds), "seconds_per_image": sum(seconds) / len(seconds)}
        for row, seconds in result.seconds.items()
    ]
    if timings:
        write_frame(root / "timings.csv", pd.DataFrame(timings))


_PER_CLASS_COLUMNS = ["dataset", "derainer", "task", "model", "class", "metric", "value", "unit", "support"]


def record_frames(
    result: RunResult, derainers: Sequence[str], described: Sequence[Metric] = ()
) -> dict[str, pd.DataFrame]:
    """Make the tables of records, measures of classes and failures, and a wide one a dataset, by their files' names."""
    tables = {record.dataset: f"tables/{safe_name(record.dataset)}.csv" for record in result.records}
    return {
        "records.csv": long(result.records),
        "per_class.csv": table_of(map(_per_class, result.per_class), _PER_CLASS_COLUMNS),
        "failures.csv": table_of(map(asdict, result.failures), [f.name for f in fields(Failure)]),
        **{
            name: wide(result.records, dataset, derainers, every_metric=True, described=described)
            for dataset, name in tables.items()
        },
    }


def _per_class(row: PerClass) -> dict[str, object]:
    return {**asdict(row), **asdict(row.measure), "class": row.measure.label}
