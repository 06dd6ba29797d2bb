"""Define the result of a run in memory: records, measures of images and classes, failures, times."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from bench.contract import ClassMeasure, Failure, FloatArray, Record
from bench.runs.rows import Row


@dataclass
class RunResult:
    """Everything that a run found out."""

    records: list[Record] = field(default_factory=list)
    per_image: dict[Row, pd.DataFrame] = field(default_factory=dict)
    per_class: list[PerClass] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    resamples: dict[Row, Mapping[str, FloatArray]] = field(default_factory=dict)
    seconds: dict[Row, list[float]] = field(default_factory=lambda: defaultdict(list))
    spent: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Seconds of what is no model: ``restore reading``, ``judge writing``, ..., ``metrics``, ``statistics``."""
    stopped: bool = False
    """Whether the first failure ended the work, as asked for."""


@dataclass(frozen=True)
class PerClass:
    """One row of ``per_class.csv``."""

    dataset: str
    derainer: str
    task: str
    model: str
    measure: ClassMeasure
