"""DerainBench as a library: what the commands do, in a few lines of Python.

>>> from pathlib import Path
>>> from bench.api.run import run_suite
>>> from bench.suites.suite import load_suite, override
>>> suite = override(load_suite("streets"), count=2)
>>> result = run_suite(suite, Path("run1"))  # doctest: +SKIP
>>> result.records[0]  # doctest: +SKIP

"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bench.api import verify as rescoring
from bench.api.datasets import BuilderLoader, recipe_of
from bench.api.derainers import is_untrained
from bench.api.guest_files import guest_files
from bench.api.preflight import try_models
from bench.api.requirements import Missing, available, missing_of, refuse
from bench.api.run_card import run_card
from bench.contract import Classes, Options
from bench.errors import UserError
from bench.io.files import key_of
from bench.io.lock import locked, refuse_links
from bench.io.telemetry import forbid_telemetry
from bench.protocols import Task
from bench.registry import Entry
from bench.runner.engines import Engine
from bench.runner.loaders import DatasetLoader, DerainerLoader, forget, kept_data
from bench.runner.precision import note_differences, numerics_of
from bench.runner.processes import local_engine
from bench.runner.progress import Progress, Silent
from bench.runner.runner import Outlook, Runner
from bench.runner.workload import DatasetWork, DerainerWork, Workload
from bench.runs.digests import discard_changed
from bench.runs.folder import RunStore
from bench.runs.result import RunResult
from bench.runs.rows import ON_CLEAN
from bench.runs.shards import WHOLE, Shard, refuse_other_shard
from bench.suites.suite import Suite, resolve_roots
from derainers import DERAINERS
from derainers.external import plugins
from derainers.weights import require_weights, weights_key
from synth.datasets.dataset import open_dataset
from tasks import TASKS

GPU_BATCH = 8
"""Images that a derainer is given at once on a GPU."""


def run_suite(
    suite: Suite,
    out: Path,
    *,
    roots: Mapping[str, Path] | None = None,
    options: Options | None = None,
    workers: int = 1,
    rebuild: bool = False,
    only_missing: bool = False,
    fail_fast: bool = False,
    time_limit_seconds: float = 0.0,
    engine: Engine | None = None,
    shard: Shard = WHOLE,
    progress: Progress | None = None,
) -> RunResult:
    """Run a whole benchmark into a folder, doing only what is missing there.

    Args:
        suite: What to run (:func:`bench.suites.suite.load_suite`).
        out: The run folder.
        roots: Folders of photographs by name, such as ``{"coco": Path("coco")}``.
        options: Device, folders of weights.
        workers: Local processes.
        rebuild: True does everything again.
        only_missing: True replaces nothing; what was made with other models, images or code is a failure.
        fail_fast: True ends the work at the first failure.
        time_limit_seconds: Longest that an image may take, the first of a model with its loading; 0 for no limit.
            Models then run in processes of their own, which are ended when they hang.
        engine: Where steps run, such as :class:`bench.runner.ray_cluster.RayCluster`; None is local processes.
        shard: Which share of the images is this run's; :func:`bench.api.merge.merge_runs` joins finished shares.
        progress: Told about every image.

    Returns:
        Records, per-image measures and failures; the same is written to ``out``.

    Raises:
        UserError: Something the user has to mend; nothing was lost.
    """
    if rebuild and only_missing:
        raise UserError("--rebuild replaces everything and --only-missing nothing; give one of them")
    _refuse_in_beginning_worker()
    options = options or Options()
    forbid_telemetry()
    refuse(missing_of(suite, _named(suite), roots or {}, options))
    runner = replace(
        _runner(suite, out, roots or {}, options, fetch=True),
        engine=engine or local_engine(workers, time_limit_seconds),
        shard=shard,
        progress=progress or Silent(),
        rebuild=rebuild,
        only_missing=only_missing,
        fail_fast=fail_fast,
    )
    if not (out / "records.csv").is_file():  # then they were loaded once, and may be needed no more
        try_models(runner.work, _models_of(suite), fetch=True)
    untrained = untrained_rows(suite, options)
    with locked(out):
        refuse_links(out)
        _refuse_other_suite(out, suite)
        refuse_other_shard(out, shard)
        discard_changed(out)
        runner.store.write_card(run_card(suite, runner.work, _named(suite), options, shard, untrained))
        result = runner.run()
        note_differences(runner)
        rescoring.conclude(runner.store, result, [work.name for work in runner.work.derainers])
    return result


def foresee(
    suite: Suite,
    out: Path,
    *,
    roots: Mapping[str, Path] | None = None,
    options: Options | None = None,
    shard: Shard = WHOLE,
) -> Outlook:
    """What :func:`run_suite` would do with the same arguments, without doing it."""
    runner = _runner(suite, out, roots or {}, options or Options(), fetch=False)
    try_models(runner.work, _models_of(suite), fetch=False)
    return replace(runner, shard=shard).outlook()


def verify_run(out: Path) -> list[str]:
    """Compare every file of a run with its digest, and every number with its evidence; needs no model.

    Returns:
        One line a fault; empty if the run can be believed.

    Raises:
        UserError: The folder holds no finished run.
    """
    return rescoring.verify_run(out)


def available_part(suite: Suite, roots: Mapping[str, Path], options: Options) -> tuple[Suite, Missing]:
    """A suite without the rows whose weights and the datasets whose folders are not here, and what these are.

    Raises:
        UserError: Nothing worth a run is left, or a derainer is unknown.
    """
    missing = missing_of(suite, _named(suite), roots, options)
    return available(suite, _named(suite), missing), missing


def row_names(suite: Suite) -> list[str]:
    """Names of the rows of a suite's tables, in order.

    Raises:
        UserError: A derainer is unknown, or two rows have one name.
    """
    return [name for name, _, _ in _rows(suite.derainers)]


def untrained_rows(suite: Suite, options: Options) -> list[str]:
    """Names of the rows that :func:`run_suite` would run with random weights.

    Raises:
        UserError: A derainer is unknown.
    """
    return [name for name, entry, _ in _rows(suite.derainers) if is_untrained(entry, options)]


def _runner(suite: Suite, out: Path, roots: Mapping[str, Path], options: Options, fetch: bool) -> Runner:
    forget()  # what an earlier call in this process opened may have changed on disk
    found = resolve_roots(suite, roots)
    rows = _rows(suite.derainers)
    # A plug-in may work in another folder while results are written.
    store = RunStore(out.absolute() if any(entry.is_guest for _, entry, _ in rows) else out)
    derainers = tuple(_derainer_work(*row, options, fetch) for row in rows)
    datasets = tuple(_dataset_work(suite, name, found[name], store.data_folder(name)) for name in suite.datasets)
    batch = GPU_BATCH if options.device.startswith("cuda") else 1
    return Runner(Workload(datasets, derainers, options, suite.resamples), store, local_engine(1), batch=batch)


def _refuse_in_beginning_worker() -> None:
    """End a worker process that has come here while it reads the script that started it."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise UserError("a worker process started the run again; put the call under if __name__ == '__main__':")


def _refuse_other_suite(out: Path, suite: Suite) -> None:
    if not (out / "card.json").is_file():
        return
    there = RunStore(out).read_card().get("suite")
    name = there.get("name") if isinstance(there, dict) else None
    if name is not None and name != suite.name:
        raise UserError(f"{out}: holds a run of suite {name!r}, whose tables would be replaced; give another folder")


def _models_of(suite: Suite) -> dict[str, str]:
    return {name: str(parameters.get("model", "")) for name, parameters in suite.tasks.items()}


def _named(suite: Suite) -> list[tuple[str, Entry]]:
    return [(name, entry) for name, entry, _ in _rows(suite.derainers)]


def _rows(specs: Sequence[str]) -> list[tuple[str, Entry, bool]]:
    """Name, entry, and whether the clean image is restored, of every row."""
    rows: list[tuple[str, Entry, bool]] = []
    for spec in specs:
        on_clean = spec.startswith(ON_CLEAN)
        entry = plugins.find_derainer(spec.removeprefix(ON_CLEAN))
        rows.append((ON_CLEAN + entry.name if on_clean else entry.name, entry, on_clean))
    names = [name for name, _, _ in rows]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UserError(f"two rows are called {twice!r}; give one a name of its own: NAME=path/to/file.py:factory")
    return rows


def _derainer_work(name: str, entry: Entry, on_clean: bool, options: Options, fetch: bool) -> DerainerWork:
    if entry.origin == "file":
        DERAINERS.load(entry)  # a wrong name is said now, not after an hour of rain
    weights = ""
    if entry.origin == "built-in":
        if fetch:
            require_weights(entry.name, options)
        weights = weights_key(entry.name, options)
    attribute = entry.target.rpartition(":")[2]
    # Where the code lies does not matter; what it is, which weights it loads and on what it computes do.
    device = options.device.split(":")[0]
    numerics = numerics_of(options) or ()
    files = guest_files(entry, options) if entry.is_guest else {}
    own_files = (files,) if files else ()
    fingerprint = key_of(attribute, entry.code_version(), weights, device, on_clean, *numerics, *own_files)
    return DerainerWork(name, DerainerLoader(entry, options), fingerprint, on_clean, files)


def _dataset_work(suite: Suite, name: str, root: Path | None, folder: Path) -> DatasetWork:
    config = suite.datasets[name]
    builder = BuilderLoader(recipe_of(name, config, root), folder)
    classes = kept_data(builder).classes
    chosen = config.tasks if config.tasks is not None else tuple(suite.tasks)
    tasks = {task: _task(task, suite, name, classes) for task in chosen}
    return DatasetWork(name, builder, DatasetLoader(open_dataset, folder), tasks)


def _task(name: str, suite: Suite, dataset: str, classes: Classes) -> tuple[Task, str]:
    entry = TASKS.named(name)
    build: Callable[..., Task] = TASKS.load(entry)
    task = build(suite.tasks[name], classes)
    has = {"boxes": classes.instances, "masks": classes.instances, "label_map": classes.labels, "clean": True}
    if lacks := [need for need in sorted(task.needs) if not has[need]]:
        raise UserError(
            f"dataset {dataset} has no {lacks[0].replace('_', ' ')}s, which task {name} needs; "
            f"leave the task out with --tasks, or set tasks = [...] for this dataset in the suite"
        )
    return task, entry.code_version()
