"""Write the card of trained weights: how they were made, and their quality on images that were not trained on."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from bench.contract import Image, Sample, Truth
from bench.errors import UserError
from bench.io.checkpoints import load_state, read_checkpoint
from bench.io.files import sha256_of
from bench.io.training.state import TrainingProgress
from bench.protocols import Derainer, Judge
from bench.runs.provenance import device_name, library_versions, machine

if TYPE_CHECKING:
    from torch import nn


def measured(name: str, derainer: Derainer, judge: Judge, pairs: Sequence[tuple[Image, Image]]) -> dict[str, object]:
    """Average the quality of rainy and of restored images over some pairs.

    Args:
        name: Name of the set of pairs.
        derainer: The trained network.
        judge: The judge of the quality task.
        pairs: Rainy and clean images.

    Returns:
        ``images`` (the name), ``count`` (of pairs), and for ``rainy`` and ``restored`` the means by metric (PSNR in dB,
        SSIM).
    """
    found: dict[str, object] = {"images": name, "count": len(pairs)}
    for what in ("rainy", "restored"):
        rows = []
        for rainy, clean in pairs:
            sample = Sample(name, rainy, clean, Truth((clean.shape[0], clean.shape[1])))
            (row,) = judge([derainer(rainy) if what == "restored" else rainy], [sample])
            rows.append(dict(row) if isinstance(row, Mapping) else {})
        means = pd.DataFrame(rows).mean(numeric_only=True)
        found[what] = {str(metric): round(float(value), 4) for metric, value in means.items() if "_" in str(metric)}
    return found


def card_of(
    name: str, progress: TrainingProgress, network: nn.Module, accelerator: str = "cpu", devices: int = 1
) -> dict[str, object]:
    """Collect the facts that the card of any training states: duration, machine, libraries, size and log.

    Args:
        name: Name of the weights.
        progress: Log and seconds of the finished training.
        network: The trained network.
        accelerator: ``cpu`` or ``cuda``.
        devices: Number of devices.
    """
    return {
        "name": name,
        "steps": progress.step,
        "seconds": round(progress.seconds),
        "device": device_name(accelerator),
        "devices": devices,
        "machine": {key: value for key, value in machine().items() if key != "system"},
        "libraries": library_versions(),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "log": [{key: value for key, value in row.items() if math.isfinite(value)} for row in progress.log],
    }


def start_from(network: nn.Module, weights: Path | None) -> dict[str, object]:
    """Load the weights that a training starts from, if there are any, into its network.

    Returns:
        The card's ``start`` (file name and digest) and, where the weights have a card, ``started_from``; empty
        without weights.

    Raises:
        UserError: The weights are hostile, damaged or of another network, or the file beside them is no card.
    """
    if weights is None:
        return {}
    if not weights.is_file():
        raise UserError(f"--start {weights}: no such file; give the .safetensors file of an earlier training")
    load_state(network, read_checkpoint(weights), str(weights))
    begun: dict[str, object] = {"start": f"{weights.name}, sha256 {sha256_of(weights)}"}
    card = weights.with_suffix(".json")
    if not card.is_file():
        return begun
    try:
        content = json.loads(card.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{card}: damaged card of the weights to start from ({error}). Mend or remove it") from error
    return {**begun, "started_from": content}


def command_of(
    command: str, folders: Sequence[tuple[str, str, Path]], changes: Mapping[str, object], start: Path | None
) -> str:
    """Write the command line that trains these weights, with folders named by the last two parts of their paths.

    Args:
        command: The command and the training's name, such as ``train mspfn-light``.
        folders: Option, set of pairs (empty for photographs) and folder.
        changes: Option (without dashes) and value of what differs from the training's configuration.
        start: Weights that the training started from, or None.
    """
    words = ["derainbench", command]
    for option, title, folder in folders:
        words += [option, f"{title}={place_of(folder)}" if title else place_of(folder)]
    for option, value in changes.items():
        words.append(f"--{option}" if value is True else f"--no-{option}" if value is False else f"--{option} {value}")
    return " ".join([*words, f"--start {start.name}"] if start else words)


def place_of(folder: Path) -> str:
    """Shorten a path to its last two parts: they tell which photographs, not whose machine."""
    return "/".join(folder.resolve().parts[-2:])
