"""Where MSPFN's weights come from: the official TensorFlow checkpoint, imported once."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter

from bench.contract import Options, Traits
from bench.devices import torch_device_ready
from bench.errors import UserError
from bench.io.checkpoints import load_state, read_checkpoint
from bench.io.files import atomic, sha256_of
from bench.io.weights import cache_dir
from derainers.networks.mspfn.mspfn import DESIGNS, FULL, MSPFN, Design
from derainers.networks.mspfn.single_scale import SingleScale, member_of
from derainers.networks.mspfn.tensorflow import state_from_tensorflow
from derainers.tensorflow_checkpoint import read_tensorbundle
from derainers.torch_derainer import TorchDerainer
from derainers.weights import absent, find_imported, imported_file, randomise

_DATA_SUFFIX = ".data-00000-of-00001"


def import_mspfn(checkpoint: Path, folder: Path | None = None) -> Path:
    """Convert an official TensorFlow checkpoint to ``mspfn.safetensors``.

    Args:
        checkpoint: The ``.index`` file, the data file, or their common stem, such as ``epoch44``.
        folder: Where to write; None is the cache, in which ``mspfn`` finds it.

    Returns:
        The file that was written.

    Raises:
        UserError: The checkpoint is absent, damaged, or that of another network.
    """
    from safetensors.torch import save_file

    stem = str(checkpoint).removesuffix(".index").removesuffix(_DATA_SUFFIX)
    index = Path(stem + ".index")
    design, state = state_from_tensorflow(read_tensorbundle(index, Path(stem + _DATA_SUFFIX)), str(index))
    network = MSPFN(design)
    load_state(network, dict(state), str(index))
    target = (folder or cache_dir()) / imported_file("mspfn")
    card = {"design": json.dumps(asdict(design)), "imported_from": index.name, "index_sha256": sha256_of(index)}
    with atomic(target) as part:
        save_file(network.state_dict(), part, metadata=card)
    return target


def member(name: str, options: Options) -> TorchDerainer:
    """A member of the family by its name, with the weights in ``<name>.safetensors``.

    Raises:
        UserError: They are not here (the message says how to get them) or belong to another network.
    """
    torch_device_ready(options)
    path = find_imported(name, options)
    if path is not None:
        if name != "mspfn" and read_design(path, DESIGNS[name]) != DESIGNS[name]:
            raise UserError(f"{path}: says that it holds another design than {name}; give it the name of its own")
        return restorer(path, options, DESIGNS[name])
    if not options.allow_random_weights:
        raise absent(name)
    network = member_of(DESIGNS[name])
    randomise(network)
    return _derainer(network, options)


def restorer(path: Path, options: Options, design: Design = FULL) -> TorchDerainer:
    """Any member of the family from a file of weights.

    Args:
        path: ``.safetensors``, mostly with its design inside.
        options: Device and threads.
        design: What it is where the file does not say.

    Raises:
        UserError: The file is unreadable or belongs to another network.
    """
    torch_device_ready(options)
    network = member_of(read_design(path, design))
    load_state(network, read_checkpoint(path), str(path))
    return _derainer(network, options)


def read_design(path: Path, default: Design = FULL) -> Design:
    """The design in a file's metadata.

    Raises:
        UserError: It cannot be read.
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


def _derainer(network: MSPFN | SingleScale, options: Options) -> TorchDerainer:
    traits = Traits(multiple_of=4, quantisation="trunc")
    return TorchDerainer(network, traits, options, order="bgr", value_range=(-1.0, 1.0))
