"""Import MSPFN's official TensorFlow checkpoint, and read which design a file of weights is of."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import torch
from pydantic import TypeAdapter

from bench.errors import UserError
from bench.io.checkpoints import load_state, network_state, read_checkpoint
from bench.io.files import atomic, sha256_of
from bench.io.weights import cache_dir
from derainers.networks.mspfn.designs import FULL, Design
from derainers.networks.mspfn.mspfn import MSPFN
from derainers.networks.mspfn.single_scale import member_of
from derainers.networks.mspfn.tensorflow import state_from_tensorflow
from derainers.tensorflow_checkpoint import read_tensorbundle
from derainers.weights import imported_file

_DATA_SUFFIX = ".data-00000-of-00001"


def import_mspfn(checkpoint: Path, folder: Path | None = None) -> Path:
    """Convert an official TensorFlow checkpoint to ``mspfn.safetensors``.

    Args:
        checkpoint: The ``.index`` file, the data file, or their common stem, such as ``epoch44``.
        folder: Folder of the new file; None is the cache, in which ``mspfn`` finds it.

    Returns:
        The file that was written.

    Raises:
        UserError: The checkpoint is absent, damaged, or that of another network.
    """
    from safetensors.torch import save_file

    stem = str(checkpoint).removesuffix(".index").removesuffix(_DATA_SUFFIX)
    index = Path(stem + ".index")
    design, state = read_weights(index)
    network = MSPFN(design)
    load_state(network, state, str(index))
    target = (folder or cache_dir()) / imported_file("mspfn")
    card = {"design": json.dumps(asdict(design)), "imported_from": index.name, "index_sha256": sha256_of(index)}
    with atomic(target) as part:
        save_file(network.state_dict(), part, metadata=card)
    return target


def read_weights(path: Path, default: Design = FULL) -> tuple[Design, dict[str, object]]:
    """Read the design and the state dict of one file of weights: TensorFlow's ``.index``, or one in our layout.

    Args:
        path: The file; that with the numbers lies beside an ``.index`` file.
        default: Design of a file that states none.

    Raises:
        UserError: The file is absent, damaged, hostile, or of another network.
    """
    if path.suffix == ".index":
        official = read_tensorbundle(path, path.with_suffix(_DATA_SUFFIX))
        design, state = state_from_tensorflow(official, str(path))
        return design, dict(state)
    with torch.device("meta"):
        names = member_of(default).state_dict().keys()
    return read_design(path, default), network_state(read_checkpoint(path), names)


def read_design(path: Path, default: Design = FULL) -> Design:
    """Read the design from the metadata of one file of weights; the default if the file states none.

    Raises:
        UserError: The file or its design cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    if path.suffix != ".safetensors":
        return default
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get("design")
        return TypeAdapter(Design).validate_json(text) if text else default
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise UserError(f"{path}: not a file of MSPFN weights ({error})") from error
