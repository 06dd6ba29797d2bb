"""Choose what costs are measured of: named derainers or those of a run, alone and before the run's models."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.contract import Options
from bench.errors import UserError
from bench.perf.cost import Cost, CostJob, Effort, measure_costs
from bench.perf.drawn_evidence import draw_picture
from bench.protocols import Task
from bench.registry import Entry
from bench.runs.card import CARD, read_card
from bench.runs.folder import RunStore
from bench.runs.rows import CLEAN, ON_CLEAN
from bench.suites.suite import Suite, suite_of_card
from derainers.external.plugins import find_derainer
from synth.datasets.dataset import open_dataset
from tasks import TASKS
from tasks.settings import names_file

SIZES = ((480, 640), (720, 1280))
"""Height and width of the two kinds of images in the MSPFN paper's Table 6."""
_CODE = ("file", "command", "torchscript")
"""Origins of derainers that run code which a run's card names."""


def costs_of(
    entries: Sequence[Entry],
    tasks: Sequence[Task],
    options: Options,
    sizes: Sequence[tuple[int, int]] = SIZES,
    effort: Effort | None = None,
) -> Iterator[Cost]:
    """Measure every derainer alone and before every task, on a drawn image of every size (height, width).

    Yields:
        One cost after the other, as soon as it is measured.

    Raises:
        UserError: A model cannot be had, or the user has to mend something else.
    """
    images = [draw_picture(height, width, seed=0) for height, width in sizes]
    jobs = (
        CostJob(entry, options, image, effort or Effort(), task)
        for task in (None, *tasks)
        for image in images
        for entry in entries
    )
    return measure_costs(jobs)


def derainers_of_run(run: Path) -> list[Entry]:
    """Find the derainers of a finished run; rows that compute nothing (``clean``, ``folder:``) are left out.

    Raises:
        UserError: There is no run, its card is of another version, no row computes anything, or the card names
            programs: it might be somebody else's.
    """
    specs = [
        spec
        for spec in _suite_of(run).derainers
        if not (spec == CLEAN or spec.startswith((ON_CLEAN, "folder:")) or "=folder:" in spec)
    ]
    if not specs:
        raise UserError(f"{run}: none of its rows computes anything; name derainers: --derainers NAME,NAME")
    entries = [find_derainer(spec) for spec in specs]
    if code := [spec for spec, entry in zip(specs, entries, strict=True) if entry.origin in _CODE]:
        raise UserError(
            f"{run}: its card names code that would be run: {', '.join(code)}. If it is yours, name the rows: "
            f"--derainers {shlex.quote(','.join(specs))}"
        )
    return entries


def tasks_of_run(run: Path) -> list[Task]:
    """Make the tasks of a finished run that have a model, each model once.

    Raises:
        UserError: There is no run, its card is of another version, or it names a model that can run code.
    """
    suite, store = _suite_of(run), RunStore(run)
    if trusting := [name for name, parameters in suite.tasks.items() if parameters.get("trust_checkpoint")]:
        raise UserError(
            f"{run}: its card trusts the checkpoint of task {trusting[0]}, which can run code; measure --alone, or the "
            "derainers of a run whose model needs no trust, such as an exported one"
        )
    if code := [name for name, parameters in suite.tasks.items() if names_file(parameters.get("model"))]:
        raise UserError(
            f"{run}: its card names a file that would be run, as the model of task {code[0]}; measure --alone"
        )
    tasks: dict[tuple[str, str], Task] = {}
    for name, config in suite.datasets.items():
        classes = open_dataset(store.data_folder(name)).classes
        for asked in config.tasks if config.tasks is not None else suite.tasks:
            task = TASKS.load(TASKS.named(asked))(suite.tasks[asked], classes)
            if task.model:
                tasks.setdefault((task.name, task.model), task)
    return list(tasks.values())


def _suite_of(run: Path) -> Suite:
    return suite_of_card(read_card(run).suite, run / CARD)
