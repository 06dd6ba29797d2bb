"""Score rows that lack images on those that they share with others: differences want the same images on both sides."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from bench.runs.rows import CLEAN, RAIN, Row
from bench.scoring.scores import PartScores
from bench.scoring.summary import resample_row, summarise_row
from bench.scoring.task_on_dataset import TaskOnDataset

Part = tuple[Row, frozenset[str]]
"""One row and some of its images."""


def common_images(judged: Mapping[Row, Collection[str]], rows: Sequence[Row]) -> frozenset[str]:
    """Find the images that all of some rows have; empty where a row is not there."""
    return frozenset.intersection(*(frozenset(judged.get(row, ())) for row in rows))


def recovery_rows(row: Row) -> tuple[Row, Row, Row]:
    """List the three rows of one recovery: the row itself, the rain and the clean images."""
    return row, replace(row, derainer=RAIN), replace(row, derainer=CLEAN)


def score_common(question: TaskOnDataset, rows: Sequence[Row], resamples: int) -> dict[Part, PartScores]:
    """Score one task's rows again on the images that they share with others, where these are fewer than their own.

    Args:
        question: The task on its dataset.
        rows: Its rows that have scores.
        resamples: How many bootstrap resamples the run has.

    Returns:
        A row and the ids of common images to its scores on them; empty if all rows have the same images.

    Raises:
        ImageError: Evidence is absent or damaged.
    """
    found: dict[Part, PartScores] = {}
    for row, common in dict.fromkeys(_parts({row: question.judged[row] for row in rows})):
        ids = [id for id in question.judged[row] if id in common]
        part = replace(question, judged={**question.judged, row: ids})
        records = summarise_row(part, row).records
        drawn = resample_row(part, row, resamples)
        found[row, common] = PartScores({record.metric: record for record in records}, drawn)
    return found


def _parts(judged: Mapping[Row, Sequence[str]]) -> Iterator[Part]:
    """Yield what recoveries and differences of two rows need beside the scores on all images of a row."""
    groups = [*combinations(judged, 2), *(recovery_rows(row) for row in judged)]
    for rows in groups:
        common = common_images(judged, rows)
        yield from ((row, common) for row in rows if common and len(common) < len(judged[row]))
