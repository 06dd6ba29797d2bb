"""Read and write ``card.json``: all that a run says of itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ValidationError

from bench.contract import Metric, Parameter
from bench.errors import UserError
from bench.runs.folder import RunStore

SCHEMA = 3
"""Version of the run folder's files; ``results/README.md`` says what changed."""


class TaskCard(BaseModel):
    """Entry of a run's card for one task on one dataset.

    Attributes:
        metrics: What a task from outside says of its metrics (:class:`bench.protocols.DescribesMetrics`).
    """

    model: str
    protocol: str
    scoring: Mapping[str, Parameter]
    fingerprint: str
    code: str
    metrics: Sequence[Metric] = ()


class ProtocolCard(BaseModel):
    """What a run's card says of the numbers of one task on one dataset; see :mod:`bench.scoring.protocol_hash`."""

    hash: str
    parts: Mapping[str, object]


class RunCard(BaseModel):
    """What verification needs of a run's card.

    Attributes:
        schema_version: Version of the run folder's files (``results/README.md``).
        datasets: Name to the number of images expected.
        chosen: Name to the ids of the images expected.
        severities: Name to the severity of the rain, for datasets whose rain is drawn.
        derainers: Row to its fingerprint.
        tasks: Dataset to task to its card.
        resamples: Bootstrap resamples.
        untrained: Rows that were made with random weights.
        protocols: Dataset to task to what its numbers are comparable by.
    """

    schema_version: int = 1
    datasets: Mapping[str, int]
    chosen: Mapping[str, Sequence[str]] = {}
    severities: Mapping[str, float] = {}
    derainers: Mapping[str, str]
    tasks: Mapping[str, Mapping[str, TaskCard]]
    resamples: int = 0
    untrained: Sequence[str] = ()
    protocols: Mapping[str, Mapping[str, ProtocolCard]] = {}


def described_in(card: RunCard) -> list[Metric]:
    """List the metrics that tasks from outside describe in the card of one run."""
    return [metric for tasks in card.tasks.values() for task in tasks.values() for metric in task.metrics]


def described_metrics(runs: Sequence[Path]) -> list[Metric]:
    """Read from the cards of runs what tasks from outside say of their metrics; a folder without a card says nothing.

    Raises:
        UserError: A card is damaged.
    """
    cards = [read_run_card(RunStore(run).read_card(), run) for run in runs if (run / "card.json").is_file()]
    return [metric for card in cards for metric in described_in(card)]


def read_run_card(content: Mapping[str, object], root: Path) -> RunCard:
    """Check the content of a card.

    Raises:
        UserError: Something is missing or of another kind.
    """
    try:
        return RunCard.model_validate(content)
    except ValidationError as error:
        fault = error.errors()[0]
        raise UserError(f"{root / 'card.json'}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}") from error


class ShardCard(BaseModel):
    """What a shard's card says of it: which it is, and in which order the suite names its parts."""

    number: int
    of: int
    derainers: Sequence[str]
    tasks: Sequence[tuple[str, Sequence[str]]]
