"""Build MSPFN and the networks of its paper's tables as derainers, each by its name.

Only MSPFN itself has published weights, to be imported once. The others are there to be trained, or to be run
untrained where only time and memory matter.
"""

from __future__ import annotations

from bench.contract import Options, Traits
from bench.devices import torch_device_ready
from bench.errors import UserError
from bench.io.checkpoints import load_state
from derainers.networks.mspfn.designs import DESIGNS
from derainers.networks.mspfn.single_scale import member_of
from derainers.networks.mspfn.weights import read_weights
from derainers.torch_derainer import TorchDerainer
from derainers.weights import absent, find_imported, randomise


def member(name: str, options: Options) -> TorchDerainer:
    """Build one member of the family as a derainer, with the weights in ``<name>.safetensors``.

    Args:
        name: A name of :data:`derainers.networks.mspfn.designs.DESIGNS`.
        options: Device, precision, folders of weights, and whether random weights will do.

    Raises:
        UserError: The weights are not here (the message says how to get them) or belong to another network.
    """
    torch_device_ready(options)
    design = DESIGNS[name]
    path = find_imported(name, options)
    if path is not None:
        stated, state = read_weights(path, design)
        if name != "mspfn" and stated != design:
            raise UserError(f"{path}: says that it holds another design than {name}; give it the name of its own")
        network = member_of(stated)  # an imported mspfn may be any design that its authors trained
        load_state(network, state, str(path))
    elif options.allow_random_weights:
        network = member_of(design)
        randomise(network)
    else:
        raise absent(name)
    traits = Traits(multiple_of=4, quantisation="trunc")
    return TorchDerainer(network, traits, options, order="bgr", value_range=(-1.0, 1.0))
