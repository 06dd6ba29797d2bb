"""What half precision or compilation changes in the restored images: measured once a run, and kept in its card."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bench.contract import Image, Options, Sample, Traits
from bench.errors import reason_of
from bench.io.images import read_image
from bench.runner.restore import input_of, restore_one
from bench.runner.runner import Runner
from bench.runner.workload import DerainerWork
from bench.runs.rows import Row


def numerics_of(options: Options) -> tuple[str, bool] | None:
    """Precision and whether networks are compiled; None for what every result is compared with, plain float32."""
    chosen = (options.precision, options.compile)
    return None if chosen == ("fp32", False) else chosen


def note_differences(runner: Runner) -> None:
    """Write into the card by how many of the 255 levels the first image's pixels differ from plain float32's.

    Every derainer is loaded once more, in float32 and on the same device. Rows that restore clean images, and rows
    that failed on the image, have no figure.
    """
    options = runner.work.options
    if numerics_of(options) is None:
        return
    first = runner.work.datasets[0]
    dataset = first.dataset()
    rows: dict[str, dict[str, float] | str] = {}
    row = Row(first.name, runner.work.derainers[0].name)
    id = next((id for id in dataset.ids if runner.store.restored_path(row, id).is_file()), dataset.ids[0])
    sample = dataset.load(id)
    for work in runner.work.derainers:
        stored = runner.store.restored_path(Row(first.name, work.name), id)
        if not work.on_clean and stored.is_file():
            try:
                rows[work.name] = differences(read_image(stored), _in_float32(work, sample))
            except Exception as error:  # the derainer may be anybody's
                rows[work.name] = f"no float32 image: {reason_of(error)}"
    noted = {"precision": options.precision, "compile": options.compile, "image": f"{first.name}/{id}", "rows": rows}
    runner.store.write_card(runner.store.read_card() | {"numerics": noted})


def differences(image: Image, exact: Image) -> dict[str, float]:
    """Largest and mean absolute difference of two images of one size, in levels of 255."""
    apart = np.abs(image.astype(np.int16) - exact)
    return {"largest": float(apart.max()), "mean": float(apart.mean())}


def _in_float32(work: DerainerWork, sample: Sample) -> Image:
    loader = replace(work.loader, options=replace(work.loader.options, precision="fp32", compile=False))
    derainer = loader()
    return restore_one(derainer, input_of(sample, getattr(derainer, "traits", Traits())), sample.id)
