"""Run a benchmark: open a suite, plan it, run it into a folder. Read this file first in this room."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field, replace
from pathlib import Path

from bench.api.conclude import conclude
from bench.api.datasets import BuilderLoader, recipe_of
from bench.api.derainers import NamedRow, is_network, is_untrained, named_rows
from bench.api.guest_files import guest_files
from bench.api.guides import own_guides
from bench.api.preflight import try_models
from bench.api.requirements import Requirements, absent_layouts, missing_requirements, refuse
from bench.api.run_card import released_weights, run_card
from bench.api.without_clean import refuse_clean_rows, refuse_clean_rows_of, refuse_task_on_clean
from bench.contract import Classes, Options, Parameters
from bench.devices import card_places, check_precision, memory_of
from bench.errors import UserError
from bench.io.files import key_of
from bench.io.lock import locked, refuse_links
from bench.io.telemetry import forbid_telemetry
from bench.protocols import Task, version_of
from bench.runner.batches import ONE, BatchRule, batch_rule
from bench.runner.engines import Engine
from bench.runner.loaders import DatasetLoader, DerainerLoader, forget, kept_data
from bench.runner.precision import record_precision_effect, reduced_precision
from bench.runner.processes import local_engine
from bench.runner.progress import Progress, Silent
from bench.runner.runner import Existing, Runner, RunPlan
from bench.runner.workload import DatasetWork, DerainerWork, Workload
from bench.runs.card import CARD, read_card, write_card
from bench.runs.digests import discard_changed
from bench.runs.folder import RunStore
from bench.runs.rows import CLEAN, RAIN
from bench.runs.shards import WHOLE, Shard, refuse_other_shard
from bench.scoring.scores import RunResult
from bench.suites.suite import Suite, resolve_roots
from derainers import DERAINERS
from derainers.weights import weights_key
from synth.datasets.dataset import open_dataset
from tasks import TASKS
from tasks.retrained import retrained_name, retrained_task


@dataclass(frozen=True)
class OpenedSuite:
    """A suite whose rows were found.

    Attributes:
        suite: What is to be run.
        rows: Its rows, in order.
        roots: Folders of photographs by name.
        options: Device, folders of weights.
    """

    suite: Suite
    rows: tuple[NamedRow, ...]
    roots: Mapping[str, Path] = field(default_factory=dict)
    options: Options = field(default_factory=Options)

    @property
    def untrained(self) -> list[str]:
        """Names of the rows that would run with random weights."""
        return [row.name for row in self.rows if is_untrained(row.entry, self.options)]

    @property
    def models(self) -> dict[tuple[str, str], str]:
        """Task, and row where the model is that row's own, to the model as the suite names it; empty where none is."""
        frozen = {(name, ""): str(parameters.get("model", "")) for name, parameters in self.suite.tasks.items()}
        own = self.suite.retrained.items()
        return frozen | {(retrained_name(name), row): model for name, rows in own for row, model in rows.items()}

    def missing(self, layouts: bool = False) -> Requirements:
        """Find out what is not here, downloading the weights that can be downloaded.

        Args:
            layouts: Whether to look into the folders of photographs, too: not every archive may be unpacked there.
        """
        found = missing_requirements(self.suite, self.rows, self.roots, self.options)
        if not layouts:
            return found
        return replace(found, datasets={**found.datasets, **absent_layouts(self.suite, self.roots)})

    def without(self, missing: Requirements) -> OpenedSuite:
        """Leave out the rows and datasets that something is missing of, and the folders that nobody reads then.

        Raises:
            UserError: No dataset is left, or no row but the controls.
        """
        kept = [index for index, row in enumerate(self.rows) if row.name not in missing.derainers]
        specs, rows = [self.suite.derainers[index] for index in kept], tuple(self.rows[index] for index in kept)
        datasets = {
            name: one.model_copy(update={"reference": ""}) if one.reference in missing.datasets else one
            for name, one in self.suite.datasets.items()
            if name not in missing.datasets
        }
        if not datasets or all(row.name in (RAIN, CLEAN) for row in rows):
            refuse(missing)
        needless = {self.suite.datasets[name].root for name in missing.datasets} - {
            one.root for one in datasets.values()
        }
        roots = {name: place for name, place in self.roots.items() if name not in needless}
        suite = self.suite.model_copy(update={"derainers": tuple(specs), "datasets": datasets})
        return replace(self, suite=suite, rows=rows, roots=roots)


def open_suite(suite: Suite, roots: Mapping[str, Path] | None = None, options: Options | None = None) -> OpenedSuite:
    """Find the derainers of a suite's rows.

    Examples:
        >>> from bench.api import load_suite, open_suite
        >>> [row.name for row in open_suite(load_suite("streets")).rows]
        ['rain', 'classical', 'prenet-small', 'mspfn-light', 'clean']

    Args:
        suite: What to run (:func:`bench.suites.suite.load_suite`).
        roots: Folders of photographs by name, such as ``{"coco": Path("coco")}``.
        options: Device, folders of weights.

    Raises:
        UserError: A derainer is unknown, two rows have one name, a row needs clean images and the rain is real, or a
            retrained model is of no row.
    """
    rows = tuple(named_rows(suite.derainers))
    refuse_clean_rows_of(suite, rows)
    _refuse_unknown_rows(suite, rows)
    return OpenedSuite(suite, rows, roots or {}, options or Options())


def _refuse_unknown_rows(suite: Suite, rows: Sequence[NamedRow]) -> None:
    names = [row.name for row in rows]
    for task, models in suite.retrained.items():
        if wrong := [name for name in models if name not in names]:
            raise UserError(
                f"retrained.{task} names {wrong[0]!r}, which is no row of this run ({', '.join(names)}); "
                "leave the model out, or add the row with --also"
            )


def plan_run(opened: OpenedSuite, out: Path, shard: Shard = WHOLE) -> RunPlan:
    """Plan what :func:`run_opened` would do with a folder, without doing it.

    Examples:
        >>> from pathlib import Path
        >>> from bench.api import load_suite, open_suite, override, plan_run
        >>> suite = override(load_suite("streets"), count=12, derainers=["rain", "classical"], tasks=["quality"])
        >>> plan_run(open_suite(suite), Path("run1")).restore.done
        24

    Raises:
        UserError: A dataset or a task cannot be opened.
    """
    runner = replace(_runner(opened, out), shard=shard)
    try_models(runner.work, opened.models, fetch=False)
    return runner.plan()


def run_suite(
    suite: Suite,
    out: Path,
    *,
    roots: Mapping[str, Path] | None = None,
    options: Options | None = None,
    workers: int = 1,
    existing: Existing = "reuse",
    fail_fast: bool = False,
    time_limit_seconds: float = 0.0,
    engine: Engine | None = None,
    shard: Shard = WHOLE,
    progress: Progress | None = None,
) -> RunResult:
    """Run a whole benchmark into a folder, doing only what is missing there.

    Examples:
        >>> from pathlib import Path
        >>> from bench.api import load_suite, override, run_suite
        >>> suite = override(load_suite("streets"), count=12, derainers=["rain", "classical"], tasks=["quality"])
        >>> result = run_suite(suite, Path("run1"))
        >>> len(result.failures), result.records[0].metric
        (0, 'psnr_y')

    Args:
        suite: What to run (:func:`bench.suites.suite.load_suite`).
        out: The run folder.
        roots: Folders of photographs by name, such as ``{"coco": Path("coco")}``.
        options: Device, folders of weights.
        workers: Local processes; beside them one for every CUDA device that the options name (``cuda`` is all).
        existing: ``reuse`` what is there under the right key; ``rebuild`` everything; or ``keep`` everything, where
            what was made with other models, images or code is a failure.
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
    return run_opened(
        open_suite(suite, roots, options),
        out,
        engine or local_engine(workers, time_limit_seconds, card_places((options or Options()).device)),
        existing=existing,
        fail_fast=fail_fast,
        shard=shard,
        progress=progress,
    )


def run_opened(
    opened: OpenedSuite,
    out: Path,
    engine: Engine,
    *,
    existing: Existing = "reuse",
    fail_fast: bool = False,
    shard: Shard = WHOLE,
    progress: Progress | None = None,
) -> RunResult:
    """Run a suite whose rows were found; arguments as in :func:`run_suite`.

    Examples:
        >>> from pathlib import Path
        >>> from bench.api import load_suite, open_suite, override, run_opened
        >>> from bench.runner.processes import local_engine
        >>> suite = override(load_suite("streets"), count=12, derainers=["rain", "classical"], tasks=["quality"])
        >>> run_opened(open_suite(suite), Path("run1"), local_engine(1)).failures
        []

    Raises:
        UserError: Something is missing, or the user has to mend something else; nothing was lost.
    """
    _refuse_in_beginning_worker()
    forbid_telemetry()
    refuse(opened.missing())
    runner = replace(
        _runner(opened, out),
        engine=engine,
        shard=shard,
        progress=progress or Silent(),
        existing=existing,
        fail_fast=fail_fast,
    )
    if not (out / "records.csv").is_file():  # else they were loaded once, and may be needed no more
        try_models(runner.work, opened.models, fetch=True)
    entries = [row.entry for row in opened.rows]
    with locked(out):
        refuse_links(out)
        _refuse_other_suite(out, opened.suite)
        refuse_other_shard(out, shard)
        discard_changed(out)
        card = run_card(opened.suite, runner.work, entries, opened.options, shard, opened.untrained)
        write_card(out, card)
        done = runner.run()
        noted = {
            "batch": None if runner.rule == ONE else asdict(runner.rule),
            "numerics": record_precision_effect(runner, done.datasets),
            "task_weights": released_weights(runner.work) or None,
            "own_guides": own_guides(opened.rows, opened.models) or None,
        }
        tasks = {work.name: {name: task for name, (task, _) in work.tasks.items()} for work in runner.work.datasets}
        return conclude(runner.store, card.model_copy(update=noted), done, tasks)


def _runner(opened: OpenedSuite, out: Path) -> Runner:
    forget()  # what an earlier call in this process opened may have changed on disk
    check_precision(opened.options)
    suite, options = opened.suite, opened.options
    rule = batch_rule(options.batch, memory_of(options.device))
    found = resolve_roots(suite, opened.roots)
    # A plug-in may work in another folder while results are written.
    store = RunStore(out.absolute() if any(row.entry.is_guest for row in opened.rows) else out)
    derainers = tuple(_derainer_work(row, options, rule) for row in opened.rows)
    datasets = tuple(_dataset_work(opened, name, found[name], store.data_folder(name)) for name in suite.datasets)
    return Runner(Workload(datasets, derainers, options), store, local_engine(1), rule=rule)


def _refuse_in_beginning_worker() -> None:
    """End a worker process that has come here while it reads the script that started it."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise UserError("a worker process started the run again; put the call under if __name__ == '__main__':")


def _refuse_other_suite(out: Path, suite: Suite) -> None:
    """Refuse a folder whose tables are of another suite with other datasets: they would be removed."""
    there = read_card(out).suite if (out / CARD).is_file() else {}
    if there.get("name") in (None, suite.name):
        return
    if lost := [name for name in there.get("datasets", {}) if name not in suite.datasets]:
        raise UserError(
            f"{out}: holds a run of suite {there['name']!r}, whose table of {lost[0]} would be removed; "
            "give another folder"
        )


def _derainer_work(row: NamedRow, options: Options, rule: BatchRule) -> DerainerWork:
    entry = row.entry
    if entry.origin == "file":
        DERAINERS.load(entry)  # a wrong name is said now, not after an hour of rain
    weights = weights_key(entry.name, options) if entry.is_built_in else ""
    attribute = entry.target.rpartition(":")[2]
    # Where the code lies does not matter; what it is, which weights it loads and on what it computes do.
    device = options.device.split(":")[0]
    numerics = reduced_precision(options) or ()
    batch = () if rule == ONE else (astuple(rule),)
    files = guest_files(entry, options) if entry.is_guest else {}
    own_files = (files,) if files else ()
    code = entry.code_version()
    fingerprint = key_of(attribute, code, weights, device, row.on_clean, *numerics, *batch, *own_files)
    return DerainerWork(row.name, DerainerLoader(entry, options), fingerprint, row.on_clean, is_network(entry), files)


def _dataset_work(opened: OpenedSuite, name: str, root: Path | None, folder: Path) -> DatasetWork:
    suite, config = opened.suite, opened.suite.datasets[name]
    builder = BuilderLoader(recipe_of(name, config, root), folder)
    classes, has_clean = kept_data(builder).classes, kept_data(builder).has_clean
    if not has_clean:
        refuse_clean_rows(name, opened.rows)
    chosen = config.tasks if config.tasks is not None else tuple(suite.tasks)
    tasks = {task: _task(task, suite.tasks[task], name, classes) for task in chosen}
    tasks |= {retrained_name(task): _retrained(task, opened, name, classes) for task in _retrainable(chosen, opened)}
    for task, _ in () if has_clean else tasks.values():
        refuse_task_on_clean(name, task)
    return DatasetWork(name, builder, DatasetLoader(open_dataset, folder), tasks)


def _retrainable(chosen: Sequence[str], opened: OpenedSuite) -> list[str]:
    """List the tasks for which a row that was not left out has a model of its own."""
    there = {row.name for row in opened.rows}
    return [task for task in chosen if there & opened.suite.retrained.get(task, {}).keys()]


def _retrained(name: str, opened: OpenedSuite, dataset: str, classes: Classes) -> tuple[Task, str]:
    suite, models = opened.suite, opened.suite.retrained[name]
    if retrained_name(name) in suite.tasks:
        raise UserError(f"task {retrained_name(name)!r} takes the name of retrained.{name}; leave one of them out")
    made = {
        row.name: _task(name, {**suite.tasks[name], "model": models[row.name]}, dataset, classes)
        for row in opened.rows
        if row.name in models
    }
    return retrained_task({row: task for row, (task, _) in made.items()}), next(iter(made.values()))[1]


def _task(name: str, parameters: Parameters, dataset: str, classes: Classes) -> tuple[Task, str]:
    entry = TASKS.named(name)
    build: Callable[..., Task] = TASKS.load(entry)
    task = build(parameters, classes)
    version_of(task)  # a task without a version is refused now, not after an hour of rain
    has = {"boxes": classes.instances, "masks": classes.instances, "label_map": classes.labels, "clean": True}
    if lacks := [need for need in sorted(task.needs) if not has[need]]:
        raise UserError(
            f"dataset {dataset} has no {lacks[0].replace('label_map', 'label maps')}, which task {name} needs; "
            f"leave the task out with --tasks, or set tasks = [...] for this dataset in the suite"
        )
    return task, entry.code_version()
