"""Load networks of segmentation-models-pytorch: a ``save_pretrained`` folder, a hub name, or a state dict."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.contract import ClassSpace, Options
from bench.devices import torch_for
from bench.errors import UserError, missing_extra
from bench.io.checkpoints import find_state, load_state, read_checkpoint
from bench.io.files import sha256_of
from tasks.models.hub import hub_folder
from tasks.semantic.segmenter import IMAGENET, LoadedNetwork, Normalisation
from tasks.semantic.settings import SemanticSettings

_STATE_SUFFIXES = (".pth", ".pt", ".ckpt", ".tar", ".safetensors")
WEIGHTS, CONFIG = "model.safetensors", "config.json"
_BIAS = "segmentation_head.0.bias"
_NOT_ASKED = ("classification_head.", "mean", "std", "pixel_mean", "pixel_std")
"""An auxiliary head, and buffers of a normalisation that the task does itself."""


@dataclass(frozen=True)
class SmpCheckpoint:
    """A ``save_pretrained`` folder, or the name of one on the hub.

    Attributes:
        label: Short name for tables.
        digest: Digest of the folder's files; for a hub name, the name itself.
        folder: The local folder, or None for a hub name.
        hub: The hub name, ``OWNER/NAME`` or ``OWNER/NAME@REVISION``; empty for a local folder.
        space: Unknown: the folder does not say what its outputs mean.
        normalisation: ImageNet's.
    """

    label: str
    digest: str
    folder: Path | None = None
    hub: str = ""
    space: ClassSpace | None = None
    normalisation: Normalisation = IMAGENET

    def load(self, options: Options) -> LoadedNetwork:
        """Build the network and load its weights strictly.

        Raises:
            MissingExtraError: segmentation-models-pytorch is not installed.
            UserError: The checkpoint cannot be had, or belongs to another network.
        """
        torch_for(options, "semantic segmentation")
        folder = self.folder or _from_hub(self.hub, options)
        network = _build(folder / CONFIG)
        load_state(network, read_checkpoint(folder / WEIGHTS), str(folder / WEIGHTS))
        return LoadedNetwork(network.eval().to(options.device), network.segmentation_head[0].out_channels)


@dataclass(frozen=True)
class SmpStateDict:
    """A state dict alone, whose network the user names.

    Attributes:
        architecture: smp's name of it, such as ``fpn``.
        encoder: smp's name of it, such as ``resnet18``.
        file: The state dict.
        digest: Architecture, encoder and digest of the file.
        space: Unknown: the file does not say what its outputs mean.
        normalisation: ImageNet's.
    """

    architecture: str
    encoder: str
    file: Path
    digest: str
    space: ClassSpace | None = None
    normalisation: Normalisation = IMAGENET

    @property
    def label(self) -> str:
        """Short name for tables."""
        return f"{self.architecture}/{self.encoder}@{self.file.stem}"

    def load(self, options: Options) -> LoadedNetwork:
        """Build the network, with as many classes as the file has, and load its weights strictly.

        Raises:
            MissingExtraError: segmentation-models-pytorch is not installed.
            UserError: No such architecture or encoder, or the file belongs to another network.
        """
        torch = torch_for(options, "semantic segmentation")
        found = find_state(read_checkpoint(self.file), (_BIAS,)) or {}
        state = {name: value for name, value in found.items() if not name.startswith(_NOT_ASKED)}
        bias = state.get(_BIAS)
        if not isinstance(bias, torch.Tensor):
            raise UserError(f"{self.file}: has no {_BIAS}, so it is no state dict of an smp network")
        settings = {"encoder_name": self.encoder, "encoder_weights": None, "classes": len(bias)}
        network = _create(self.architecture, settings, self.label)
        load_state(network, state, str(self.file))
        return LoadedNetwork(network.eval().to(options.device), len(bias))


def find_smp(text: str, settings: SemanticSettings) -> SmpCheckpoint | SmpStateDict:
    """Find the network of a folder, a hub name, or ``ARCHITECTURE/ENCODER@FILE``.

    Raises:
        UserError: The text names none of them, or a folder or file is not complete.
    """
    network, _, file = text.partition("@")
    if Path(file).suffix in _STATE_SUFFIXES:
        return _find_state(network, Path(file))
    folder = Path(text)
    if folder.is_dir():
        if missing := [name for name in (CONFIG, WEIGHTS) if not (folder / name).is_file()]:
            raise UserError(
                f"{folder}: has no {' and no '.join(missing)}; expected a folder written by save_pretrained "
                "of segmentation-models-pytorch"
            )
        digest = hashlib.sha256((sha256_of(folder / CONFIG) + sha256_of(folder / WEIGHTS)).encode()).hexdigest()
        return SmpCheckpoint(folder.resolve().name, digest, folder=folder)
    if text.count("/") != 1 or text.startswith((".", "/", "~")):
        raise UserError(f"{text}: no such folder, and not a hub name of the form OWNER/NAME")
    return SmpCheckpoint(text.split("/")[1], text, hub=text)


def _find_state(network: str, file: Path) -> SmpStateDict:
    architecture, slash, encoder = network.partition("/")
    if not slash or not encoder:
        raise UserError(
            f"smp:{network}@{file}: expected smp:ARCHITECTURE/ENCODER@FILE, such as smp:fpn/resnet18@{file}"
        )
    if not file.is_file():
        raise UserError(f"smp:{network}@{file}: no such file {str(file)!r}")
    return SmpStateDict(architecture, encoder, file, f"{network}:{sha256_of(file)}")


def _build(config: Path) -> Any:  # noqa: ANN401
    try:
        settings = json.loads(config.read_text(encoding="utf-8"))
        architecture = settings.pop("_model_class").lower()
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise UserError(f"{config}: not the settings of an smp network ({type(error).__name__}: {error})") from error
    # Encoder weights are in the checkpoint; anything else here would download some first.
    return _create(architecture, {**settings, "encoder_weights": None}, str(config))


def _create(architecture: str, settings: dict[str, Any], origin: str) -> Any:  # noqa: ANN401
    try:
        import segmentation_models_pytorch as smp
    except ImportError as error:
        raise missing_extra(error, "segmentation-models-pytorch", "torch", "semantic segmentation by smp") from error
    try:
        if (channels := settings.get("in_channels", 3)) != 3:
            raise ValueError(f"in_channels is {channels}, expected 3: RGB")
        return smp.create_model(architecture, **settings)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{origin}: not the settings of an smp network ({type(error).__name__}: {error})") from error


def _from_hub(name: str, options: Options) -> Path:
    repository, _, revision = name.partition("@")
    folder = hub_folder(repository, revision or None, (CONFIG, WEIGHTS), options.offline)
    if not (folder / WEIGHTS).is_file():
        raise UserError(f"smp:{name} has no {WEIGHTS}; expected a folder written by save_pretrained")
    return folder
