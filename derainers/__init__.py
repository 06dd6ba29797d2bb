"""Derainers, one file each, and the table of their names.

A derainer is a factory ``build(options: Options) -> Derainer`` and one line below; published weights
are rows of ``weights.csv``. Importing this package imports none of them.
"""

from __future__ import annotations

from collections.abc import Callable

from bench.contract import Options
from bench.protocols import Derainer
from bench.registry import Registry

DERAINERS: Registry[Callable[[Options], Derainer]] = Registry(
    kind="derainer",
    targets={
        "rain": "derainers.controls:rain",
        "clean": "derainers.controls:clean",
        "classical": "derainers.classical:classical",
        "prenet": "derainers.networks.prenet.prenet:prenet",
        "prenet-rain100h": "derainers.networks.prenet.prenet:prenet_rain100h",
        "prenet-rain100l": "derainers.networks.prenet.prenet:prenet_rain100l",
        "prenet-r": "derainers.networks.prenet.prenet:prenet_r",
        "prenet-r-rain100h": "derainers.networks.prenet.prenet:prenet_r_rain100h",
        "prn-rain100h": "derainers.networks.prenet.prenet:prn_rain100h",
        "prn-r-rain100h": "derainers.networks.prenet.prenet:prn_r_rain100h",
        "mspfn": "derainers.networks.mspfn.family:mspfn",
        "mspfn-m30n1": "derainers.networks.mspfn.family:m30n1",
        "mspfn-m17n2": "derainers.networks.mspfn.family:m17n2",
        "mspfn-m13n2": "derainers.networks.mspfn.family:m13n2",
        "mspfn-m10n3": "derainers.networks.mspfn.family:m10n3",
        "mspfn-m8n5": "derainers.networks.mspfn.family:m8n5",
        "mspfn-m6n3": "derainers.networks.mspfn.family:m6n3",
        "mspfn-single-scale": "derainers.networks.mspfn.family:single_scale",
        "mspfn-without-cfm": "derainers.networks.mspfn.family:without_cfm",
        "mspfn-without-ffm": "derainers.networks.mspfn.family:without_ffm",
        "mspfn-light": "derainers.trained:mspfn_light",
        "prenet-small": "derainers.trained:prenet_small",
        "brn": "derainers.networks.brn:brn",
        "brn-rain100h": "derainers.networks.brn:brn_rain100h",
        "rescan": "derainers.networks.rescan:rescan",
        "rescan-rainheavy": "derainers.networks.rescan:rescan_rainheavy",
        "mprnet": "derainers.networks.mprnet:mprnet",
        "restormer": "derainers.networks.restormer:restormer",
        "didmdn": "derainers.networks.didmdn.didmdn:didmdn",
        "umrl": "derainers.networks.umrl:umrl",
        "semi": "derainers.networks.semi:semi",
        "spanet": "derainers.networks.spanet:spanet",
        "ddn": "derainers.networks.ddn:ddn",
        "derainnet": "derainers.networks.derainnet:derainnet",
    },
    group="derainbench.derainers",
)
