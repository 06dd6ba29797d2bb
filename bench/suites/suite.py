"""Read a suite, the datasets, derainers and tasks of a run, from TOML into validated frozen models."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    ValidationError,
    model_serializer,
    model_validator,
)

from bench.contract import REAL_RAIN, Parameter
from bench.errors import UserError, did_you_mean, faults_of
from bench.io.toml_files import TomlText, names_in, text_of, validated

_PACKAGE = "bench.suites"

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$", max_length=80)]
Reader = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9][A-Za-z0-9._+-]*|[^\x00]+\.py:\w+)$")]
Size = Annotated[str, StringConstraints(pattern=r"^(any|[1-9]\d*x[1-9]\d*)$")]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class DatasetConfig(_Model):
    """One dataset of a suite.

    Attributes:
        source: Reader of the photographs: a name such as ``coco``, ``folder`` or ``streets`` (``derainbench list
            sources``), or ``path/to/file.py:open_mine``.
        root: Name under which the command line gives the folder (``--coco``, ``--bdd``, ``--data NAME=DIR``),
            or a folder. Empty for sources that need no files.
        parameters: Settings of the reader.
        rain: Rain preset; empty when the source brings its own rain and its own clean images; ``real`` when the
            photographs are used as they are, and there are no clean ones.
        rain_parameters: Changes to the preset.
        severity: 1 is the preset as it is; less is lighter, more is heavier.
        count: How many images are chosen; None takes all.
        size: ``WxH`` (either orientation) or ``any``.
        objects: Least number of labelled objects in an image.
        only: ``attribute=value`` pairs that an image must have: ``timeofday=night``.
        without: Pairs that it must not have: ``weather=rainy``.
        share: A pair that a fixed share of the images has: ``timeofday=night:0.3``.
        seed: Chooses the images and the rain.
        tasks: Tasks asked of this dataset; None means all of the suite's.
        reference: Another dataset of the suite, of ``rain = "real"``: photographs of clear weather, whose row ``rain``
            tables show as the upper reference. Other images, so nothing is paired.
    """

    source: Reader
    root: str = ""
    parameters: Mapping[str, Parameter] = Field(default_factory=dict)
    rain: str = ""
    rain_parameters: Mapping[str, Parameter] = Field(default_factory=dict)
    severity: float = Field(default=1.0, gt=0, le=10)
    count: int | None = Field(default=None, ge=1)
    size: Size = "any"
    objects: int = Field(default=0, ge=0)
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    share: str = ""
    seed: int = Field(default=2020, ge=0)
    tasks: tuple[Name, ...] | None = None
    reference: str = ""

    @property
    def is_drawn(self) -> bool:
        """Whether rain is drawn on its photographs."""
        return self.rain not in ("", REAL_RAIN)

    @model_validator(mode="after")
    def _check_real_rain(self) -> DatasetConfig:
        """Refuse settings of drawn rain where none is drawn."""
        if self.rain == REAL_RAIN and (self.severity != 1 or self.rain_parameters):
            raise ValueError('rain = "real" draws no rain; leave severity and rain_parameters out')
        return self


class Suite(_Model):
    """A whole benchmark.

    Attributes:
        name: The suite's name; for a file, its stem.
        title: One line above the tables.
        note: What a reader of the tables must know.
        derainers: Rows, in order: names, ``file.py:factory``, ...
        datasets: By name.
        tasks: Task name to its parameters; ``model`` is ``BACKEND:CHECKPOINT``.
        retrained: Task to row to the row's own model, ``BACKEND:CHECKPOINT``, trained on images of that row: a protocol
            beside the frozen one. Rows that are not named have no part in it.
        resamples: Bootstrap resamples behind every interval; 0 for no intervals.
        workers: Local processes on a CPU unless the command line says how many.
    """

    name: Name
    title: str = ""
    note: str = ""
    derainers: tuple[str, ...] = Field(min_length=1)
    datasets: Mapping[Name, DatasetConfig] = Field(min_length=1)
    tasks: Mapping[Name, Mapping[str, Parameter]] = Field(min_length=1)
    retrained: Mapping[Name, Annotated[Mapping[str, str], Field(min_length=1)]] = Field(default_factory=dict)
    resamples: int = Field(default=1000, ge=0, le=100_000)
    workers: int = Field(default=1, ge=1, le=64)

    @model_validator(mode="after")
    def _check_retrained(self) -> Suite:
        """Refuse retrained models of a task that the suite does not have: its rules are theirs, too."""
        if wrong := [task for task in self.retrained if task not in self.tasks]:
            raise ValueError(f"retrained.{wrong[0]}: [tasks] does not define {wrong[0]!r} ({', '.join(self.tasks)})")
        return self

    @model_serializer(mode="wrap")
    def _without_empty(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave an empty ``retrained`` out, so that the card of a frozen run stays as it was."""
        return {name: value for name, value in write(self).items() if name != "retrained" or value}


def suite_names() -> list[str]:
    """List the names of the built-in suites."""
    return names_in(_PACKAGE)


def load_suite(name: str) -> Suite:
    """Load a built-in suite by name, or a TOML file by path.

    Examples:
        >>> from bench.api import load_suite
        >>> load_suite("streets").derainers
        ('rain', 'classical', 'prenet-small', 'mspfn-light', 'clean')

    Raises:
        UserError: There is none, it is not TOML, or a key is unknown, missing or of the wrong kind.
    """
    return _suite_of(text_of("suite", name, _PACKAGE, suite_names()), Path(name).stem)


def parse_suite(text: str, name: str, origin: str) -> Suite:
    """Validate the text of a suite; ``origin`` is named in errors."""
    return _suite_of(TomlText(text.encode("utf-8"), origin), name)


def _suite_of(text: TomlText, name: str) -> Suite:
    suite = validated(Suite, text, name, {}, "See 'derainbench run --help' and the built-in suites")
    for dataset_name, dataset in suite.datasets.items():
        if wrong := [task for task in dataset.tasks or () if task not in suite.tasks]:
            raise UserError(
                f"{text.origin}: datasets.{dataset_name}.tasks names {wrong[0]!r}, which [tasks] does not define"
            )
        if fault := _fault_of_reference(suite, dataset_name):
            raise UserError(f"{text.origin}: datasets.{dataset_name}.reference: {fault}")
    return suite


def _fault_of_reference(suite: Suite, name: str) -> str:
    """Say what is wrong with the reference of one dataset; empty if nothing is, or if it has none."""
    dataset, other = suite.datasets[name], suite.datasets.get(suite.datasets[name].reference)
    if not dataset.reference:
        return ""
    if other is None or other is dataset:
        others = ", ".join(one for one in suite.datasets if one != name) or "none"
        return f"expected another dataset of this suite ({others}), got {dataset.reference!r}"
    if other.rain != REAL_RAIN:
        return f"{dataset.reference} does not show its photographs as they are; give it rain = {REAL_RAIN!r}"
    if lacks := [task for task in dataset.tasks or suite.tasks if task not in (other.tasks or suite.tasks)]:
        return f"{dataset.reference} is not asked task {lacks[0]!r}; add it to datasets.{dataset.reference}.tasks"
    return ""


def dataset_config(name: str, changes: Mapping[str, object]) -> DatasetConfig:
    """Take a dataset of a built-in suite, with changes, or make a new one of the changes.

    Raises:
        UserError: The name is in no suite and ``source`` is not given, or a value is wrong.
    """
    # Of two suites with one dataset, the first counts; reversed, since the last is what a mapping keeps.
    suites = [load_suite(suite) for suite in reversed(suite_names())]
    known = {found: dataset for suite in suites for found, dataset in suite.datasets.items()}
    base = known[name].model_dump() if name in known else {"root": name}
    if name not in known and "source" not in changes:
        raise UserError(
            f"unknown dataset {name!r}. {did_you_mean(name, known)} For a new one say --reader coco, folder, ..."
        )
    try:
        return DatasetConfig.model_validate({**base, **changes})
    except ValidationError as error:
        raise UserError(f"dataset {name}: {faults_of(error)}") from error


def override(
    suite: Suite,
    *,
    derainers: Sequence[str] = (),
    tasks: Sequence[str] = (),
    models: Mapping[str, str] | None = None,
    retrained: Mapping[str, Mapping[str, str]] | None = None,
    count: int | None = None,
    size: str | None = None,
) -> Suite:
    """Change a suite as the command line asks; an empty argument changes nothing.

    Examples:
        >>> from bench.api import load_suite, override
        >>> suite = override(load_suite("streets"), count=12, derainers=["rain", "classical"], tasks=["quality"])
        >>> suite.datasets["streets"].count
        12

    Args:
        suite: Where to start.
        derainers: Rows instead of the suite's.
        tasks: Tasks instead of the suite's, for every dataset. One that the suite lacks gets its defaults.
        models: Task name to ``BACKEND:CHECKPOINT``.
        retrained: Task name to row to the row's own model, besides the suite's.
        count: Images per dataset.
        size: ``WxH`` or ``any``.
    """
    chosen = {name: dict(suite.tasks.get(name, {})) for name in (tasks or suite.tasks)}
    for task, model in (models or {}).items():
        if task not in chosen:
            raise UserError(f"--model {task}={model}: task {task!r} is not part of this run ({', '.join(chosen)})")
        chosen[task]["model"] = model
    own = {name: {**suite.retrained.get(name, {}), **(retrained or {}).get(name, {})} for name in chosen}
    if wrong := [task for task in retrained or {} if task not in chosen]:
        raise UserError(f"--retrained {wrong[0]}: task {wrong[0]!r} is not part of this run ({', '.join(chosen)})")
    changes: dict[str, object] = {}
    if count is not None:
        changes["count"] = count
    if size is not None:
        if not re.fullmatch(r"any|[1-9]\d*x[1-9]\d*", size):
            raise UserError(f"--size {size}: expected WIDTHxHEIGHT such as 640x480, or any")
        changes["size"] = size
    if tasks:
        changes["tasks"] = None
    datasets = {name: dataset.model_copy(update=changes) for name, dataset in suite.datasets.items()}
    return suite.model_copy(
        update={
            "derainers": tuple(derainers) or suite.derainers,
            "tasks": chosen,
            "retrained": {name: rows for name, rows in own.items() if rows},
            "datasets": datasets,
        }
    )


def resolve_roots(suite: Suite, roots: Mapping[str, Path]) -> dict[str, Path | None]:
    """Find the folder of photographs of every dataset.

    Args:
        suite: The suite.
        roots: Folders given on the command line by name.

    Raises:
        UserError: A dataset needs a folder that was not given or is not there, or a name fits no dataset.
    """
    wanted = {dataset.root for dataset in suite.datasets.values()}
    if unused := [name for name in roots if name not in wanted]:
        fits = ", ".join(sorted(filter(None, wanted))) or "none; it needs no files"
        raise UserError(f"suite {suite.name} has no dataset that reads {unused[0]!r}; its folders: {fits}")
    for name, reason in missing_roots(suite, roots).items():
        raise UserError(f"dataset {name}: {reason}")
    return {name: _root_of(dataset, roots) for name, dataset in suite.datasets.items()}


def suite_of_card(content: Mapping[str, object], path: Path) -> Suite:
    """Read the suite out of a run's card.

    Args:
        content: The card's entry ``suite``.
        path: The card, for the message.

    Raises:
        UserError: It is of a version that this one cannot read.
    """
    try:
        return Suite.model_validate(content)
    except ValidationError as error:
        raise UserError(f"{path}: its suite is of another version; run the benchmark again") from error


def missing_roots(suite: Suite, roots: Mapping[str, Path]) -> dict[str, str]:
    """List the datasets whose folder was not given or is not there, with what to do about it."""
    found = {name: _root_of(dataset, roots) for name, dataset in suite.datasets.items()}
    return {
        name: _how_to_give(suite.datasets[name].root, roots, path)
        for name, path in found.items()
        if path is not None and not path.is_dir()
    }


def _root_of(dataset: DatasetConfig, roots: Mapping[str, Path]) -> Path | None:
    return roots.get(dataset.root, Path(dataset.root)).expanduser().resolve() if dataset.root else None


def _how_to_give(root: str, roots: Mapping[str, Path], path: Path) -> str:
    option = f"--{root} DIR" if root in ("coco", "bdd") else f"--data {root}=DIR"
    given = f"{path} is no folder" if root in roots else "its folder is not known"
    return f"{given}. Say where the photographs are: {option}"
