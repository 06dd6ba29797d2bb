"""The card of trained weights: how they were made, and how well they do on images that were not trained on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from bench.contract import Image, Sample, Truth
from bench.errors import UserError
from bench.io.files import sha256_of
from bench.protocols import Derainer, Judge
from bench.runs.provenance import device_name, library_versions, machine


def measured(name: str, derainer: Derainer, judge: Judge, pairs: Sequence[tuple[Image, Image]]) -> dict[str, object]:
    """Mean quality of rainy and of restored images.

    Args:
        name: What the images are.
        derainer: The trained network.
        judge: The judge of the quality task.
        pairs: Rainy and clean images.

    Returns:
        The name, the number of pairs, and the means for ``rainy`` and ``restored`` by metric (PSNR in dB, SSIM).
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


def card_of(name: str, steps: int, seconds: float, accelerator: str, devices: int) -> dict[str, object]:
    """What a reader must know of where and with what weights were trained."""
    return {
        "name": name,
        "steps": steps,
        "seconds": round(seconds),
        "device": device_name(accelerator),
        "devices": devices,
        "machine": {key: value for key, value in machine().items() if key != "system"},
        "libraries": library_versions(),
    }


def begun_with(start: Path) -> dict[str, object]:
    """What a card says of the weights that a training starts from: file, digest and, where there is one, their card.

    Raises:
        UserError: The file beside the weights is no card.
    """
    begun: dict[str, object] = {"start": f"{start.name}, sha256 {sha256_of(start)}"}
    card = start.with_suffix(".json")
    if not card.is_file():
        return begun
    try:
        content = json.loads(card.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{card}: damaged card of the weights to start from ({error}). Mend or remove it") from error
    return {**begun, "started_from": content}


def command_of(name: str, folders: Sequence[tuple[str, str, Path]], changes: Mapping[str, object]) -> str:
    """The command that trains these weights, with folders named by the last two parts of their paths.

    Args:
        name: The training.
        folders: Option, set of pairs (empty for photographs) and folder.
        changes: Option (without dashes) and value of what differs from the training's configuration.
    """
    words = ["derainbench", "train", name]
    for option, title, folder in folders:
        words += [option, f"{title}={place_of(folder)}" if title else place_of(folder)]
    for option, value in changes.items():
        words.append(f"--{option}" if value is True else f"--no-{option}" if value is False else f"--{option} {value}")
    return " ".join(words)


def place_of(folder: Path) -> str:
    """The last two parts of a path: which photographs, not whose machine."""
    return "/".join(folder.resolve().parts[-2:])
