"""Render rain on a batch of equally large images with PyTorch, with the bytes of :mod:`synth.rain.renderer`.

Attributes of the streaks and the small grids are made on the CPU as ever; drawing and blending, which touch every
pixel, run on the device. Contributions of streaks are whole numbers, so the order in which a GPU adds them does not
matter; pixels see one float32 operation at a time, in the order of :mod:`synth.rain.streaks` and
:mod:`synth.rain.blend`, and no fused multiply-add.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bench.contract import FloatArray, Image
from bench.errors import ImageError, MissingExtraError, UserError
from synth.rain.blend import nodes_of, to_linear, to_srgb, top_of
from synth.rain.grid import between
from synth.rain.parameters import RainParameters
from synth.rain.renderer import Layers, Rain, Scene, arrange, complete, layers_of
from synth.rain.streaks import THICKEST, Streaks, Whole, groups_of, radius_of, reach_of, rows_of

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def render_batch(
    images: Sequence[Image],
    parameters: RainParameters,
    keys: Sequence[str],
    severity: float = 1.0,
    depths: Sequence[FloatArray | None] | None = None,
    device: str = "cpu",
) -> list[Rain]:
    """Render rain on images of one size; each gets the bytes that :func:`synth.rain.renderer.render` gives it alone.

    Args:
        images: (H, W, 3) uint8 RGB each.
        parameters: The rain.
        keys: One per image.
        severity: Of all of them.
        depths: One depth map in metres or None per image.
        device: ``cpu``, ``cuda``, ...

    Raises:
        ImageError: Images of several sizes, or one that :func:`synth.rain.renderer.render` would refuse.
        UserError: Another number of keys or depth maps than of images.
        MissingExtraError: PyTorch is not installed.
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        raise MissingExtraError("PyTorch", "torch", "rendering rain in batches") from error
    maps = list(depths) if depths is not None else [None] * len(images)
    if not len(images) == len(keys) == len(maps):
        raise UserError(f"batch of rain: got {len(images)} images, {len(keys)} keys and {len(maps)} depth maps")
    if len({image.shape for image in images}) > 1:
        raise ImageError("batch of rain: expected images of one size; sort them by size first")
    if not images:
        return []
    scenes = [
        arrange(image, parameters, key, severity, depth) for image, key, depth in zip(images, keys, maps, strict=True)
    ]
    size = images[0].shape[0], images[0].shape[1]
    with torch.inference_mode():
        thickness = _splat([scene.streaks for scene in scenes], parameters, size, torch.device(device))
        planes = thickness.cpu().numpy().astype(np.uint16)
        layers = [layers_of(scene, plane, parameters) for scene, plane in zip(scenes, planes, strict=True)]
        rainy = _blend(torch.from_numpy(np.stack(images)).to(device), thickness, layers, parameters).cpu().numpy()
    return [_complete(*row, parameters) for row in zip(rainy, scenes, layers, strict=True)]


def _complete(rainy: Image, scene: Scene, layers: Layers, parameters: RainParameters) -> Rain:
    return complete(np.ascontiguousarray(rainy), scene, layers, parameters)


def _splat(batch: Sequence[Streaks], p: RainParameters, size: tuple[int, int], device: torch.device) -> Tensor:
    """Add up the optical thickness (N, H, W) int32 of every image, as :func:`synth.rain.streaks.splat`."""
    import torch

    height, width = size
    together = Streaks(*(np.concatenate([getattr(s, name) for s in batch]) for name in Streaks.__dataclass_fields__))
    number = np.repeat(np.arange(len(batch)), [len(s.top) for s in batch])
    first, rows = rows_of(together, height)
    groups = groups_of(rows, reach_of(together.width))
    guard = 2 * int(reach_of(together.width).max(initial=1))
    stride = width + 2 * guard
    tall = height + max((int(rows[group[-1]]) for group in groups), default=0)
    total = torch.zeros(len(batch) * tall * stride, dtype=torch.int32, device=device)
    origins = (number * tall + first) * stride + guard
    for group in groups:
        count, reach = int(rows[group[-1]]), int(reach_of(together.width[group[:1]])[0])
        chosen = _Chosen(together, group, first, device)
        axis, weight = _rows(chosen, count, p)
        axis -= 0.5
        column = axis.floor()
        axis -= column
        origin = column.clamp_(-reach - 1, width + reach - 1).long()
        origin += torch.arange(count, device=device)[:, None] * stride + torch.from_numpy(origins[group]).to(device)
        for offset, share in _taps(axis, weight, chosen.radius, reach):
            total.index_add_(0, (origin + offset).ravel(), share.ravel())
    total.clamp_(max=THICKEST)
    return total.view(len(batch), tall, stride)[:, :height, guard : stride - guard].contiguous()


class _Chosen:
    """Attributes of a group of streaks on the device, (N,) each."""

    def __init__(self, s: Streaks, group: Whole, first: Whole, device: torch.device) -> None:
        import torch

        def on_device(values: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(values)).to(device)

        chosen = s.select(group)
        one = np.float32(1)
        self.start = on_device(first[group].astype(np.float32) + np.float32(0.5) - chosen.top)
        self.inverse_drop = on_device(one / chosen.drop)
        self.left, self.slope = on_device(chosen.left), on_device(chosen.slope)
        self.waves, self.phase = on_device(chosen.waves), on_device(chosen.phase)
        self.thickness = on_device(chosen.thickness)
        self.radius = on_device(one / radius_of(chosen.width))


def _rows(s: _Chosen, count: int, p: RainParameters) -> tuple[Tensor, Tensor]:
    """Compute position and weight in every row, operation by operation as :mod:`synth.rain.streaks` does it."""
    import torch

    below = torch.arange(count, dtype=torch.float32, device=s.left.device)[:, None] + s.start
    along = below * s.inverse_drop
    below *= s.slope
    below += s.left
    fade = torch.minimum(along, 1 - along)
    fade *= float(np.float32(1 / p.taper))
    fade.clamp_(0, 1)
    along *= s.waves
    along += s.phase
    along -= along.floor()
    along -= 0.5
    along *= along.clone()
    along *= float(np.float32(-4 * p.flicker))
    along += 1
    along *= s.thickness
    along *= fade
    along *= fade
    fade *= -2
    fade += 3
    along *= fade
    return below, along


def _taps(share: Tensor, weight: Tensor, inverse: Tensor, reach: int) -> Iterator[tuple[int, Tensor]]:
    import torch

    if reach == 1:
        right = (share * weight + 0.5).to(torch.int32)
        yield 0, (weight + 0.5).to(torch.int32) - right
        yield 1, right
        return
    weight = weight * (inverse * (35 / 32))
    start = share * inverse
    for offset in range(1 - reach, reach + 1):
        distance = inverse * offset - start
        bell = (1 - distance * distance).clamp_(min=0)
        weighed = bell * weight
        weighed *= bell
        weighed *= bell
        yield offset, (weighed + 0.5).to(torch.int32)


def _blend(images: Tensor, thickness: Tensor, layers: Sequence[Layers], p: RainParameters) -> Tensor:
    """Blend rainy images (N, H, W, 3) uint8, as :func:`synth.rain.blend.blend`."""
    import torch

    device, (count, height, width) = images.device, thickness.shape
    linear = p.space == "linear"
    top = top_of(linear)
    grids = [nodes_of((one.transmission_grid, one.air_grid, one.light_grid), width, top, p.occlusion) for one in layers]
    nodes = torch.from_numpy(np.stack(grids)).to(device)
    before, share = between(height, nodes.shape[1])
    above = torch.from_numpy(before).to(device)
    below = (above + 1).clamp_(max=nodes.shape[1] - 1)
    weight = torch.from_numpy(share).to(device)[:, None]

    def layer(number: int) -> Tensor:
        nearest = nodes[:, above, number]
        return (nodes[:, below, number] - nearest) * weight + nearest

    tables = torch.from_numpy(np.stack([one.opacity_table for one in layers])).to(device)
    opacity = tables.gather(1, thickness.view(count, -1).long()).view(count, height, width, 1)
    flat = images.reshape(count, height, -1)
    values = torch.from_numpy(to_linear() * np.float32(top)).to(device)
    seen = values[flat.long()] if linear else flat.to(torch.float32)
    seen *= layer(0)
    seen += layer(1)
    light = layer(2)
    light -= seen if p.occlusion == 1 else seen * float(np.float32(p.occlusion))
    light *= opacity.expand(-1, -1, -1, 3).reshape(count, height, -1)
    seen += light
    if p.occlusion < 1:
        seen.clamp_(max=float(np.float32(top + 0.5)))
    back = torch.from_numpy(to_srgb().copy()).to(device)
    whole = back[seen.long()] if linear else seen.to(torch.uint8)
    return whole.view(count, height, width, 3)
