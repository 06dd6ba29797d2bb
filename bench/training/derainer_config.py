"""Read trainings of derainers from TOML: settings, and the rain or the published pairs. Built-in ones by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from bench.errors import UserError
from bench.io.toml_files import names_in, text_of, validated
from bench.training.config import TrainingName, changed_options
from derainers.training.networks import NETWORKS
from derainers.training.settings import DerainerSettings

_PACKAGE = "bench.training.configs.derainers"

UNIFIED = "mspfn-unified"
"""The training with which any network can be trained under its own name: the MSPFN paper's for all it compares."""

_ADDED = ("clean_share", "kinds")
"""Settings that earlier versions did not have; without them, identities of trainings are what they were."""


class RainMixture(BaseModel):
    """Rains of a training, each mixed in as often as it is named.

    Attributes:
        presets: Names of rains: presets, renderers such as ``imgaug``, or names in ``kinds``.
        severities: Their severities; 1 is the preset as calibrated.
        zooms: Rain as in the crop of a photograph that many times as large: longer, wider and fewer streaks.
        clean_share: Share of the photographs that stay dry, so that the network learns to leave a clean image alone.
        kinds: Rains of the training's own by name: a ``preset`` or a ``renderer`` such as ``imgaug``, and what differs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    presets: tuple[str, ...] = Field(default=("coco350_y",), min_length=1)
    severities: tuple[float, ...] = Field(default=(1.0,), min_length=1)
    zooms: tuple[float, ...] = Field(default=(1.0,), min_length=1)
    clean_share: float = Field(default=0.0, ge=0, le=1)
    kinds: dict[TrainingName, dict[str, str | int | float | bool]] = Field(default_factory=dict)

    @model_serializer(mode="wrap")
    def _without_empty(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is not asked for: a training that was begun before one could ask for it goes on."""
        return {name: value for name, value in write(self).items() if value or name not in _ADDED}


class DerainerTraining(DerainerSettings):
    """Settings of one derainer's training, and the rain or the pairs that it is made for.

    Attributes:
        name: Name of the weights: the name or stem of the configuration.
        rain: Rain on photographs.
        tones: Greatest random change of a photograph's brightness, contrast and colours before it rains, 0 to 1; see
            :func:`bench.training.tones.change_tones`. Published pairs stay as they are.
        start_share: Share of the weights that it is told to start from in those it ends with, 0 to 1; see
            :func:`derainers.training.start_share.mix_in`. Weights that are drawn leave nothing behind.
        pairs: Names of the published sets of pairs without which it is not made.
    """

    name: TrainingName
    rain: RainMixture = RainMixture()
    tones: float = Field(default=0.0, ge=0, le=1)
    start_share: float = Field(default=0.0, ge=0, le=1)
    pairs: tuple[str, ...] = ()

    def idle_settings(self) -> set[str]:
        """Name the settings that are without effect here, tones that do not change among them."""
        return super().idle_settings() | {name for name in ("tones", "start_share") if not getattr(self, name)}


def training_names() -> list[str]:
    """List the names of the built-in trainings: one a file, and one for every network without a file of its own."""
    own = names_in(_PACKAGE)
    return own + [name for name in NETWORKS if name not in own]


def load_training(name: str, changes: Mapping[str, object] | None = None) -> DerainerTraining:
    """Read a built-in training by name, or a TOML file by path.

    The name of a network without a training of its own stands for :data:`UNIFIED` with this network.

    Args:
        name: Name of a training, or path of a ``.toml`` file.
        changes: Settings that replace those of the file.

    Raises:
        UserError: The training does not exist, is not TOML, or a key is unknown, missing or of the wrong kind.
    """
    unified = name in NETWORKS and name not in names_in(_PACKAGE)
    text = text_of("training", name, _PACKAGE, training_names(), UNIFIED if unified else name)
    network = {"network": name} if unified else {}
    advice = "See 'derainbench train --help' and the built-in trainings"
    return validated(DerainerTraining, text, Path(name).stem, {**network, **(changes or {})}, advice)


def with_clean_share(training: DerainerTraining, share: float | None) -> DerainerTraining:
    """Let another share of the photographs stay dry than the configuration says; None changes nothing.

    Args:
        training: The training as configured.
        share: From 0 to 1.

    Raises:
        UserError: The share is no such number.
    """
    if share is None:
        return training
    if not 0 <= share <= 1:
        raise UserError(f"--clean-share: expected a share of the photographs from 0 to 1 such as 0.08, got {share!r}")
    return training.model_copy(update={"rain": training.rain.model_copy(update={"clean_share": float(share)})})


def changes_of(training: DerainerTraining) -> dict[str, object]:
    """List the options of the command line, with values, that turn the built-in training of this name into this one."""
    if training.name not in training_names():
        return {}
    usual, share = load_training(training.name), training.rain.clean_share
    dry: dict[str, object] = {} if share == usual.rain.clean_share else {"clean-share": f"{share:g}"}
    return changed_options(training, usual) | dry
