"""Derain without training: split off the detail layer, and keep of it what rain does not explain.

It follows the guided-filter methods of 2012 and 2013 (Xu et al., "An improved guidance image based method
to remove rain and snow in a single image"; Zheng et al., "Single-image-based rain and snow removal using
multi-guided filter"): the low frequencies are free of thin streaks; the detail is filtered with the low
frequencies as its guide; rain only brightens, so no pixel may become brighter than it was. The constants
are ours. The guided filter is that of He, Sun and Tang (TPAMI 2013).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from bench.contract import Image, Options, Traits

FloatImage = npt.NDArray[np.float32]


@dataclass(frozen=True)
class GuidedFilterDerainer:
    """A derainer by guided-filter decomposition; the module's text has the method.

    Attributes:
        base_radius: Half width in pixels of the window that takes out streaks.
        base_smoothing: Variance (of values in [0, 1]) below which the base is smoothed.
        detail_radius: Half width of the window in which detail is fitted to the base.
        detail_smoothing: Variance of the base below which detail is taken for rain.
        darkest_share: Weight of the darker of rainy and recovered image in the final guide.
        traits: A pixel depends on no more than its surroundings, so images can be tiled.
    """

    base_radius: int = 8
    base_smoothing: float = 0.2
    detail_radius: int = 3
    detail_smoothing: float = 0.0002
    darkest_share: float = 0.8
    traits: Traits = field(default=Traits(tileable=True, quantisation="round"))

    def __call__(self, rainy: Image, /) -> Image:
        """Restore one (H, W, 3) uint8 image."""
        image: FloatImage = rainy.astype(np.float32) / np.float32(255)
        base = guided_filter(image, image, self.base_radius, self.base_smoothing)
        detail = guided_filter(image - base, base, self.detail_radius, self.detail_smoothing)
        recovered = base + detail
        darker = np.minimum(recovered, image)
        guide = self.darkest_share * darker + (1 - self.darkest_share) * recovered
        restored = guided_filter(darker, guide, self.detail_radius, self.detail_smoothing)
        return np.rint(np.clip(restored, 0, 1) * 255).astype(np.uint8)


def guided_filter(image: FloatImage, guide: FloatImage, radius: int, smoothing: float) -> FloatImage:
    """Fit ``image`` as a local linear function of ``guide``, channel by channel (He et al. 2013, Eq. 5 to 8).

    Args:
        image: (H, W, C) float32.
        guide: (H, W, C) float32.
        radius: Half width of the square windows, in pixels.
        smoothing: The paper's epsilon, in squared units of the guide.

    Returns:
        (H, W, C) float32.
    """
    inside = _zero_padded_mean(np.ones((*image.shape[:2], 1), np.float32), radius)

    def mean(values: FloatImage) -> FloatImage:
        return np.divide(_zero_padded_mean(values, radius), inside, dtype=np.float32)

    image_mean, guide_mean = mean(image), mean(guide)
    covariance = mean(image * guide) - image_mean * guide_mean
    variance = mean(guide * guide) - guide_mean * guide_mean
    slope: FloatImage = np.divide(covariance, variance + np.float32(smoothing), dtype=np.float32)
    offset = image_mean - slope * guide_mean
    return mean(slope) * guide + mean(offset)


def _zero_padded_mean(values: FloatImage, radius: int) -> FloatImage:
    """Average a square window around every pixel; pixels outside of the image count as zero."""
    size = 2 * radius + 1
    result: FloatImage = ndimage.uniform_filter(values, size=(size, size, 1), mode="constant")
    return result


def classical(options: Options) -> GuidedFilterDerainer:
    """Build the guided-filter derainer: a baseline that needs neither weights nor training."""
    return GuidedFilterDerainer()
