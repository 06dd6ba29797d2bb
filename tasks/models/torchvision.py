"""Find, build and load torchvision's models with published COCO weights or a user's file."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bench.contract import ClassSpace, Options
from bench.devices import torch_for
from bench.errors import UserError, missing_extra
from bench.io.checkpoints import find_state, load_state, read_checkpoint
from bench.io.files import sha256_of
from bench.io.weights import search_path
from tasks.classes import known_spaces

_TABLE = Path(__file__).parent / "torchvision.csv"
_COCO_OUTPUTS = 91
_BOX_BIAS = "roi_heads.box_predictor.cls_score.bias"


@dataclass(frozen=True)
class TorchvisionModel:
    """One architecture with published COCO weights.

    Attributes:
        name: torchvision's name of it.
        file: Name of the published file; the digits before its suffix begin its SHA-256.
        weights: Name of the published weights in torchvision's enumeration.
        finds: Kind of its answers: ``boxes``, ``masks`` (with boxes), ``labels`` of pixels, or ``features``.
    """

    name: str
    file: str
    weights: str
    finds: str

    @property
    def prefix(self) -> str:
        """First digits of the published file's SHA-256."""
        return Path(self.file).stem.rpartition("-")[2]


@dataclass(frozen=True)
class TorchvisionCheckpoint:
    """An architecture and its weights: published ones or a user's file.

    Attributes:
        model: The architecture.
        digest: SHA-256 of the user's file, or its published beginning.
        file: The user's file, or None for the published weights.
    """

    model: TorchvisionModel
    digest: str
    file: Path | None = None

    @property
    def label(self) -> str:
        """Short name for tables."""
        return self.model.name if self.file is None else f"{self.model.name}@{self.file.stem}"

    @property
    def published(self) -> bool:
        """True if the weights are the published ones, wherever they lie."""
        return self.digest.startswith(self.model.prefix)


def find_torchvision(text: str, finds: tuple[str, ...], task: str) -> TorchvisionCheckpoint:
    """Find the checkpoint of ``ARCHITECTURE`` or ``ARCHITECTURE@FILE``.

    Args:
        text: Text behind the backend's name, as the user wrote it.
        finds: Kinds of answers that suit the task.
        task: For messages.

    Raises:
        UserError: No such architecture or file, or one for another task.
    """
    name, at, file = text.partition("@")
    suitable = {model.name: model for model in torchvision_models().values() if model.finds in finds}
    if name not in suitable:
        raise UserError(f"task {task!r}: torchvision has no {name!r} for it; known: {', '.join(suitable)}")
    if not at:
        return TorchvisionCheckpoint(suitable[name], suitable[name].prefix)
    path = Path(file)
    if not path.is_file():
        raise UserError(f"task {task!r}: no such file {file!r}; expected torchvision:{name}@FILE")
    return TorchvisionCheckpoint(suitable[name], sha256_of(path), path)


@cache
def torchvision_models() -> dict[str, TorchvisionModel]:
    """Read the architectures of ``torchvision.csv`` by name."""
    with _TABLE.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        models = [TorchvisionModel(r["name"], r["file"], r["weights"], r["finds"]) for r in rows]
    return {model.name: model for model in models}


def outputs_before_loading(checkpoint: TorchvisionCheckpoint) -> ClassSpace | None:
    """Return the classes of a model before it is loaded: COCO's for published weights; None for a user's file."""
    return known_spaces()["coco"] if checkpoint.published else None


def load_torchvision(
    checkpoint: TorchvisionCheckpoint, options: Options, dataset: ClassSpace
) -> tuple[Any, ClassSpace]:
    """Build a detector and load its weights.

    A user's file with 91 outputs is taken to see COCO's classes; with one output more than the dataset has
    classes, the dataset's in their order after the background.

    Returns:
        The network, in evaluation mode on its device, and the classes of its labels.

    Raises:
        MissingExtraError: torchvision is not installed.
        UserError: The weights cannot be had, or belong to another network.
    """
    network, outputs = build_torchvision(checkpoint, options)
    return network.to(options.device), _space(outputs, dataset, checkpoint)


def build_torchvision(checkpoint: TorchvisionCheckpoint, options: Options) -> tuple[Any, int]:
    """Build a detector of as many outputs as its weights have, and load them.

    Returns:
        The network, in evaluation mode on the CPU, and the number of its outputs.

    Raises:
        MissingExtraError: torchvision is not installed.
        UserError: The weights cannot be had, or belong to another network.
    """
    torch_for(options, "detection by torchvision")
    try:
        from torchvision.models import get_model
    except ImportError as error:
        raise missing_extra(error, "torchvision", "torch", "detection by torchvision") from error
    state = find_state(torchvision_state(checkpoint, options), (_BOX_BIAS,)) or {}
    outputs = _outputs_of(state, checkpoint)
    network = get_model(checkpoint.model.name, weights=None, weights_backbone=None, num_classes=outputs)
    if checkpoint.published and checkpoint.model.name.endswith("resnet50_fpn"):
        _match_published_normalisation(network)
    load_counted(network, state, checkpoint.label)
    return network.eval(), outputs


def load_counted(network: Any, state: Mapping[str, object], label: str) -> None:  # noqa: ANN401  torch is late
    """Load a state dict strictly but for the counters of normalisation layers, which old files lack.

    Raises:
        UserError: The state dict belongs to another network.
    """
    own = network.state_dict()
    counters = {name: value for name, value in own.items() if name.endswith("num_batches_tracked")}
    known = {name: value for name, value in state.items() if name in own or not name.endswith("num_batches_tracked")}
    load_state(network, {**counters, **known}, label)


def _match_published_normalisation(network: Any) -> None:  # noqa: ANN401  a torch module; torch is late
    """Set the epsilon of all normalisation layers to zero: the first ResNet-50 weights were trained without one."""
    from torch import nn

    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 0.0


def torchvision_state(checkpoint: TorchvisionCheckpoint, options: Options) -> dict[str, object]:
    """Read a checkpoint's state dict, downloading the published one if need be and allowed.

    Raises:
        UserError: The checkpoint cannot be had, or is no file of tensors.
    """
    path = checkpoint.file or _published_file(checkpoint.model, options)
    if path is not None:
        return read_checkpoint(path)
    from torchvision.models import get_weight

    try:
        return dict(get_weight(checkpoint.model.weights).get_state_dict(progress=False, check_hash=True))
    except Exception as error:  # whatever the network library raises, the user needs the same advice
        raise UserError(
            f"weights of torchvision's {checkpoint.model.name} could not be downloaded ({type(error).__name__}). "
            f"Download {checkpoint.model.file} by hand and pass --weights-dir FOLDER"
        ) from error


def _published_file(model: TorchvisionModel, options: Options) -> Path | None:
    """Find the published file on the search path or in torch's cache; None if it is to be downloaded."""
    import torch

    for folder in (*search_path(options), Path(torch.hub.get_dir()) / "checkpoints"):
        for path in sorted(folder.rglob(model.file)) if folder.is_dir() else ():
            if sha256_of(path).startswith(model.prefix):
                return path
    if options.offline:
        raise UserError(
            f"weights {model.file} are not here and --offline is set; download the file and pass --weights-dir FOLDER"
        )
    return None


def _outputs_of(state: dict[str, object], checkpoint: TorchvisionCheckpoint) -> int:
    import torch

    if isinstance(bias := state.get(_BOX_BIAS), torch.Tensor):
        return len(bias)
    raise UserError(f"{checkpoint.label}: holds no box classifier, so it is no state dict of this network")


def _space(outputs: int, dataset: ClassSpace, checkpoint: TorchvisionCheckpoint) -> ClassSpace:
    if outputs == _COCO_OUTPUTS:
        return known_spaces()["coco"]
    if outputs == len(dataset.ids) + 1:
        return ClassSpace(checkpoint.label, tuple(range(1, outputs)), dataset.names)
    raise UserError(
        f"{checkpoint.label}: has {outputs} outputs, expected {_COCO_OUTPUTS} (COCO) or {len(dataset.ids) + 1} "
        f"(background and the {len(dataset.ids)} classes of {dataset.name})"
    )
