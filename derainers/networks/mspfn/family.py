"""MSPFN and the networks of its paper's tables, one factory a name.

Only MSPFN itself has published weights, to be imported once. The others are there to be trained, or to be run
untrained where only time and memory matter. The ablation with "the fusion of [8]" is missing: the paper does not
say how that fusion was fitted into MSPFN, and its code was not released.
"""

from __future__ import annotations

from bench.contract import Options
from derainers.networks.mspfn.weights import member
from derainers.torch_derainer import TorchDerainer


def mspfn(options: Options) -> TorchDerainer:
    """MSPFN (M=17, N=1) with the official weights, which have to be imported once."""
    return member("mspfn", options)


def m30n1(options: Options) -> TorchDerainer:
    """30 fine fusion modules of one attention block."""
    return member("mspfn-m30n1", options)


def m17n2(options: Options) -> TorchDerainer:
    """17 fine fusion modules of two attention blocks."""
    return member("mspfn-m17n2", options)


def m13n2(options: Options) -> TorchDerainer:
    """13 fine fusion modules of two attention blocks."""
    return member("mspfn-m13n2", options)


def m10n3(options: Options) -> TorchDerainer:
    """Ten fine fusion modules of three attention blocks."""
    return member("mspfn-m10n3", options)


def m8n5(options: Options) -> TorchDerainer:
    """Eight fine fusion modules of five attention blocks."""
    return member("mspfn-m8n5", options)


def m6n3(options: Options) -> TorchDerainer:
    """Six fine fusion modules of three attention blocks."""
    return member("mspfn-m6n3", options)


def single_scale(options: Options) -> TorchDerainer:
    """MSPFN without its pyramid."""
    return member("mspfn-single-scale", options)


def without_cfm(options: Options) -> TorchDerainer:
    """MSPFN without coarse fusion."""
    return member("mspfn-without-cfm", options)


def without_ffm(options: Options) -> TorchDerainer:
    """MSPFN without fine fusion."""
    return member("mspfn-without-ffm", options)
