"""How large each network is and how much it computes: ``facts.csv``, and what makes it (``python -m derainers.facts``).

Everything is counted on PyTorch's ``meta`` device, without weights and without computing. Parameters are those of
the network that holds the checkpoint's tensors (of MSPFN with the fifth that multiplies zeros), without what the
authors' code never uses. Operations are those of the network that runs here: two for every multiply-add of a
convolution or matrix product at 640x480, nothing else.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.io.files import write_text

if TYPE_CHECKING:
    from torch import nn

FACTS = Path(__file__).with_name("facts.csv")
HEIGHT, WIDTH = 480, 640


@dataclass(frozen=True)
class Part:
    """A network and what it is given: one image and further arguments.

    Attributes:
        size: Height and width of the only image that it takes; None for any.
        stored: The network in its checkpoint's layout, where another one runs.
    """

    network: nn.Module
    size: tuple[int, int] | None = None
    arguments: tuple[int, ...] = ()
    stored: nn.Module | None = None


def networks() -> Mapping[str, Callable[[], tuple[Part, ...]]]:
    """What runs under each name. Names that differ in their weights alone are given once, by the first."""
    from derainers.networks.brn import BRN
    from derainers.networks.ddn import DDN
    from derainers.networks.derainnet import DerainNet
    from derainers.networks.mprnet import MPRNet
    from derainers.networks.mspfn.mspfn import DESIGNS
    from derainers.networks.rescan import Rescan
    from derainers.networks.restormer import Restormer
    from derainers.networks.semi import Semi
    from derainers.networks.spanet import SPANet
    from derainers.networks.umrl import UMRL

    plain: dict[str, Callable[[], nn.Module]] = {
        "brn": BRN, "rescan": Rescan, "mprnet": MPRNet, "restormer": Restormer, "umrl": UMRL, "semi": Semi,
        "spanet": SPANet, "ddn": DDN, "derainnet": DerainNet,
    }  # fmt: skip
    return {
        **{name: partial(_network, make) for name, make in plain.items()},
        **{name: partial(_mspfn, name) for name in DESIGNS},
        "prenet": _prenet,
        "prenet-small": partial(_prenet, stages=3),
        "prenet-r": partial(_prenet, shared=True),
        "prn-rain100h": partial(_prenet, memory=False),
        "prn-r-rain100h": partial(_prenet, memory=False, shared=True),
        "didmdn": _didmdn,
    }


SAME_NETWORK = {
    "prenet-rain100h": "prenet",
    "prenet-rain100l": "prenet",
    "prenet-r-rain100h": "prenet-r",
    "brn-rain100h": "brn",
    "rescan-rainheavy": "rescan",
}
"""Names that differ from others in their weights alone."""


def count(name: str, height: int = HEIGHT, width: int = WIDTH) -> tuple[int, int]:
    """Parameters of a derainer, and floating-point operations for one image whose sides are multiples of 16."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        parts = networks()[SAME_NETWORK.get(name, name)]()
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            for part in parts:
                part.network.eval()(torch.empty(1, 3, *(part.size or (height, width))), *part.arguments)
    parameters = sum(p.numel() for part in parts for p in (part.stored or part.network).parameters())
    return parameters, int(counter.get_total_flops())


@cache
def facts_table() -> dict[str, tuple[int, int]]:
    """Derainer name to its parameters and floating-point operations; read, not counted."""
    with FACTS.open(newline="", encoding="utf-8") as file:
        return {row["name"]: (int(row["parameters"]), int(row["flops_640x480"])) for row in csv.DictReader(file)}


def write_facts() -> None:
    """Count all networks and write ``facts.csv``."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["name", "parameters", "flops_640x480"])
    writer.writerows((name, *count(name)) for name in sorted([*networks(), *SAME_NETWORK]))
    write_text(FACTS, text.getvalue())


def _network(make: Callable[[], nn.Module]) -> tuple[Part, ...]:
    return (Part(make()),)


def _mspfn(name: str) -> tuple[Part, ...]:
    from derainers.networks.mspfn.mspfn import DESIGNS
    from derainers.networks.mspfn.single_scale import member_of

    return (Part(member_of(DESIGNS[name]), stored=member_of(DESIGNS[name], in_full=True)),)


def _prenet(stages: int = 6, memory: bool = True, shared: bool = False) -> tuple[Part, ...]:
    from derainers.networks.prenet.lean import LeanPReNet
    from derainers.networks.prenet.prenet import PReNet

    network = PReNet(stages, memory, shared)
    return (Part(LeanPReNet(network), stored=network),)


def _didmdn() -> tuple[Part, ...]:
    from derainers.networks.didmdn.didmdn import DIDMDN, SIDE

    network = DIDMDN()
    small = (SIDE, SIDE)
    return Part(network.residual, small), Part(network.density, small), Part(network.derain, arguments=(1,))


if __name__ == "__main__":
    write_facts()
