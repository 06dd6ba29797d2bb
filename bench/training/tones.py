"""Change brightness, contrast and colours of a photograph at random: a training sees other cameras and hours."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bench.contract import Image


def change_tones(image: Image, most: float, random: np.random.Generator) -> Image:
    """Change the tones of one photograph: its gamma, its gain, a tint of each channel, and its saturation.

    Gamma and gain are ``exp(u)`` with ``u`` uniform in ±``most``; the tint multiplies each channel by ``exp(u / 4)``;
    the saturation is multiplied by ``1 + u``, 0 being grey.

    Args:
        image: The photograph, (H, W, 3) uint8.
        most: Greatest change, 0 to 1; 0.3 looks like another camera, 0.6 like another hour.
        random: Where the changes are drawn.

    Returns:
        The photograph in other tones, (H, W, 3) uint8.
    """
    gamma, gain = np.exp(random.uniform(-most, most, 2))
    tint = np.exp(random.uniform(-most, most, 3) / 4)
    saturation = 1 + random.uniform(-most, most)
    curves = (gain * tint[:, None] * np.linspace(0, 1, 256) ** gamma).astype(np.float32)
    toned = np.stack([curve[image[..., channel]] for channel, curve in enumerate(curves)], -1)
    grey: npt.NDArray[np.float32] = toned.mean(-1, keepdims=True)
    mixed = grey + np.float32(saturation) * (toned - grey)
    return np.asarray(np.rint(mixed.clip(0, 1) * 255), np.uint8)
