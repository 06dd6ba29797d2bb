"""Derainers, one file each, and the table of their names.

A derainer is a factory ``build(options: Options) -> Derainer`` and one line below; published weights are rows of
``weights.csv``. A factory of several names takes the name as its first argument. Importing this package imports no
derainer, and no PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable

from bench.contract import Options
from bench.protocols import Derainer
from bench.registry import Registry
from derainers.networks.mspfn.designs import DESIGNS
from derainers.networks.prenet.designs import PUBLISHED

SHIPPED = {
    "mspfn-light": "mspfn-light",
    "mspfn-light-h200": "mspfn-light",
    "mspfn-light-bsds": "mspfn-light",
    "prenet-small": "prenet-small",
}
"""Weights that come with DerainBench, in ``weights_shipped/``, and the network of each."""

CLEARVIEW = ("nafnet-small", "nafnet-mid", "restormer-small")
"""ClearView's models of one recipe."""

WITHOUT_NETWORK = frozenset({"rain", "clean", "classical"})
"""Derainers that compute on processors, whatever the device."""

DERAINERS: Registry[Callable[[Options], Derainer]] = Registry(
    kind="derainer",
    targets={
        "rain": "derainers.controls:rain",
        "clean": "derainers.controls:clean",
        "classical": "derainers.classical:classical",
        **{name: f"derainers.networks.prenet.prenet:published({name})" for name in PUBLISHED},
        **{name: f"derainers.networks.mspfn.family:member({name})" for name in DESIGNS if name not in SHIPPED},
        **{name: f"derainers.trained:shipped({name})" for name in SHIPPED},
        "brn": "derainers.networks.brn:brn",
        "brn-rain100h": "derainers.networks.brn:brn_rain100h",
        "rescan": "derainers.networks.rescan:rescan",
        "rescan-rainheavy": "derainers.networks.rescan:rescan_rainheavy",
        "mprnet": "derainers.networks.mprnet:mprnet",
        "restormer": "derainers.networks.restormer:restormer",
        **{name: f"derainers.networks.nafnet:clearview({name})" for name in CLEARVIEW},
        "kbnet": "derainers.networks.kbnet:kbnet",
        "histoformer": "derainers.networks.histoformer:histoformer",
        "instructir": "derainers.networks.instructir:instructir",
        "nerd-rain-s": "derainers.networks.nerd_rain:nerd_rain_s",
        "adair": "derainers.networks.adair:adair",
        "gt-rain": "derainers.networks.gt_rain:gt_rain",
        "didmdn": "derainers.networks.didmdn.didmdn:didmdn",
        "umrl": "derainers.networks.umrl:umrl",
        "semi": "derainers.networks.semi:semi",
        "spanet": "derainers.networks.spanet:spanet",
        "ddn": "derainers.networks.ddn:ddn",
        "derainnet": "derainers.networks.derainnet:derainnet",
    },
    group="derainbench.derainers",
)
