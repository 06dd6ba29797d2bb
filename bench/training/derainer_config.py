"""Trainings as TOML: the loop's settings, and which rain or which published pairs. Built-in ones by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from bench.io.toml_files import names_in, replaced, text_of, validated
from derainers.training.networks import NETWORKS
from derainers.training.settings import Settings

_PACKAGE = "bench.training.configs.derainers"

CHANGEABLE = {
    **{key: key for key in ("steps", "batch", "crop", "seed", "precision", "compile")},
    "rate": "learning_rate",
}
"""Options of the command line that replace a setting, and the setting's name."""

UNIFIED = "mspfn-unified"
"""The training with which any network can be trained under its own name: the MSPFN paper's for all it compares."""


class RainMixture(BaseModel):
    """Which rains are mixed, each as often as it is named.

    Attributes:
        presets: Names of rains.
        severities: Their severities; 1 is the preset as calibrated.
        zooms: Rain as in the crop of a photograph that many times as large: longer, wider and fewer streaks.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    presets: tuple[str, ...] = Field(default=("coco350_y",), min_length=1)
    severities: tuple[float, ...] = Field(default=(1.0,), min_length=1)
    zooms: tuple[float, ...] = Field(default=(1.0,), min_length=1)


class Training(Settings):
    """Settings of a training and where its pairs come from.

    Attributes:
        name: Of the weights; the name or stem of the configuration.
        rain: Rain for photographs.
        pairs: Published sets of pairs, instead of photographs.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$", max_length=80)
    rain: RainMixture = RainMixture()
    pairs: tuple[str, ...] = ()

    @property
    def settings(self) -> Settings:
        """The part that the training loop knows."""
        return Settings.model_validate(self.model_dump(include=set(Settings.model_fields)))


def training_names() -> list[str]:
    """Names of the built-in trainings: one a file, and one for every network without a file of its own."""
    own = names_in(_PACKAGE)
    return own + [name for name in NETWORKS if name not in own]


def load_training(name: str, changes: Mapping[str, object] | None = None) -> Training:
    """Read a built-in training by name, or a TOML file by path.

    The name of a network without a training of its own stands for :data:`UNIFIED` with this network.

    Args:
        name: Which.
        changes: Settings that replace those of the file.

    Raises:
        UserError: There is none, it is not TOML, or a key is unknown, missing or of the wrong kind.
    """
    unified = name in NETWORKS and name not in names_in(_PACKAGE)
    text = text_of("training", name, _PACKAGE, training_names(), UNIFIED if unified else name)
    network = {"network": name} if unified else {}
    advice = "See 'derainbench train --help' and the built-in trainings"
    return validated(Training, text, Path(name).stem, {**network, **(changes or {})}, advice)


def changes_of(training: Training) -> dict[str, object]:
    """What was replaced in a built-in training, by the command line's options without dashes."""
    if training.name not in training_names():
        return {}
    return replaced(training, load_training(training.name), CHANGEABLE)
