"""Save and resume a training: checkpoint, log, and weights in half precision with their card."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import UserError
from bench.io.checkpoints import load_state, read_checkpoint
from bench.io.files import atomic, sha256_of, write_json, write_text

if TYPE_CHECKING:
    from torch import nn


_CHECKPOINT, _LOG = "checkpoint.pt", "log.csv"


Receivers = Mapping[str, Callable[[dict[Any, Any]], object]]
"""What takes each part of a checkpoint, in this order: a function that loads a state dict, by the part's name."""


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    Attributes:
        log: One row a checkpoint: step, mean loss since the last one, learning rate, and what else is measured.
        seconds: Time spent so far, over all runs.
    """

    log: tuple[Mapping[str, float], ...] = ()
    seconds: float = 0.0

    @property
    def step(self) -> int:
        """Steps that are done."""
        return int(self.log[-1]["step"]) if self.log else 0


def save_progress(
    folder: Path,
    identity: str,
    parts: Mapping[str, Mapping[str, object]],
    progress: Progress,
    columns: Sequence[str],
) -> None:
    """Write ``checkpoint.pt`` and ``log.csv``, each whole or not at all.

    Args:
        folder: Where to.
        identity: What decides the result: settings and data.
        parts: State dicts by name.
        progress: How far the training is.
        columns: Of the log.
    """
    import torch

    log = [dict(row) for row in progress.log]
    with atomic(folder / _CHECKPOINT) as part:
        torch.save({**parts, "log": log, "seconds": progress.seconds, "identity": identity}, part)
    rows = [",".join(f"{row[column]:.6g}" for column in columns) for row in log]
    write_text(folder / _LOG, "\n".join([",".join(columns), *rows]) + "\n")


def load_progress(folder: Path, identity: str, receivers: Receivers, columns: Sequence[str]) -> Progress:
    """Read a checkpoint, if there is one, and hand its parts to those who go on with them.

    Raises:
        UserError: It is damaged or hostile, or belongs to a training with another identity.
    """
    path = folder / _CHECKPOINT
    if not path.is_file():
        return Progress()
    content = read_checkpoint(path)
    if _in_todays_words(str(content.get("identity"))) != identity:
        raise UserError(
            f"{path}: belongs to a training with other settings or photographs; choose another --out, or remove it"
        )
    log, seconds = content.get("log"), content.get("seconds")
    parts = {name: part for name in receivers if isinstance(part := content.get(name), dict)}
    if len(parts) < len(receivers) or not (isinstance(log, list) and isinstance(seconds, float)):
        raise UserError(f"{path}: not a checkpoint of a training; choose another --out, or remove it")
    try:
        for name, receive in receivers.items():
            receive(parts[name])
        rows = tuple({column: float(row[column]) for column in columns} for row in log)
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise UserError(f"{path}: damaged ({type(error).__name__}: {error}); remove it and start again") from error
    if not math.isfinite(seconds) or not all(1 <= row["step"] < math.inf for row in rows):
        raise UserError(f"{path}: damaged (it states no time or no step); remove it and start again")
    return Progress(rows, seconds)


def _in_todays_words(identity: str) -> str:
    """The identity of a training that an earlier version began, whose precisions had other names."""
    for old, new in (("32-true", "fp32"), ("bf16-mixed", "bf16")):
        identity = identity.replace(f'"precision": "{old}"', f'"precision": "{new}"')
    return identity


def receiver(network: nn.Module, folder: Path) -> Callable[[dict[Any, Any]], None]:
    """What loads the network's part of the checkpoint in a folder; see :func:`load_state`."""
    return lambda state: load_state(network, state, str(folder / _CHECKPOINT))


def save_weights(
    folder: Path, name: str, network: nn.Module, card: Mapping[str, object], metadata: Mapping[str, str] | None = None
) -> dict[str, object]:
    """Write ``<name>.safetensors`` in half precision, and its card ``<name>.json`` with its digest.

    Args:
        folder: Where to.
        name: The weights' name.
        network: The trained network. Its whole numbers (counters of normalisation layers) stay what they are.
        card: What a reader must know: command, data, steps, measured quality, ...
        metadata: What the file itself has to say.

    Returns:
        The card with file name, size and digest.

    Raises:
        UserError: A weight does not fit half precision: the training went astray.
    """
    import torch
    from safetensors.torch import save_file

    state = {key: value.detach().cpu() for key, value in network.state_dict().items()}
    halves = {
        key: (value.half() if value.is_floating_point() else value).contiguous().clone() for key, value in state.items()
    }
    if wrong := [key for key, value in halves.items() if not torch.isfinite(value).all()]:
        raise UserError(f"{name}: {wrong[0]} does not fit half precision or is no number; train with a lower rate")
    target = folder / f"{name}.safetensors"
    with atomic(target) as part:
        save_file(halves, part, metadata=dict(metadata) if metadata else None)
    content = {**card, "file": target.name, "bytes": target.stat().st_size, "sha256": sha256_of(target)}
    write_json(folder / f"{name}.json", content)
    return content
