"""Try the models of a run before any image is made for them: what cannot be loaded is said in the first seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bench.contract import Options
from bench.errors import UserError
from bench.io.isolation import GuestRoom
from bench.protocols import Task
from bench.runner.loaders import DerainerLoader
from bench.runner.workload import Workload
from derainers.external.plugins import PluginEntry

_SURE = "shipped:"
"""Models that come with the code, which need no trial."""


def try_models(work: Workload, models: Mapping[tuple[str, str], str], fetch: bool) -> None:
    """Load every exported derainer and every task model once, on the CPU, and drop it.

    Args:
        work: The run.
        models: Task name, and the row that alone the model judges (empty for all), to ``BACKEND:CHECKPOINT`` as the
            suite names it.
        fetch: True also tries published models, which may have to be downloaded.

    Raises:
        UserError: A file is damaged, refused, made for another task or other classes, or its library is missing.
    """
    options = replace(work.options, device="cpu", precision="fp32", compile=False)
    for derainer in work.derainers:
        entry = derainer.loader.entry
        if isinstance(entry, PluginEntry) and entry.kind != "folder":
            GuestRoom().run(DerainerLoader(entry, options))
    tasks = {task.fingerprint: (name, row, task) for dataset in work.datasets for name, row, task in dataset.models}
    for name, row, task in tasks.values():
        model = models.get((name, row), "")
        if task.model and not model.startswith(_SURE) and (fetch or _is_here(model)):
            _try_task(task, options)


def _is_here(model: str) -> bool:
    checkpoint = model.partition(":")[2]
    return any(text and Path(text).expanduser().exists() for text in (checkpoint, checkpoint.rpartition("@")[2]))


def _try_task(task: Task, options: Options) -> None:
    try:
        # In a room, because some libraries set threads for the whole process when they load a model.
        GuestRoom().run(task.judge, options)
    except UserError:
        raise
    except Exception:  # told with the images, as it would have been without the trial
        return
