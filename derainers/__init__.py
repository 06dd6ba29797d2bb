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
        "rain": "derainers.identity:rain",
        "clean": "derainers.identity:clean",
        "classical": "derainers.guided_filter:classical",
        "prenet": "derainers.prenet:prenet",
        "prenet-rain100h": "derainers.prenet:prenet_rain100h",
        "prenet-rain100l": "derainers.prenet:prenet_rain100l",
        "prenet-r": "derainers.prenet:prenet_r",
        "prenet-r-rain100h": "derainers.prenet:prenet_r_rain100h",
        "prn-rain100h": "derainers.prenet:prn_rain100h",
        "prn-r-rain100h": "derainers.prenet:prn_r_rain100h",
        "mspfn": "derainers.mspfn_family:mspfn",
        "mspfn-m30n1": "derainers.mspfn_family:m30n1",
        "mspfn-m17n2": "derainers.mspfn_family:m17n2",
        "mspfn-m13n2": "derainers.mspfn_family:m13n2",
        "mspfn-m10n3": "derainers.mspfn_family:m10n3",
        "mspfn-m8n5": "derainers.mspfn_family:m8n5",
        "mspfn-m6n3": "derainers.mspfn_family:m6n3",
        "mspfn-single-scale": "derainers.mspfn_family:single_scale",
        "mspfn-without-cfm": "derainers.mspfn_family:without_cfm",
        "mspfn-without-ffm": "derainers.mspfn_family:without_ffm",
        "mspfn-light": "derainers.trained:mspfn_light",
        "prenet-small": "derainers.trained:prenet_small",
        "brn": "derainers.brn:brn",
        "brn-rain100h": "derainers.brn:brn_rain100h",
        "rescan": "derainers.rescan:rescan",
        "rescan-rainheavy": "derainers.rescan:rescan_rainheavy",
        "mprnet": "derainers.mprnet:mprnet",
        "restormer": "derainers.restormer:restormer",
        "didmdn": "derainers.didmdn:didmdn",
        "umrl": "derainers.umrl:umrl",
        "semi": "derainers.semi:semi",
        "spanet": "derainers.spanet:spanet",
        "ddn": "derainers.ddn:ddn",
        "derainnet": "derainers.derainnet:derainnet",
    },
    group="derainbench.derainers",
)
