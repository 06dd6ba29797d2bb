"""Read and write ``card.json``: all that a run says of itself. One model, one reader, one writer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, ValidationError, model_serializer

from bench.contract import Metric, Parameter
from bench.errors import UserError
from bench.io.files import write_json
from bench.io.training.origin import TrainedOn

SCHEMA = 3
"""Version of the run folder's files; ``results/README.md`` says what changed."""
CARD = "card.json"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True)


class RowModel(_Model):
    """The model that judges a row: its short name, and the text that changes whenever its evidence could."""

    model: str
    fingerprint: str


class TaskCard(_Model):
    """One task on one dataset: its model, its scoring rules, and what decides its evidence.

    Attributes:
        model: The model's short name as shown in tables.
        version: Version of the task, raised by hand; numbers of two versions are not compared. Empty in old cards.
        protocol: The scoring rules in one line.
        scoring: Parameters with which the task's factory makes a task that scores in the same way, without the model.
        fingerprint: Text that changes whenever the evidence could.
        code: Digest of the task's code, by which evidence is used again; it takes no part in comparing.
        metrics: What a task from outside says of its metrics (:class:`bench.protocols.DescribesMetrics`).
        by_row: Row to its own model, where the task judges no other rows and has none for all
            (:class:`bench.protocols.JudgesByRow`); empty otherwise, and then not in the file.
    """

    model: str
    version: str = ""
    protocol: str
    scoring: Mapping[str, Parameter]
    fingerprint: str
    code: str
    metrics: Sequence[Metric] = ()
    by_row: Mapping[str, RowModel] = {}

    def judge_of(self, row: str) -> RowModel | None:
        """Find the model that judges a row; None where the row is not asked."""
        return self.by_row.get(row) if self.by_row else RowModel(model=self.model, fingerprint=self.fingerprint)

    @model_serializer(mode="wrap")
    def _without_empty(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in write(self).items() if name != "by_row" or value}


class ProtocolCard(_Model):
    """Parts and hash by which numbers of one task on one dataset compare (:mod:`bench.scoring.protocol_hash`)."""

    hash: str
    parts: Mapping[str, object]


class ShardCard(_Model):
    """The share of the images that a run made: shard ``number`` of ``of``, counted from 1."""

    number: int
    of: int


class RunOrder(_Model):
    """The order in which a suite names its rows and tasks; JSON objects are sorted by name.

    Attributes:
        derainers: Names of the rows.
        tasks: Each dataset and its tasks.
    """

    derainers: Sequence[str]
    tasks: Sequence[tuple[str, Sequence[str]]]


class RunCard(_Model):
    """All that a run says of itself.

    Attributes:
        schema_version: Version of the run folder's files (``results/README.md``).
        suite: The suite as JSON (:func:`bench.suites.suite.suite_of_card` reads it).
        datasets: Name to the number of images expected.
        chosen: Name to the ids of the images expected.
        severities: Name to the severity of the rain, for datasets whose rain is drawn.
        without_clean: Names of the datasets that have no clean images, because their photographs are used as they are.
        resamples: Bootstrap resamples.
        derainers: Row to its fingerprint.
        weights: Row to its published files of weights and their SHA-256.
        trained: Row to what its weights were trained on, where their card tells it; None if no row has such weights.
        tasks: Dataset to task to its card.
        order: Rows and tasks as the suite names them; None in cards of schema 2 and earlier.
        untrained: Rows that were made with random weights.
        device: Where models ran.
        hardware: That device, the processor and the memory, in words.
        accelerator: Driver and libraries of the device.
        machine: System, Python, number of cores.
        libraries: Versions of the libraries that can change a result.
        commit: Of the project's repository, where it is one.
        shard: Which share of the images this is; None for all.
        shards: What the shards of a merged run were.
        batch: How many images of one size a model was given at once: as many as hold so many ``pixels``, ``most`` at
            most; None for one.
        numerics: What lower precision or compilation changed in the first image; None for plain float32.
        task_weights: Files of task models that nobody has pinned, and their SHA-256; None if there are none.
        own_guides: Row to the tasks whose model guided the training of the row's weights; None if there are none.
        protocols: Dataset to task to what its numbers are comparable by; empty until the run has ended.
    """

    schema_version: int = 1
    suite: Mapping[str, Any] = {}
    datasets: Mapping[str, int]
    chosen: Mapping[str, Sequence[str]] = {}
    severities: Mapping[str, float] = {}
    without_clean: Sequence[str] = ()
    resamples: int = 0
    derainers: Mapping[str, str]
    weights: Mapping[str, Mapping[str, str]] = {}
    trained: Mapping[str, TrainedOn] | None = None
    tasks: Mapping[str, Mapping[str, TaskCard]]
    order: RunOrder | None = None
    untrained: Sequence[str] = ()
    device: str = ""
    hardware: Any = None
    accelerator: Any = None
    machine: Mapping[str, Any] = {}
    libraries: Mapping[str, Any] = {}
    commit: Any = None
    shard: ShardCard | None = None
    shards: Sequence[Mapping[str, Any]] | None = None
    batch: Mapping[str, int] | None = None
    numerics: Mapping[str, Any] | None = None
    task_weights: Mapping[str, str] | None = None
    own_guides: Mapping[str, Sequence[str]] | None = None
    protocols: Mapping[str, Mapping[str, ProtocolCard]] = {}

    def content(self) -> dict[str, Any]:
        """Return what ``card.json`` holds; entries that are None are left out."""
        return {name: value for name, value in self.model_dump(mode="json").items() if value is not None}

    @property
    def rows(self) -> Sequence[str]:
        """Names of the rows, as the suite orders them."""
        return self.order.derainers if self.order else tuple(self.derainers)

    @property
    def tasks_of(self) -> Mapping[str, Sequence[str]]:
        """Each dataset's tasks, as the suite orders them."""
        return dict(self.order.tasks) if self.order else {name: tuple(tasks) for name, tasks in self.tasks.items()}


def read_card(root: Path) -> RunCard:
    """Read the card of a run folder.

    Raises:
        UserError: The folder holds no run, or its card is damaged.
    """
    path = root / CARD
    if not path.is_file():
        raise UserError(f"{root}: no run here (no {CARD}); give the folder passed to 'derainbench run --out'")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: damaged ({error}); delete the file and run again") from error
    return parse_card(content, path)


def parse_card(content: object, path: Path) -> RunCard:
    """Check the content of a card.

    Raises:
        UserError: Something is missing or of another kind, or the order is of other rows, tasks or datasets.
    """
    try:
        card = RunCard.model_validate(content)
    except ValidationError as error:
        fault = error.errors()[0]
        raise UserError(f"{path}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}") from error
    named = {name: set(tasks) for name, tasks in card.tasks_of.items()}
    if named != {name: set(tasks) for name, tasks in card.tasks.items()} or set(card.rows) != card.derainers.keys():
        raise UserError(f"{path}: damaged (order: names other rows, datasets or tasks than the rest); run it again")
    return card


def described_in(card: RunCard) -> list[Metric]:
    """List the metrics that tasks from outside describe in the card of one run."""
    return [metric for tasks in card.tasks.values() for task in tasks.values() for metric in task.metrics]


def described_metrics(runs: Sequence[Path]) -> list[Metric]:
    """Read from the cards of runs what tasks from outside say of their metrics; a folder without a card says nothing.

    Raises:
        UserError: A card is damaged.
    """
    return [metric for run in runs if (run / CARD).is_file() for metric in described_in(read_card(run))]


def write_card(root: Path, card: RunCard) -> None:
    """Write the card of a run folder, atomically and with sorted keys."""
    write_json(root / CARD, card.content())
