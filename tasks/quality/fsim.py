"""Compute FSIM and FSIMc (Zhang et al., IEEE TIP 2011) as the authors' ``FeatureSIM.m`` does."""

from __future__ import annotations

from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.ndimage import correlate, correlate1d

from bench.contract import FloatArray, Image

ComplexArray: TypeAlias = npt.NDArray[np.complex128]

_TO_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
_SCALES, _ORIENTATIONS = 4, 4
_SHORTEST_WAVE, _WAVE_FACTOR = 6.0, 2.0
_BANDWIDTH, _ANGLE_RATIO = 0.55, 1.2
_NOISE_DEVIATIONS, _NOISE_RATIO, _EPSILON = 2.0, 1.7, 1e-4
_CUTOFF, _SHARPNESS = 0.45, 15
_T1, _T2, _T3, _T4, _CHROMA_POWER = 0.85, 160.0, 200.0, 200.0, 0.03
_SCHARR = np.array([[3, 0, -3], [10, 0, -10], [3, 0, -3]]) / 16


def fsim(image: Image, reference: Image) -> tuple[float, float]:
    """Compute the feature similarity of two images: of luminance alone, and with chrominance.

    Args:
        image: (H, W, 3) uint8 RGB.
        reference: The same shape.

    Returns:
        FSIM and FSIMc, both in (0, 1]; 1 for equal images.
    """
    factor = max(1, int(np.floor(min(image.shape[:2]) / 256 + 0.5)))
    first, second = (_shrink(pixels.astype(np.float64) @ _TO_YIQ.T, factor) for pixels in (image, reference))
    phase, phase_of_reference = phase_congruency(first[..., 0]), phase_congruency(second[..., 0])
    weight = np.maximum(phase, phase_of_reference)
    luminance = _similarity(phase, phase_of_reference, _T1)
    luminance = luminance * _similarity(_gradient(first[..., 0]), _gradient(second[..., 0]), _T2)
    chroma = _similarity(first[..., 1], second[..., 1], _T3) * _similarity(first[..., 2], second[..., 2], _T4)
    # Where both products are negative MATLAB's power is complex and its real part is taken.
    chroma_power = np.real(np.power(chroma.astype(np.complex128), _CHROMA_POWER))
    total = weight.sum()
    if total == 0:
        return 1.0, 1.0
    return float((luminance * weight).sum() / total), float((luminance * chroma_power * weight).sum() / total)


def phase_congruency(plane: FloatArray) -> FloatArray:
    """Compute Kovesi's phase congruency (``phasecong2``) of one plane, over all orientations: (H, W) in [0, 1]."""
    rows, columns = plane.shape
    spectrum = np.fft.fft2(plane)
    waves, spreads = _filters(rows, columns)
    energy_total = np.zeros(plane.shape)
    amplitude_total = np.full(plane.shape, _EPSILON)
    for spread in spreads:
        energy, amplitude = _orientation(spectrum, waves, spread)
        energy_total += energy
        amplitude_total += amplitude
    return np.asarray(energy_total / amplitude_total)


def _orientation(spectrum: ComplexArray, waves: FloatArray, spread: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Compute the energy above noise and the sum of amplitudes of one orientation."""
    filters = waves * spread
    responses = np.fft.ifft2(spectrum * filters)
    amplitudes = np.abs(responses)
    even, odd = responses.real, responses.imag
    total_even, total_odd = even.sum(axis=0), odd.sum(axis=0)
    length = np.sqrt(total_even**2 + total_odd**2) + _EPSILON
    mean_even, mean_odd = total_even / length, total_odd / length
    energy = (even * mean_even + odd * mean_odd - np.abs(even * mean_odd - odd * mean_even)).sum(axis=0)
    return np.maximum(energy - _noise(amplitudes[0], filters), 0.0), amplitudes.sum(axis=0)


def _noise(finest: FloatArray, filters: FloatArray) -> float:
    """Estimate the energy of noise alone from the median energy at the finest scale."""
    rows, columns = finest.shape
    mean_energy = -np.median(finest**2) / np.log(0.5)
    power = mean_energy / (filters[0] ** 2).sum()
    kernels = np.fft.ifft2(filters).real * np.sqrt(rows * columns)
    squares = (kernels**2).sum()
    cross = sum((kernels[a] * kernels[b]).sum() for a in range(_SCALES) for b in range(a + 1, _SCALES))
    energy = 2 * power * squares + 4 * power * cross
    tau = np.sqrt(energy / 2)
    expected, deviation = tau * np.sqrt(np.pi / 2), np.sqrt((2 - np.pi / 2) * tau**2)
    return float((expected + _NOISE_DEVIATIONS * deviation) / _NOISE_RATIO)


@lru_cache(maxsize=4)
def _filters(rows: int, columns: int) -> tuple[FloatArray, FloatArray]:
    """Make the log-Gabor filters of the scales (S, H, W) and the angular spreads of the orientations (O, H, W)."""
    y, x = np.meshgrid(_frequencies(rows), _frequencies(columns), indexing="ij")
    radius, angle = np.fft.ifftshift(np.sqrt(x**2 + y**2)), np.fft.ifftshift(np.arctan2(-y, x))
    low_pass = 1 / (1 + (radius / _CUTOFF) ** (2 * _SHARPNESS))
    radius[0, 0] = 1
    waves = []
    for scale in range(_SCALES):
        centre = 1 / (_SHORTEST_WAVE * _WAVE_FACTOR**scale)
        wave = np.exp(-(np.log(radius / centre) ** 2) / (2 * np.log(_BANDWIDTH) ** 2)) * low_pass
        wave[0, 0] = 0
        waves.append(wave)
    deviation = np.pi / _ORIENTATIONS / _ANGLE_RATIO
    spreads = []
    for orientation in range(_ORIENTATIONS):
        direction = orientation * np.pi / _ORIENTATIONS
        difference = angle - direction
        distance = np.arctan2(np.sin(difference), np.cos(difference))
        spreads.append(np.exp(-(distance**2) / (2 * deviation**2)))
    return np.stack(waves), np.stack(spreads)


def _frequencies(count: int) -> FloatArray:
    if count % 2:
        return np.arange(-(count - 1) / 2, (count - 1) / 2 + 1) / (count - 1)
    return np.arange(-count / 2, count / 2) / count


def _shrink(planes: FloatArray, factor: int) -> FloatArray:
    """Average over ``factor`` x ``factor`` pixels as MATLAB's ``conv2(..., 'same')`` places them, then thin out."""
    if factor == 1:
        return planes
    taps = np.full(factor, 1 / factor)
    # An even window reaches one pixel farther to the right and below: conv2([1 2 3], [1 1], 'same') is [3 5 3].
    for axis in (0, 1):
        planes = correlate1d(planes, taps, axis=axis, mode="constant", origin=-((factor + 1) % 2))
    return np.asarray(planes[::factor, ::factor])


def _gradient(plane: FloatArray) -> FloatArray:
    across = correlate(plane, _SCHARR, mode="constant")
    down = correlate(plane, _SCHARR.T, mode="constant")
    return np.asarray(np.sqrt(across**2 + down**2))


def _similarity(first: FloatArray, second: FloatArray, constant: float) -> FloatArray:
    return np.asarray((2 * first * second + constant) / (first**2 + second**2 + constant))
