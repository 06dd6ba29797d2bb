"""Count parameters and operations of every network into ``facts.csv`` (``python -m derainers.facts``), and read them.

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
from derainers import SHIPPED
from derainers.networks.mspfn.designs import DESIGNS, Design
from derainers.networks.prenet.designs import PUBLISHED, TRAINABLE, PReNetDesign

if TYPE_CHECKING:
    from torch import nn

FACTS = Path(__file__).with_name("facts.csv")
HEIGHT, WIDTH = 480, 640
_OTHER_WEIGHTS = {name: DESIGNS[network] for name, network in SHIPPED.items() if network in DESIGNS}


@dataclass(frozen=True)
class CountedNetwork:
    """One network of a derainer and its input: one image and further arguments.

    Attributes:
        size: Height and width of the only image that it takes; None for any.
        stored: The network in its checkpoint's layout, where another one runs.
    """

    network: nn.Module
    size: tuple[int, int] | None = None
    arguments: tuple[int, ...] = ()
    stored: nn.Module | None = None


def networks() -> Mapping[str, Callable[[], tuple[CountedNetwork, ...]]]:
    """List the networks of every derainer by its name, each to be built when it is counted."""
    from derainers.networks.adair import AdaIR
    from derainers.networks.brn import BRN
    from derainers.networks.ddn import DDN
    from derainers.networks.derainnet import DerainNet
    from derainers.networks.gt_rain import GTRain
    from derainers.networks.histoformer import Histoformer
    from derainers.networks.instructir import InstructIR
    from derainers.networks.kbnet import KBNet
    from derainers.networks.mprnet import MPRNet
    from derainers.networks.nafnet import CLEARVIEW
    from derainers.networks.nerd_rain import NeRDRain
    from derainers.networks.rescan import Rescan
    from derainers.networks.restormer import Restormer
    from derainers.networks.semi import Semi
    from derainers.networks.spanet import SPANet
    from derainers.networks.umrl import UMRL

    plain: dict[str, Callable[[], nn.Module]] = {
        "brn": BRN, "brn-rain100h": BRN, "rescan": Rescan, "rescan-rainheavy": Rescan, "mprnet": MPRNet,
        "restormer": Restormer, "umrl": UMRL, "semi": Semi, "spanet": SPANet, "ddn": DDN, "derainnet": DerainNet,
        "kbnet": KBNet, "histoformer": Histoformer, "instructir": InstructIR, "nerd-rain-s": NeRDRain,
        "adair": AdaIR, "gt-rain": GTRain,
    }  # fmt: skip
    return {
        **{name: partial(_network, make) for name, make in {**plain, **CLEARVIEW}.items()},
        **{name: partial(_mspfn, design) for name, design in {**DESIGNS, **_OTHER_WEIGHTS}.items()},
        **{name: partial(_prenet, design) for name, design in {**PUBLISHED, **TRAINABLE}.items()},
        "didmdn": _didmdn,
    }


def count(name: str, height: int = HEIGHT, width: int = WIDTH) -> tuple[int, int]:
    """Count parameters and floating-point operations of a derainer on one image whose sides are multiples of 16."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        parts = networks()[name]()
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            for part in parts:
                part.network.eval()(torch.empty(1, 3, *(part.size or (height, width))), *part.arguments)
    parameters = sum(p.numel() for part in parts for p in (part.stored or part.network).parameters())
    return parameters, int(counter.get_total_flops())


@cache
def facts_table() -> dict[str, tuple[int, int]]:
    """Read ``facts.csv``: derainer name to its parameters and floating-point operations at 640x480."""
    with FACTS.open(newline="", encoding="utf-8") as file:
        return {row["name"]: (int(row["parameters"]), int(row["flops_640x480"])) for row in csv.DictReader(file)}


@dataclass(frozen=True)
class Origin:
    """When a derainer was published and what for.

    Attributes:
        year: Of the paper; empty where there is none.
        kind: ``derain only``, ``all-in-one`` (other weather or noise, too), ``real rain`` (real photographs of rain
            among what it was trained on) or ``control``.
    """

    year: str
    kind: str


@cache
def origins_table() -> dict[str, Origin]:
    """Read ``kinds.csv``: derainer name to year and kind."""
    with FACTS.with_name("kinds.csv").open(newline="", encoding="utf-8") as file:
        return {row["name"]: Origin(row["year"], row["kind"]) for row in csv.DictReader(file)}


def write_facts() -> None:
    """Count all networks and write ``facts.csv``."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["name", "parameters", "flops_640x480"])
    writer.writerows((name, *count(name)) for name in sorted(networks()))
    write_text(FACTS, text.getvalue())


def _network(make: Callable[[], nn.Module]) -> tuple[CountedNetwork, ...]:
    return (CountedNetwork(make()),)


def _mspfn(design: Design) -> tuple[CountedNetwork, ...]:
    from derainers.networks.mspfn.single_scale import member_of

    return (CountedNetwork(member_of(design), stored=member_of(design, in_full=True)),)


def _prenet(design: PReNetDesign) -> tuple[CountedNetwork, ...]:
    from derainers.networks.prenet.lean import LeanPReNet
    from derainers.networks.prenet.prenet import PReNet

    network = PReNet(design)
    return (CountedNetwork(LeanPReNet(network), stored=network),)


def _didmdn() -> tuple[CountedNetwork, ...]:
    from derainers.networks.didmdn.didmdn import DIDMDN, SIDE

    network = DIDMDN()
    small = (SIDE, SIDE)
    return (
        CountedNetwork(network.residual, small),
        CountedNetwork(network.density, small),
        CountedNetwork(network.derain, arguments=(1,)),
    )


if __name__ == "__main__":
    write_facts()
