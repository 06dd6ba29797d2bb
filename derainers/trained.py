"""Build derainers from weights that ``derainbench train`` wrote: the user's own, and those that come along."""

from __future__ import annotations

from pathlib import Path

from bench.contract import Options, Traits
from bench.devices import torch_device_ready
from bench.errors import UserError
from bench.io.checkpoints import load_state, network_state, read_checkpoint
from derainers import SHIPPED
from derainers.torch_derainer import TorchDerainer
from derainers.training.networks import TrainableDerainer, network_of
from derainers.weights import weights_paths


def trained_file(file: str, options: Options) -> TorchDerainer:
    """Build the derainer in one ``.safetensors`` file, which names its network.

    Raises:
        UserError: The file is hostile or damaged, or was not written by ``derainbench train``.
    """
    from safetensors import SafetensorError, safe_open

    torch_device_ready(options)
    try:
        with safe_open(file, framework="pt") as opened:
            name = (opened.metadata() or {}).get("network", "")
    except (SafetensorError, OSError) as error:
        raise UserError(f"{file}: not a readable .safetensors file ({error})") from error
    if not name:
        raise UserError(f"{file}: does not say which network it belongs to; was it written by 'derainbench train'?")
    trainee = network_of(name)
    load_state(trainee.network, read_checkpoint(Path(file)), file)
    return trained(trainee, options)


def trained(trainee: TrainableDerainer, options: Options | None = None) -> TorchDerainer:
    """Wrap one network as a derainer, with the weights that it has now.

    Args:
        trainee: The network, and order and range of its values.
        options: Device and precision; the CPU in float32 if not given.
    """
    network = trainee.fast(trainee.network) if trainee.fast else trainee.network
    traits = Traits(multiple_of=4, quantisation="round")
    return TorchDerainer(network, traits, options, trainee.order, trainee.value_range)


def shipped(name: str, options: Options) -> TorchDerainer:
    """Build one network with the weights that come with DerainBench as a derainer.

    Args:
        name: A row of ``weights.csv`` whose file is in ``weights_shipped/``.
        options: Device and precision.

    Raises:
        UserError: The file is not here, or was changed.
    """
    torch_device_ready(options)
    (path,) = weights_paths(name, options)
    trainee = network_of(SHIPPED[name])
    load_state(trainee.network, network_state(read_checkpoint(path), trainee.network.state_dict()), str(path))
    return trained(trainee, options)
