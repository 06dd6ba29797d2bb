"""Which costs are measured: of given derainers, or of a run's, alone and before its models. Knows the rooms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import ValidationError

from bench.config import Suite
from bench.contract import Options
from bench.cost import Cost, Effort, Job, measure_costs
from bench.errors import UserError
from bench.protocols import Task
from bench.registry import Entry
from bench.speeds import picture
from bench.store import RunStore
from bench.summary import CLEAN
from derainers.plugins import find_derainer
from synth.dataset import open_dataset
from tasks import TASKS

SIZES = ((480, 640), (720, 1280))
"""Height and width of the two kinds of images in the MSPFN paper's Table 6."""


def costs_of(
    entries: Sequence[Entry],
    tasks: Sequence[Task],
    options: Options,
    sizes: Sequence[tuple[int, int]] = SIZES,
    effort: Effort | None = None,
) -> Iterator[Cost]:
    """Every derainer alone and before every task, on images of every size (height, width).

    Raises:
        UserError: A model cannot be had, or the user has to mend something else.
    """
    images = [picture(height, width, seed=0) for height, width in sizes]
    jobs = (
        Job(entry, options, image, effort or Effort(), task)
        for task in (None, *tasks)
        for image in images
        for entry in entries
    )
    return measure_costs(jobs)


def parts_of_run(run: Path) -> tuple[list[Entry], list[Task]]:
    """Derainers and task models of a finished run, each once; what is no computation is left out.

    Raises:
        UserError: There is no run, or its card is of another version.
    """
    store = RunStore(run)
    try:
        suite = Suite.model_validate(store.read_card().get("suite"))
    except ValidationError as error:
        raise UserError(f"{run / 'card.json'}: its suite is of another version; run the benchmark again") from error
    names = [spec for spec in suite.derainers if not spec.startswith((CLEAN, "folder:")) and "=folder:" not in spec]
    tasks: dict[tuple[str, str], Task] = {}
    for name, config in suite.datasets.items():
        classes = open_dataset(store.data_folder(name)).classes
        for asked in config.tasks if config.tasks is not None else suite.tasks:
            task = TASKS.load(TASKS.find(asked))(suite.tasks[asked], classes)
            if task.model:
                tasks.setdefault((task.name, task.model), task)
    return [find_derainer(spec) for spec in names], list(tasks.values())
