"""Measure a device's limits, and networks against them: time, precision, batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from bench.api.derainers import build_derainer, find_derainer, try_derainer
from bench.contract import Image, Options, Precision
from bench.errors import reason_of
from bench.perf.drawn_evidence import draw_picture
from bench.perf.gpu.figure import GpuFigure, GpuScale
from bench.perf.timing import seconds_of
from bench.runner.precision import differences as levels_apart
from derainers.facts import networks as network_parts

if TYPE_CHECKING:
    from derainers.torch_derainer import TorchDerainer

_SHIPPED = ("mspfn-light", "prenet-small")
"""Networks whose trained weights are at hand."""

_BY_WEIGHTS = "bf16 weights"
"""Precision of figures for a network that is bfloat16 throughout, where ``bf16`` is autocast."""


def precisions_of(device: str) -> tuple[Precision, ...]:
    """List the precisions that a device computes in, the usual one first."""
    return ("fp32", "tf32", "bf16", "fp16") if device.startswith("cuda") else ("fp32", "bf16")


def limits(device: str, scale: GpuScale) -> Iterator[GpuFigure]:
    """Measure how fast a device copies its memory, and multiplies large matrices in every precision."""
    import torch

    source = torch.ones(scale.copied_bytes, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    seconds = _median_seconds(lambda: target.copy_(source), device, scale.calls)
    yield GpuFigure("copy", "read and write", value=2e-9 * scale.copied_bytes / seconds, unit="GB/s")
    types = {"fp32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    for precision in precisions_of(device):
        torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"  # a process of its own
        x = torch.ones((scale.product, scale.product), dtype=types[precision], device=device)
        seconds = _median_seconds(lambda x=x: x @ x, device, scale.calls)  # type: ignore[misc]
        yield GpuFigure("matrix product", "", precision, value=2e-12 * scale.product**3 / seconds, unit="TFLOP/s")


def networks(device: str, scale: GpuScale) -> Iterator[GpuFigure]:
    """Time every network in every precision, alone and with conversions and copies."""
    for name in scale.networks:
        work = work_of(name, *scale.size)
        for precision in precisions_of(device):
            yield from _timed(name, Options(device, allow_random_weights=True, precision=precision), scale, work)
        yield from _timed(name, Options(device, allow_random_weights=True), scale, work, by_weights=True)


def compiled_networks(device: str, scale: GpuScale) -> Iterator[GpuFigure]:
    """Time compiled networks likewise."""
    for name in scale.networks:
        work = work_of(name, *scale.size)
        for precision in precisions_of(device)[::2]:
            options = Options(device, allow_random_weights=True, precision=precision, compile=True)
            yield from _timed(name, options, scale, work)


def differences(device: str, scale: GpuScale) -> Iterator[GpuFigure]:
    """Compare a restored picture in every precision with the processor's in float32, in levels of 255."""
    picture = draw_picture(*scale.small, seed=0)
    for name in (name for name in scale.networks if name in _SHIPPED):
        exact = _built(name, Options())(picture.copy())
        derainers: dict[str, TorchDerainer] = {
            precision: _built(name, Options(device, precision=precision)) for precision in precisions_of(device)
        }
        derainers[_BY_WEIGHTS] = in_bfloat16(_built(name, Options(device)))
        for precision, derainer in derainers.items():
            for how, value in levels_apart(derainer(picture.copy()), exact).items():
                yield GpuFigure(
                    name, f"{how} difference to the CPU", precision, False, *scale.small, 1, value, "levels"
                )


def batches(device: str, scale: GpuScale) -> Iterator[GpuFigure]:
    """Try networks against the contract, with the batches that runs make on the device: 1 is kept, 0 is broken."""
    for name in (name for name in scale.networks if name in _SHIPPED):
        for finding in try_derainer(name, Options(device)):
            yield GpuFigure(name, finding.rule, "fp32", value=float(finding.passed), unit="kept", note=finding.detail)


@dataclass(frozen=True)
class NetworkWork:
    """What a network does for one image: 10^9 operations, and 10^9 bytes read and written by its layers in float32."""

    gflop: float
    gigabytes: float


def work_of(name: str, height: int, width: int) -> NetworkWork:
    """Count a network's work for one image, without computing, on PyTorch's ``meta`` device."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    def compute() -> None:
        for part in parts:
            part.network.eval()(torch.empty(1, 3, *(part.size or (height, width))), *part.arguments)

    with torch.device("meta"):
        parts = network_parts()[name]()
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            moved = bytes_moved(compute)
    return NetworkWork(counter.get_total_flops() / 1e9, moved / 1e9)


def bytes_moved(compute: Callable[[], object]) -> int:
    """Count the bytes that PyTorch's operations read and write within a call, as where none is joined with the next.

    Every operation reads its inputs and writes its outputs; views move nothing.
    """
    from torch.utils._python_dispatch import TorchDispatchMode

    moved = 0

    class Bytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, call: Any, types: Any, inputs: Any = (), named: Any = None) -> Any:  # noqa: ANN401
            nonlocal moved
            outputs = call(*inputs, **(named or {}))
            aliases = [returned.alias_info for returned in call._schema.returns]
            if not any(alias and not alias.is_write for alias in aliases):
                moved += sum(_bytes_of(each) for each in (*inputs, outputs))
            return outputs

    with Bytes():  # type: ignore[no-untyped-call]
        compute()
    return moved


def _bytes_of(value: object) -> int:
    import torch

    if isinstance(value, torch.Tensor):
        return value.numel() * value.element_size()
    return sum(map(_bytes_of, value)) if isinstance(value, (list, tuple)) else 0


def in_bfloat16(derainer: TorchDerainer) -> TorchDerainer:
    """Turn a float32 derainer's weights into bfloat16, in which it then computes all but the ends; return it."""
    import torch

    network = derainer.network.to(torch.bfloat16)
    derainer.forward = lambda x: cast("torch.Tensor", network(x.to(torch.bfloat16))).float()
    return derainer


def _built(name: str, options: Options) -> TorchDerainer:
    return cast("TorchDerainer", build_derainer(find_derainer(name), options))


def _timed(
    name: str, options: Options, scale: GpuScale, work: NetworkWork, by_weights: bool = False
) -> Iterator[GpuFigure]:
    """Time one network alone and as a derainer; a failure is a figure without value."""
    height, width = scale.size
    precision = _BY_WEIGHTS if by_weights else options.precision
    half = 0.5 if precision in ("bf16", "fp16", _BY_WEIGHTS) else 1.0
    try:
        derainer = _built(name, options)
        derainer = in_bfloat16(derainer) if by_weights else derainer
        picture = draw_picture(height, width, seed=0)
        alone = _alone(derainer, picture, options.device, scale.calls)
        whole = _median_seconds(lambda: derainer(picture), "cpu", scale.calls)
    except Exception as error:  # of memory, of a compiler: the other networks go on
        yield GpuFigure(name, "", precision, options.compile, height, width, note=reason_of(error))
        return
    for how, seconds in (("network alone", alone), ("whole call", whole)):
        yield GpuFigure(
            name, how, precision, options.compile, height, width, 1, 1e3 * seconds, "ms",
            work.gflop, half * work.gigabytes,
        )  # fmt: skip


def _alone(derainer: TorchDerainer, picture: Image, device: str, calls: int) -> float:
    from bench.devices import device_of
    from derainers.torch_derainer import to_tensor

    with derainer.arithmetic():
        x = to_tensor(np.ascontiguousarray(picture[None]), device_of(device), "rgb", (0.0, 1.0))
        return _median_seconds(lambda: derainer.forward(x), device, calls)


def _median_seconds(call: Callable[[], object], device: str, calls: int) -> float:
    """Time calls after two that warm up; the device has finished when the clock stops."""

    def finished() -> None:
        call()
        if device.startswith("cuda"):
            import torch

            torch.cuda.synchronize(device)

    for _ in range(2):
        finished()
    return median(seconds_of(finished) for _ in range(calls))
