"""Draw drops on the lens or windscreen: small wide-angle lenses that show the scene upside down and blurred.

After the refraction model of Halimeh and Roser (2009), reduced to what is visible: inversion, a wide field of view,
a dark rim and a soft edge, for the drop is far out of focus.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bench.contract import FloatArray, Image
from synth.rain.grid import enlarge, shrink
from synth.rain.keyed_random import rounded, triangular, uniforms
from synth.rain.parameters import RainParameters
from synth.rain.streaks import scale_of

Floats32 = npt.NDArray[np.float32]

_MOST = 1000  # drops
_FIELD = 0.45  # of the image that a drop shows in each direction from its place
_RIM = 0.65  # of the light that the rim takes away
_SOFT = 0.26  # of the radius over which the edge fades


def add_drops(
    rainy: Image, parameters: RainParameters, key: str, severity: float
) -> tuple[Image, Floats32 | None, int]:
    """Put drops on the lens in front of a rainy image.

    Returns:
        The image, the share (H, W) of each pixel that is seen through a drop, and the number of drops; the same
        image, None and 0 if there are none.
    """
    p, (height, width) = parameters, (rainy.shape[0], rainy.shape[1])
    u = uniforms(key, "lens count", 1)
    count = min(round(p.lens_drops * float(np.sqrt(severity)) * (0.5 + float(u[0]))), _MOST)
    if count == 0:
        return rainy, None, 0
    x, y, radius, squash = _places(p, key, count, (height, width))
    # Two steps of detail: the node grid is what a drop out of focus shows of the scene.
    scene = enlarge(shrink(rainy), (max(height // 4, 1), max(width // 4, 1))) * np.float32(255)
    pixels = rainy.astype(np.float32)
    mask = np.zeros((height, width), dtype=np.float32)
    for number in range(count):
        _one_drop(pixels, mask, scene, (x[number], y[number]), (radius[number], radius[number] * squash[number]))
    return (pixels + np.float32(0.5)).astype(np.uint8), mask, count


def _places(p: RainParameters, key: str, count: int, size: tuple[int, int]) -> tuple[FloatArray, ...]:
    """Draw centres, horizontal radii in pixels and ratios of the vertical to the horizontal radius."""
    radius = p.lens_drop_radius * scale_of(size) * 2.0 ** (1.4 * triangular(uniforms(key, "lens radius", count)))
    return (
        rounded(uniforms(key, "lens across", count) * size[1]),
        rounded(uniforms(key, "lens down", count) * size[0]),
        rounded(np.maximum(radius, 1.5)),
        rounded(0.85 + 0.5 * uniforms(key, "lens shape", count)),
    )


def _one_drop(
    pixels: Floats32, mask: Floats32, scene: Floats32, centre: tuple[float, float], radii: tuple[float, float]
) -> None:
    """Draw one drop into ``pixels`` and ``mask``."""
    height, width = mask.shape
    (x, y), (across, down) = centre, radii
    rows = np.arange(max(int(y - down), 0), min(int(y + down) + 2, height))
    columns = np.arange(max(int(x - 1.2 * across), 0), min(int(x + 1.2 * across) + 2, width))
    v = ((rows + 0.5 - y) / down)[:, None]
    h = ((columns + 0.5 - x) / across)[None, :] * (1.0 - 0.14 * v)  # heavier below
    squared = h * h + v * v
    inside = np.clip((1.0 - squared) / _SOFT, 0.0, 1.0)
    inside = inside * inside * (3.0 - 2.0 * inside)
    # The view widens towards the rim, as through a fisheye; upside down and left to right.
    widen = 0.55 + 0.45 * squared
    from_x = np.clip(x / width - _FIELD * h * widen, 0.0, 0.999) * scene.shape[1]
    from_y = np.clip(y / height - _FIELD * v * widen, 0.0, 0.999) * scene.shape[0]
    seen = scene[from_y.astype(np.intp), from_x.astype(np.intp)]
    edge = np.minimum(squared * squared, 1.0)
    rim = 1.0 - _RIM * (edge * edge)
    glint = 26.0 * np.clip(1.0 - (np.square(h + 0.35) + np.square(v + 0.4)) * 9.0, 0.0, 1.0)
    share = rounded(inside)[..., None].astype(np.float32)
    drop = np.minimum(seen * rim[..., None].astype(np.float32) + glint[..., None].astype(np.float32), 255)
    where = np.ix_(rows, columns)
    pixels[where] += (drop - pixels[where]) * share
    mask[where] = np.maximum(mask[where], share[..., 0])
