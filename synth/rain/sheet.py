"""Draw a contact sheet of photographs with their rain side by side, for looking at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from bench.contract import FloatArray, Image, Parameters
from synth.rain.parameters import RainParameters
from synth.rain.presets import LEVELS
from synth.rain.renderer import Rain, Renderer, render

_CAPTION = 16  # pixels

Tile = tuple[str, Image]


def contact_sheet(
    photographs: Mapping[str, Image],
    parameters: RainParameters,
    others: Mapping[str, Renderer] | None = None,
    references: Mapping[str, Image] | None = None,
    depths: Mapping[str, FloatArray] | None = None,
    tile_width: int = 400,
) -> Image:
    """Draw one row per photograph, then the severities, the looks, and reference images.

    Args:
        photographs: Name to (H, W, 3) uint8 RGB; the first one is also shown at every severity and look.
        parameters: The rain.
        others: Other renderers to set beside it, by name.
        references: Finished rainy images of elsewhere, by name, shown as they are.
        depths: Depth maps in metres by the photograph's name, where there are any.
        tile_width: Width of a tile in pixels.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    depths, others = depths or {}, others or {}
    rows: list[list[Tile]] = []
    for name, image in photographs.items():
        rain = render(image, parameters, name, depth=depths.get(name))
        rows.append([(name, image), (_caption(rain), rain.rainy), *_layers(rain)])
        rows[-1] += [(f"{key}", other(image, key=name).rainy) for key, other in others.items()]
    name, image = next(iter(photographs.items()))
    rows.append(
        [
            (f"level {level}: severity {severity:g}", render(image, parameters, name, severity, depths.get(name)).rainy)
            for level, severity in enumerate(LEVELS, start=1)
        ]
    )
    rows.append([(label, render(image, parameters.with_changes(look), name).rainy) for label, look in _LOOKS.items()])
    if references:
        rows.append(list(references.items()))
    return _assemble(rows, tile_width)


_LOOKS: dict[str, Parameters] = {
    "dusk": {"light": "dusk"},
    "night": {"light": "night"},
    "linear light": {"space": "linear"},
    "drops on the lens": {"lens_drops": 60},
    "gust": {"gust_probability": 1, "gust_min": 20, "gust_max": 20},
}


def _caption(rain: Rain) -> str:
    record = rain.record
    return f"rainy {record['angle_degrees']:.0f} deg, strength {record['strength']:.2f}, night {record['night']:.2f}"


def _layers(rain: Rain) -> list[Tile]:
    layers = rain.layers
    if layers is None:
        return []
    return [("streaks: opacity", _grey(layers.opacity)), ("veil: transmission", _grey(layers.transmission))]


def _grey(plane: npt.NDArray[np.float32]) -> Image:
    return np.repeat((np.clip(plane, 0, 1) * 255).astype(np.uint8)[..., None], 3, axis=2)


def _assemble(rows: Sequence[Sequence[Tile]], tile_width: int) -> Image:
    """Lay tiles out in rows; each row is as high as its highest tile."""
    strips = [_strip(row, tile_width) for row in rows if row]
    width = max(strip.shape[1] for strip in strips)
    padded = [np.pad(strip, ((0, 0), (0, width - strip.shape[1]), (0, 0))) for strip in strips]
    return np.concatenate(padded)


def _strip(row: Sequence[Tile], tile_width: int) -> Image:
    heights = [max(1, round(image.shape[0] * tile_width / image.shape[1])) for _, image in row]
    canvas = Pillow.new("RGB", (tile_width * len(row), max(heights) + _CAPTION))
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(size=11)
    for number, ((label, image), height) in enumerate(zip(row, heights, strict=True)):
        small = Pillow.fromarray(image).resize((tile_width, height), Pillow.Resampling.LANCZOS)
        canvas.paste(small, (number * tile_width, 0))
        draw.text((number * tile_width + 3, max(heights) + 1), label, fill=(230, 230, 230), font=font)
    return np.asarray(canvas, dtype=np.uint8)
