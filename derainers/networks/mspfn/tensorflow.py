"""Convert official MSPFN variables (TensorFlow) to the state dict of :class:`derainers.networks.mspfn.mspfn.MSPFN`.

Layouts: ordinary kernels are ``[kh, kw, in, out]``, transposed ones ``[kh, kw, out, in]``. The stride-1
transposed convolutions become ordinary ones here, with their kernel turned by 180 degrees.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bench.errors import UserError
from derainers.networks.mspfn.designs import Design

Layout = Literal["conv", "turned", "transposed", "vector", "gates", "gate biases"]
_LEVELS = ("4", "2", "")  # how the official names call quarter, half and full resolution
_SKIPPED = re.compile(r"(/Adam(_1)?$)|(beta\d_power)|(global_step)")


@dataclass(frozen=True)
class Variable:
    """One official variable: key in our state dict, official name without scope, and layout of its numbers."""

    key: str
    name: str
    layout: Layout


def variables_of(design: Design, block: str = "BCM") -> Iterator[Variable]:
    """List every variable of one official network.

    Args:
        design: Numbers of the network; only designs with one strided stage and coarse fusion exist officially.
        block: ``BCM`` as in the public checkpoint, or ``URAB`` as in the training script.
    """
    for place, level in enumerate(("4", "2", "1")):
        yield from _act(f"stems.{place}", f"rnn{level}", "turned")
    yield from _coarse()
    for number in range(design.modules):
        yield from _fine(design, number, block)
    for place, level in enumerate(_LEVELS):
        yield from _act(f"merge.{place}", f"rnn_recon{level}", "turned")
    yield from _act("up_quarter", "up4_2", "transposed")
    yield from _act("up_half", "up2_1", "transposed")
    yield from _act("narrow", "rnn5", "turned")
    yield Variable("last.weight", "rnn7/weight", "turned")


def state_from_tensorflow(
    variables: Mapping[str, npt.NDArray[np.generic]], origin: str
) -> tuple[Design, dict[str, Tensor]]:
    """Turn the variables of an official checkpoint into a design and its state dict.

    Args:
        variables: Name to array, with the scope ``generator`` or ``model``; optimiser slots are skipped.
        origin: Source of the variables, for messages.

    Raises:
        UserError: Variables are missing or left over, with the first of them named.
    """
    plain = {name.partition("/")[2]: array for name, array in variables.items() if not _SKIPPED.search(name)}
    block = "URAB" if any(name.startswith("URAB") for name in plain) else "BCM"
    design = _design_of(plain, block)
    wanted = list(variables_of(design, block))
    names = {variable.name for variable in wanted}
    for fault, strays in (("lacks", names - plain.keys()), ("has unknown", plain.keys() - names)):
        if strays:
            raise UserError(
                f"{origin}: {fault} {len(strays)} of the {len(names)} variables of MSPFN, first {min(strays)!r}"
            )
    try:
        return design, {variable.key: _to_torch(plain[variable.name], variable.layout) for variable in wanted}
    except (ValueError, RuntimeError, IndexError) as error:
        raise UserError(f"{origin}: a variable has an unexpected shape ({error}); it is another network") from error


def _design_of(plain: Mapping[str, npt.NDArray[np.generic]], block: str) -> Design:
    modules = 1 + max((int(m[1]) for name in plain if (m := re.match(rf"{block}4_(\d+)/", name))), default=-1)
    units = tuple(len({name for name in plain if _is_first_unit_kernel(name, block + level)}) for level in _LEVELS)
    return Design(modules=modules, attention=(units[0], units[1], units[2]))


def _is_first_unit_kernel(name: str, block: str) -> bool:
    return re.fullmatch(rf"{block}_0/group_1_RCAB\d+/conv2d/kernel", name) is not None


def _coarse() -> Iterator[Variable]:
    scope = "residual_memory"
    for place, level in enumerate(_LEVELS):
        yield from _act(f"coarse.enter.{place}", f"{scope}/rain{level}_res1", "turned")
        cell = f"{scope}/lstm_group{level}/convLSTM/LSTM_conv"
        yield Variable(f"coarse.cells.{place}.gates.weight", f"{cell}/weights", "gates")
        yield Variable(f"coarse.cells.{place}.gates.bias", f"{cell}/biases", "gate biases")
        yield from _act(f"coarse.leave.{place}", f"{scope}/rain{level}_res2", "turned")
    yield from _act("coarse.up_quarter_half", f"{scope}/upRMM4_2", "transposed")
    yield from _act("coarse.up_quarter_full", f"{scope}/upRMM4_1", "transposed")
    yield from _act("coarse.up_half_full", f"{scope}/upRMM2_1", "transposed")


def _fine(design: Design, number: int, block: str) -> Iterator[Variable]:
    key = f"fine.{number}"
    for place, level in enumerate(_LEVELS):
        scope, unit = f"{block}{level}_{number}", f"{key}.blocks.{place}"
        yield from _act(f"{unit}.down.0", f"{scope}/down{level}_{number + 1}", "conv")
        for attention in range(design.attention[place]):
            yield from _attention(f"{unit}.attention.{attention}", f"{scope}/group_{number + 1}_RCAB{attention + 1}")
        yield from _act(f"{unit}.up.0", f"{scope}/up_{number + 1}", "transposed")
    yield from _act(f"{key}.up_quarter_half", f"{block}2_{number}/up{block}4_2_{number}", "transposed")
    yield from _act(f"{key}.up_quarter_full", f"{block}_{number}/up{block}4to1_{number}", "transposed")
    yield from _act(f"{key}.up_half_full", f"{block}_{number}/up{block}2to1_{number}", "transposed")


def _attention(key: str, scope: str) -> Iterator[Variable]:
    layers = (("conv1", "conv2d", "act"), ("conv2", "conv2d_1", ""), ("squeeze", "conv2d_2", "squeeze_act"))
    for layer, name, act in (*layers, ("excite", "conv2d_3", "")):
        yield Variable(f"{key}.{layer}.weight", f"{scope}/{name}/kernel", "conv")
        yield Variable(f"{key}.{layer}.bias", f"{scope}/{name}/bias", "vector")
        if act:
            yield Variable(f"{key}.{act}.weight", f"{scope}/{name}/alpha", "vector")


def _act(key: str, name: str, layout: Layout) -> Iterator[Variable]:
    yield Variable(f"{key}.conv.weight", f"{name}/weight", layout)
    yield Variable(f"{key}.act.weight", f"{name}/alpha", "vector")


def _to_torch(array: npt.NDArray[np.generic], layout: Layout) -> Tensor:
    tensor = torch.from_numpy(np.array(array, dtype=np.float32))
    if layout == "gates":  # [3, 3, in + hidden, 4 hidden]: keep the input's rows, and the gates i, j and o
        hidden = tensor.shape[3] // 4
        kept = tensor[:, :, : tensor.shape[2] - hidden]
        return _without_forget(kept).permute(3, 2, 0, 1).contiguous()
    if layout == "gate biases":
        return _without_forget(tensor)
    if layout == "turned":
        return tensor.flip(0, 1).permute(2, 3, 0, 1).contiguous()
    return tensor if layout == "vector" else tensor.permute(3, 2, 0, 1).contiguous()


def _without_forget(gates: Tensor) -> Tensor:
    write, candidate, _, output = gates.chunk(4, dim=-1)
    return torch.cat([write, candidate, output], dim=-1)
