"""Measure the time of a whole run beside the script that one would write in an hour, and beside its model alone."""

from __future__ import annotations

import multiprocessing
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
from PIL import Image as Pillow

from bench.api.datasets import build_dataset
from bench.api.derainers import build_derainer, find_derainer
from bench.api.run import run_suite
from bench.contract import Evidence, Options, Parameter, Sample, Truth
from bench.errors import UserError
from bench.io.files import safe_name
from bench.io.images import read_image
from bench.perf.conditions import conditions_here
from bench.perf.gpu.card import card_speeds
from bench.perf.timing import medians
from bench.protocols import Task, traits_of
from bench.runner.batches import ONE
from bench.runner.loaders import DatasetLoader, DerainerLoader, forget
from bench.runner.plan import Step
from bench.runner.restore import RestoreJob, RestoreWork, restore_one, restore_step
from bench.runner.stage_job import StageJob
from bench.runs.folder import RunStore
from bench.runs.result import raise_first
from bench.runs.rows import Row
from bench.suites.suite import DatasetConfig, Suite, resolve_roots
from synth.datasets.dataset import FolderDataset, open_dataset
from tasks import TASKS

Roots = Mapping[str, Path]


@dataclass(frozen=True)
class PipelineComparison:
    """Times of a run, or of its restoring, and of a reference.

    Attributes:
        what: Name of what is timed and of the reference.
        seconds: The run, the median of the turns.
        reference_seconds: The reference, the median of the turns.
        ratio: Reference to run, the median of the ratios of the turns.
    """

    what: str
    seconds: float
    reference_seconds: float
    ratio: float


def pipeline_speeds(suite: Suite, roots: Roots, workers: int, turns: int = 5) -> pd.DataFrame:
    """Time whole runs beside the obvious script, restoring beside the derainer alone, and runs around a GPU's stand-in.

    Run and script both start from the rendered dataset and end with every number of the tables, in a process of their
    own. Intervals are left out: the script has none. One row a comparison.

    Args:
        suite: The suite to run.
        roots: Folders of photographs, by the names under which the suite asks for them.
        workers: Processes of the run; the script is one process with as many threads.
        turns: Turns of run and script, because others use the machine as well.

    Raises:
        UserError: The run cannot be done, or an image fails.
    """
    suite = suite.model_copy(update={"resamples": 0})
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        images = _render(suite, roots, root / "data")
        pairs = [_turn(suite, roots, workers, root) for _ in range(turns)]
    what = f"{suite.name}: a run in {workers} processes / the obvious script"
    lines = [_compared(what, pairs, images, suite.derainers), harness_speed(turns), card_speeds(workers, turns)]
    return pd.concat(lines, ignore_index=True)


def harness_speed(
    turns: int = 5, derainer: str = "mspfn-light", images: int = 3, size: tuple[int, int] = (480, 640)
) -> pd.DataFrame:
    """Time a run's restoring of drawn scenes beside the time inside the derainer, which is loaded before.

    Args:
        turns: Turns of which the median is taken.
        derainer: Name of the derainer.
        images: Images of a turn.
        size: (height, width) of the scenes.

    Returns:
        One row, whose ``ratio`` is the model's share of the time; what is missing to 1 is decoding, digests, encoding
        and writing that were not beside the model.
    """
    height, width = size
    parameters: dict[str, Parameter] = {"count": images, "height": height, "width": width}
    config = DatasetConfig(source="streets", rain="streets_y", parameters=parameters)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        dataset, _ = build_dataset("streets", config, None, root / "data/streets")
        model = DerainerLoader(find_derainer(derainer), Options(threads=1))
        step = Step(Row("streets", derainer), tuple(dataset.ids))
        data = DatasetLoader(open_dataset, root / "data/streets")
        work = RestoreWork(RunStore(root), data, model, ONE)
        job = StageJob("restore", step, work, {id: id for id in dataset.ids})
        _restore(job.only(dataset.ids[0]))  # loads the model
        pairs = [_restore(job) for _ in range(turns)]
        forget()
    return _compared(f"restoring at {width}x{height} / inside the derainer", pairs, images, [derainer])


def _restore(job: RestoreJob) -> tuple[float, float]:
    """Restore the images of a step; return the seconds it took, and those of them inside the derainer."""
    started = perf_counter()
    outcomes = list(restore_step(job))
    spent = perf_counter() - started
    raise_first([outcome.failure for outcome in outcomes if outcome.failure])
    return spent, sum(outcome.seconds for outcome in outcomes)


def _compared(what: str, pairs: Sequence[tuple[float, float]], images: int, derainers: Sequence[str]) -> pd.DataFrame:
    line = PipelineComparison(what, *medians(pairs))
    return pd.DataFrame([asdict(line) | asdict(conditions_here(images, derainers))])


def obvious_script(suite: Suite, data: Path, out: Path, threads: int) -> None:
    """Restore a suite to disk one image at a time; then load everything again for each task; then score.

    This is the script that one would write in an hour. The models and metrics are ours, so that only the way is
    another.
    """
    options = Options(threads=threads)
    for name in suite.datasets:
        dataset = open_dataset(data / name)
        for spec in suite.derainers:
            derainer = build_derainer(find_derainer(spec), options)
            folder = out / name / find_derainer(spec).name
            folder.mkdir(parents=True)
            reads = traits_of(derainer).reads
            for image_id in dataset.ids:
                restored = restore_one(derainer, read_image(dataset.path(reads, image_id)).copy(), image_id)
                Pillow.fromarray(restored).save(folder / f"{safe_name(image_id)}.png")
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
        for image_id in dataset.ids:
            image = np.asarray(Pillow.open(folder / f"{safe_name(image_id)}.png"))
            clean = read_image(dataset.path("clean", image_id)) if "clean" in task.needs else None
            truths[image_id] = dataset.truth(image_id)
            evidence[image_id] = judge([image], [Sample(image_id, image, clean, truths[image_id])])[0]
        task.summarise(evidence, truths)


def _render(suite: Suite, roots: Roots, data: Path) -> int:
    """Build every dataset of a suite; return the number of images."""
    folders = resolve_roots(suite, roots)
    images = 0
    for name, config in suite.datasets.items():
        dataset, failures = build_dataset(name, config, folders[name], data / name)
        raise_first(list(failures))
        images += len(dataset.ids)
    return images


def _turn(suite: Suite, roots: Roots, workers: int, root: Path) -> tuple[float, float]:
    """Do a run, then the script; return the seconds of each."""
    with tempfile.TemporaryDirectory(dir=root) as folder:
        ours, script = Path(folder) / "ours", Path(folder) / "script"
        shutil.copytree(root / "data", ours / "data")
        return (
            _in_its_own_process(_our_run, suite, roots, ours, workers),
            _in_its_own_process(obvious_script, suite, root / "data", script, workers),
        )


def _our_run(suite: Suite, roots: Roots, out: Path, workers: int) -> None:
    raise_first(run_suite(suite, out, roots=roots, workers=workers).failures)


def _in_its_own_process(work: Callable[..., None], *arguments: object) -> float:
    """Call a function in a fresh process; return the seconds from its start to its end."""
    process = multiprocessing.get_context("spawn").Process(target=work, args=arguments)
    started = perf_counter()
    process.start()
    process.join()
    if process.exitcode:
        raise UserError(f"{work.__name__} ended with status {process.exitcode}; its message is above")
    return perf_counter() - started
