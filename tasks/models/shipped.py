"""Find task models that ``derainbench train-task`` made: those that come with DerainBench, and the user's own.

A model is a ``.safetensors`` file and beside it a card, a JSON file of the same name, which says how to build the
network and what its outputs mean. Nothing in either can run code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.errors import UserError, did_you_mean, faults_of
from bench.io.checkpoints import load_state, read_checkpoint
from bench.io.files import sha256_of
from bench.io.weights import SHIPPED

NAME, OWN = "shipped", "trained"
"""Names of the backends: a model by its name, and one by its file."""

_FOLDER = Path(__file__).parents[1] / SHIPPED


class Card(BaseModel):
    """The part of a model's card that is needed to run it; the rest is for readers.

    Attributes:
        task: Task that the model is for.
        network: Name of its network among :data:`tasks.training.networks.NETWORKS`.
        design: Numbers from which the network is built.
        classes: Names of its classes, in the order of the outputs.
        sha256: Digest of the weights.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())

    task: Literal["detection", "instances", "semantic"]
    network: str
    design: dict[str, Any] = Field(default_factory=dict)
    classes: tuple[str, ...] = Field(min_length=1, max_length=255)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")

    def __hash__(self) -> int:
        """Hash the digest of the weights; equality compares everything."""
        return hash(self.sha256)


@dataclass(frozen=True)
class TrainedModel:
    """A trained task model before it is loaded.

    Attributes:
        label: Short name for tables.
        card: Card of the model.
        file: Path of the weights.
    """

    label: str
    card: Card
    file: Path

    @property
    def facts(self) -> Mapping[str, object]:
        """Facts on which the model's results depend: origin, network and weights."""
        return {"backend": "derainbench", "network": self.card.network, "weights": self.card.sha256}

    def load_into(self, network: Any) -> None:  # noqa: ANN401  a torch module; torch is late
        """Verify the weights and load them into a network.

        Raises:
            UserError: The file is absent, damaged, or belongs to another card or network.
        """
        if not self.file.is_file():
            raise UserError(f"{self.file}: no such file; it belongs to the card {self.file.with_suffix('.json').name}")
        if (found := sha256_of(self.file)) != self.card.sha256:
            raise UserError(
                f"{self.file}: has sha256 {found[:12]}..., its card says {self.card.sha256[:12]}...; "
                "it was changed or is not whole. Get both again"
            )
        load_state(network, read_checkpoint(self.file), str(self.file))
        network.float().eval()


def find_model(backend: str, text: str, task: str, network: str) -> TrainedModel:
    """Find the trained model that the user named behind ``shipped:`` or ``trained:``.

    Args:
        backend: NAME or OWN.
        text: Name of the model, or its file.
        task: Task that the model must be for.
        network: Network that the model must be.

    Raises:
        UserError: The model is absent, is for another task or another network, or its card is damaged.
    """
    model = _model_of(Path(text), task) if backend == OWN else _shipped(text, task)
    if model.card.network != network:
        raise UserError(f"task {task!r}: {model.label} is a {model.card.network!r}, expected {network!r}")
    return model


def _shipped(text: str, task: str) -> TrainedModel:
    cards = shipped_models(task)
    if text in cards:
        return cards[text]
    raise UserError(
        f"task {task!r}: no shipped model {text!r}. {did_you_mean(text, cards)} "
        f"A file of your own: {OWN}:FILE.safetensors"
    )


def shipped_models(task: str) -> Mapping[str, TrainedModel]:
    """List the models of a task that come with DerainBench, by name."""
    found = {path.stem: TrainedModel(path.stem, read_card(path), _weights(path)) for path in _FOLDER.glob("*.json")}
    return {name: found[name] for name in sorted(found) if found[name].card.task == task}


def read_card(path: Path) -> Card:
    """Read a card.

    Raises:
        UserError: The card is absent, or lacks something.
    """
    try:
        return Card.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file; the card that 'derainbench train-task' writes is needed") from error
    except ValidationError as error:
        raise UserError(f"{path}: not the card of a task model: {faults_of(error)}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not valid JSON ({type(error).__name__})") from error


def _model_of(file: Path, task: str) -> TrainedModel:
    if file.suffix != ".safetensors":
        raise UserError(
            f"task {task!r}: {OWN}:{file}: expected a .safetensors file that 'derainbench train-task' wrote"
        )
    card = read_card(file.with_suffix(".json"))
    if card.task != task:
        raise UserError(f"task {task!r}: {file} is a model for task {card.task!r}")
    return TrainedModel(file.stem, card, file)


def _weights(card: Path) -> Path:
    return card.with_suffix(".safetensors")
