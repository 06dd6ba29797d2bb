"""Measure what lower precision or compilation changes in the restored images, once a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from bench.contract import Image, Options, Sample
from bench.errors import reason_of
from bench.io.images import read_image
from bench.protocols import Dataset, traits_of
from bench.runner.restore import input_of, restore_one
from bench.runner.runner import Runner
from bench.runner.workload import DerainerWork
from bench.runs.rows import Row


def reduced_precision(options: Options) -> tuple[str, bool] | None:
    """Return precision and compilation where they differ from plain float32, with which results are compared."""
    chosen = (options.precision, options.compile)
    return None if chosen == ("fp32", False) else chosen


def record_precision_effect(runner: Runner, datasets: Mapping[str, Dataset]) -> dict[str, object] | None:
    """Measure by how many of the 255 levels the first image's pixels differ from plain float32's.

    Every derainer is loaded once more, in float32 and on the same device. Rows that restore clean images, and rows
    that failed on the image, have no figure.

    Returns:
        The card's entry ``numerics``; None where everything was plain float32.
    """
    options, works = runner.work.options, runner.work.derainers
    if reduced_precision(options) is None:
        return None
    name, dataset = next(iter(datasets.items()))
    first = Row(name, works[0].name)
    id = next((id for id in dataset.ids if runner.store.restored_path(first, id).is_file()), dataset.ids[0])
    sample = dataset.load(id)
    rows: dict[str, dict[str, float] | str] = {}
    for work in works:
        stored = runner.store.restored_path(Row(name, work.name), id)
        if not work.on_clean and stored.is_file():
            try:
                rows[work.name] = differences(read_image(stored), _in_float32(work, sample))
            except Exception as error:  # the derainer may be anybody's
                rows[work.name] = f"no float32 image: {reason_of(error)}"
    return {"precision": options.precision, "compile": options.compile, "image": f"{name}/{id}", "rows": rows}


def differences(image: Image, exact: Image) -> dict[str, float]:
    """Measure the largest and mean absolute difference of two images of one size, in levels of 255."""
    apart = np.abs(image.astype(np.int16) - exact)
    return {"largest": float(apart.max()), "mean": float(apart.mean())}


def _in_float32(work: DerainerWork, sample: Sample) -> Image:
    loader = replace(work.loader, options=replace(work.loader.options, precision="fp32", compile=False))
    derainer = loader()
    return restore_one(derainer, input_of(sample, traits_of(derainer)), sample.id)
