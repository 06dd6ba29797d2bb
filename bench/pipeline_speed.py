"""How long a whole run takes, beside the script that one would write in an hour, and where the time goes.

Knows the rooms, like :mod:`bench.api`.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import pandas as pd
from PIL import Image as Pillow

from bench.api import build_derainer, find_derainer, run_suite
from bench.config import Suite, resolve_roots
from bench.contract import Evidence, Options, Sample, Traits, Truth
from bench.data import build_dataset
from bench.errors import UserError
from bench.files import safe_name
from bench.images import read_image
from bench.protocols import Task
from bench.provenance import hardware
from bench.runner import RunResult
from bench.work import Outcome, restore_one
from synth.dataset import FolderDataset, open_dataset
from tasks import TASKS

Roots = Mapping[str, Path]


@dataclass(frozen=True)
class Speed:
    """One line of the figures.

    Attributes:
        what: What is compared with what.
        seconds: The first, the median of the turns.
        reference_seconds: The second, likewise.
        ratio: Of the second to the first, the median of the turns; for a part of a run, its share of the whole.
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
    """Time whole runs beside the obvious script, and tell the parts of a run in one process.

    Both start from the rendered dataset and end with every number of the tables, in a process of their own.
    Intervals are left out: the script has none.

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
        shutil.copytree(root / "data", root / "parts/data")
        parts = budget(suite, roots, root / "parts")
    ours, script = (median(column) for column in zip(*pairs, strict=True))
    names = (images, ",".join(suite.derainers), len(os.sched_getaffinity(0)), hardware("cpu"))
    ratio = median(theirs / mine for mine, theirs in pairs)
    rows = [Speed(f"a run in {workers} processes / the obvious script", ours, script, ratio, *names)]
    whole = sum(parts.values())
    rows += [Speed(f"{part} / the whole run", spent, whole, spent / whole, *names) for part, spent in parts.items()]
    return pd.DataFrame([asdict(row) for row in rows])


def budget(suite: Suite, roots: Roots, out: Path) -> dict[str, float]:
    """Run in this process and tell the seconds of every part.

    ``derainers`` and tasks are the time inside them; what reading and writing cost beyond that, since it did not
    overlap, is a part of its own.
    """
    watch = _Stopwatch()
    started = perf_counter()
    result = run_suite(suite, out, roots=roots, progress=watch)
    ended = perf_counter()
    inside = _seconds_inside(result)
    walls = watch.walls()
    judged = {f"task {task}": seconds for task, seconds in inside.items() if task not in ("", "rain")}
    return {
        "opening": watch.begun["render"] - started,
        "rain": walls["render"],
        "derainers": inside[""],
        "reading and writing around derainers": max(0.0, walls["restore"] - inside[""]),
        **judged,
        "reading and writing around tasks": max(0.0, walls["judge"] - sum(judged.values())),
        "scores, tables, digests": ended - watch.last,
    }


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


class _Stopwatch:
    """Notes when stages begin and when the last image is through."""

    def __init__(self) -> None:
        self.begun: dict[str, float] = {}
        self.last = 0.0

    def begin(self, stage: str, images: int, done: int) -> None:
        self.begun[stage] = self.last = perf_counter()

    def advance(self, outcome: Outcome) -> None:
        self.last = perf_counter()

    def walls(self) -> dict[str, float]:
        """Seconds of every stage."""
        ends = [*list(self.begun.values())[1:], self.last]
        return {stage: end - start for (stage, start), end in zip(self.begun.items(), ends, strict=True)}


def _seconds_inside(result: RunResult) -> Counter[str]:
    """Task to seconds inside it; those inside derainers under the empty name, of rendering under ``rain``."""
    inside: Counter[str] = Counter()
    for row, seconds in result.seconds.items():
        inside[row.task if row.derainer else "rain"] += sum(seconds)  # type: ignore[assignment]
    return inside


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
