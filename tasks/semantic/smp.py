"""Networks of segmentation-models-pytorch, from a ``save_pretrained`` folder or a hub name."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.checkpoints import load_state, read_checkpoint
from bench.contract import ClassSpace, Options
from bench.errors import MissingExtraError, UserError
from bench.files import sha256_of
from tasks.devices import torch_for
from tasks.semantic.segmenter import IMAGENET, LoadedNetwork, Normalisation
from tasks.semantic.settings import SemanticSettings

WEIGHTS, CONFIG = "model.safetensors", "config.json"


@dataclass(frozen=True)
class SmpCheckpoint:
    """A folder, or the name of one on the hub.

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


def find_smp(text: str, settings: SemanticSettings) -> SmpCheckpoint:
    """Resolve a folder or a hub name.

    Raises:
        UserError: Neither a complete folder nor of the form of a hub name.
    """
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


def _build(config: Path) -> Any:  # noqa: ANN401
    try:
        import segmentation_models_pytorch as smp
    except ImportError as error:
        raise MissingExtraError("segmentation-models-pytorch", "torch", "semantic segmentation by smp") from error
    try:
        settings = json.loads(config.read_text(encoding="utf-8"))
        architecture = settings.pop("_model_class").lower()
        # Encoder weights are in the checkpoint; anything else here would download some first.
        return smp.create_model(architecture, **{**settings, "encoder_weights": None})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{config}: not the settings of an smp network ({type(error).__name__}: {error})") from error


def _from_hub(name: str, options: Options) -> Path:
    from huggingface_hub import snapshot_download

    repository, _, revision = name.partition("@")
    try:
        folder = snapshot_download(
            repository,
            revision=revision or None,
            allow_patterns=[CONFIG, WEIGHTS],
            local_files_only=options.offline,
        )
    except Exception as error:  # the hub's library has a score of its own exceptions, all with the same advice
        raise UserError(
            f"smp:{name} could not be fetched from the hub ({type(error).__name__}). "
            "Download the folder by hand and name it instead"
        ) from error
    if not (Path(folder) / WEIGHTS).is_file():
        raise UserError(f"smp:{name} has no {WEIGHTS}; expected a folder written by save_pretrained")
    return Path(folder)
