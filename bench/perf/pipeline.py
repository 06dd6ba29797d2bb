"""How long a whole run takes, beside the script that one would write in an hour, and beside its models alone.

Knows the rooms, like :mod:`bench.api.run`.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import pandas as pd
from PIL import Image as Pillow

from bench.api.datasets import build_dataset
from bench.api.derainers import build_derainer, find_derainer
from bench.api.run import run_suite
from bench.contract import Evidence, Options, Parameter, Sample, Traits, Truth
from bench.errors import UserError
from bench.io.files import safe_name
from bench.io.images import read_image
from bench.protocols import Task
from bench.runner.loaders import DatasetLoader, DerainerLoader, forget
from bench.runner.plan import Step
from bench.runner.restore import RestoreJob, RestoreWork, restore_one, restore_step
from bench.runner.stage_job import StageJob
from bench.runs.folder import RunStore
from bench.runs.provenance import hardware
from bench.runs.rows import Row
from bench.suites.suite import DatasetConfig, Suite, resolve_roots
from synth.datasets.dataset import FolderDataset, open_dataset
from tasks import TASKS

Roots = Mapping[str, Path]


@dataclass(frozen=True)
class Speed:
    """One line of the figures.

    Attributes:
        what: What is compared with what.
        seconds: The first, the median of the turns.
        reference_seconds: The second, likewise.
        ratio: Of the second to the first, the median of the turns.
        images: Of all datasets together.
        derainers: Rows of the table, by comma.
        cores: On which this process may run.
        processor: Its name.
    """

    what: str
    seconds: float
    reference_seconds: float
    ratio: float
    images: int
    derainers: str
    cores: int
    processor: str


def pipeline_speeds(suite: Suite, roots: Roots, workers: int, turns: int = 5) -> pd.DataFrame:
    """Time whole runs beside the obvious script, and tell what a run adds to the time inside a derainer.

    Run and script both start from the rendered dataset and end with every number of the tables, in a process of their
    own. Intervals are left out: the script has none.

    Args:
        suite: What is run.
        roots: Folders of photographs.
        workers: Our processes; the script is one process with as many threads.
        turns: Ours and the script's, in turns, because others use the machine as well.
    """
    suite = suite.model_copy(update={"resamples": 0})
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        images = _rendered(suite, roots, root / "data")
        pairs = [_turn(suite, roots, workers, root) for _ in range(turns)]
    what = f"{suite.name}: a run in {workers} processes / the obvious script"
    whole = _speed(what, pairs, images, ",".join(suite.derainers))
    return pd.DataFrame([asdict(row) for row in (whole, harness_speed(turns))])


def harness_speed(
    turns: int = 5, derainer: str = "mspfn-light", images: int = 3, size: tuple[int, int] = (480, 640)
) -> Speed:
    """Time a run's restoring of drawn scenes beside the time inside the derainer, which is loaded before.

    Args:
        turns: Of which the median is taken.
        derainer: Its name.
        images: Of a turn.
        size: (height, width) of the scenes.

    Returns:
        ``ratio`` is the model's share of the time; what is missing to 1 is decoding, digests, encoding and writing
        that were not beside the model.
    """
    height, width = size
    parameters: dict[str, Parameter] = {"count": images, "height": height, "width": width}
    config = DatasetConfig(source="streets", rain="streets_y", parameters=parameters)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        dataset, _ = build_dataset("streets", config, None, root / "data/streets")
        loader = DerainerLoader(find_derainer(derainer), Options(threads=1))
        step = Step(Row("streets", derainer), tuple(dataset.ids))
        place = DatasetLoader(open_dataset, root / "data/streets")
        work = RestoreWork(RunStore(root), place, loader, batch=1)
        job = StageJob("restore", step, work, {id: id for id in dataset.ids})
        _restored(job.only(dataset.ids[0]))  # loads the model
        pairs = [_restored(job) for _ in range(turns)]
        forget()
    return _speed(f"restoring at {width}x{height} / inside the derainer", pairs, images, derainer)


def _restored(job: RestoreJob) -> tuple[float, float]:
    """Seconds of a step, and of them inside the derainer."""
    started = perf_counter()
    outcomes = list(restore_step(job))
    spent = perf_counter() - started
    if failure := next((outcome.failure for outcome in outcomes if outcome.failure), None):
        raise UserError(f"{failure.derainer} {failure.image}: {failure.reason}")
    return spent, sum(outcome.seconds for outcome in outcomes)


def _speed(what: str, pairs: Sequence[tuple[float, float]], images: int, derainers: str) -> Speed:
    ours, other = (median(column) for column in zip(*pairs, strict=True))
    ratio = median(theirs / mine for mine, theirs in pairs)
    return Speed(what, ours, other, ratio, images, derainers, len(os.sched_getaffinity(0)), hardware("cpu"))


def obvious_script(suite: Suite, data: Path, out: Path, threads: int) -> None:
    """Restore to disk one image at a time; then load everything again for each task; then score.

    The models and metrics are ours, so that only the way is another.
    """
    options = Options(threads=threads)
    for name in suite.datasets:
        dataset = open_dataset(data / name)
        for spec in suite.derainers:
            derainer = build_derainer(find_derainer(spec), options)
            folder = out / name / find_derainer(spec).name
            folder.mkdir(parents=True)
            reads = getattr(derainer, "traits", Traits()).reads
            for id in dataset.ids:
                restored = restore_one(derainer, read_image(dataset.path(reads, id)).copy(), id)
                Pillow.fromarray(restored).save(folder / f"{safe_name(id)}.png")
        chosen = suite.datasets[name].tasks
        for task_name in suite.tasks if chosen is None else chosen:
            task: Task = TASKS.load(TASKS.find(task_name))(suite.tasks[task_name], dataset.classes)
            _judge_obviously(suite, dataset, task, out / name, options)


def _judge_obviously(suite: Suite, dataset: FolderDataset, task: Task, restored: Path, options: Options) -> None:
    judge = task.judge(options)
    for spec in suite.derainers:
        folder = restored / find_derainer(spec).name
        evidence: dict[str, Evidence] = {}
        truths: dict[str, Truth] = {}
        for id in dataset.ids:
            image = np.asarray(Pillow.open(folder / f"{safe_name(id)}.png"))
            clean = read_image(dataset.path("clean", id)) if "clean" in task.needs else None
            truths[id] = dataset.truth(id)
            evidence[id] = judge([image], [Sample(id, image, clean, truths[id])])[0]
        task.summarise(evidence, truths)


def _rendered(suite: Suite, roots: Roots, data: Path) -> int:
    found = resolve_roots(suite, roots)
    images = 0
    for name, config in suite.datasets.items():
        dataset, failures = build_dataset(name, config, found[name], data / name)
        if failures:
            raise UserError(f"{name}: {failures[0].image} could not be rendered ({failures[0].reason})")
        images += len(dataset.ids)
    return images


def _turn(suite: Suite, roots: Roots, workers: int, root: Path) -> tuple[float, float]:
    with tempfile.TemporaryDirectory(dir=root) as folder:
        ours, script = Path(folder) / "ours", Path(folder) / "script"
        shutil.copytree(root / "data", ours / "data")
        return (
            _in_its_own_process(_our_run, suite, roots, ours, workers),
            _in_its_own_process(obvious_script, suite, root / "data", script, workers),
        )


def _our_run(suite: Suite, roots: Roots, out: Path, workers: int) -> None:
    if failures := run_suite(suite, out, roots=roots, workers=workers).failures:
        raise UserError(f"{failures[0].derainer} {failures[0].image}: {failures[0].reason}")


def _in_its_own_process(work: Callable[..., None], *arguments: object) -> float:
    process = multiprocessing.get_context("spawn").Process(target=work, args=arguments)
    started = perf_counter()
    process.start()
    process.join()
    if process.exitcode:
        raise UserError(f"{work.__name__} ended with status {process.exitcode}; its message is above")
    return perf_counter() - started
