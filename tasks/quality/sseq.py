"""Compute SSEQ (Liu et al., Signal Processing: Image Communication 2014) with its authors' trained models.

0 is best, 100 worst. The models are libsvm's: a classifier of five kinds of distortion with probabilities,
and a regression of quality for each kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.fft import dctn

from bench.contract import FloatArray, Image, IntArray
from bench.errors import UserError
from tasks.quality.grey import grey_of, halve

_BLOCK = 8
_SCALES = 3
_TINY = 1e-8
_COUPLED = 0.005


@dataclass(frozen=True)
class Machine:
    """A support vector machine with a radial kernel.

    Attributes:
        vectors: (V, 12) support vectors.
        coefficients: (V, C) their coefficients.
        rho: (D,) offsets of the decision functions.
        gamma: Width of the kernel.
    """

    vectors: FloatArray
    coefficients: FloatArray
    rho: FloatArray
    gamma: float


@dataclass(frozen=True)
class SseqModel:
    """Trained support vector machines and scales of SSEQ.

    Attributes:
        low: (12,) features that map to -1.
        high: (12,) features that map to 1.
        classifier: Machine of the five kinds of distortion, one decision function a pair.
        counts: (5,) support vectors of each kind.
        slopes: (10,) slope of each pair's probability.
        offsets: (10,) offset of each pair's probability.
        regressions: One machine a kind of distortion.
    """

    low: FloatArray
    high: FloatArray
    classifier: Machine
    counts: IntArray
    slopes: FloatArray
    offsets: FloatArray
    regressions: tuple[Machine, ...]


def read_sseq(path: Path) -> SseqModel:
    """Read the release's ``model.mat``.

    Raises:
        UserError: It is another file.
    """
    from scipy.io import loadmat

    try:
        content = loadmat(path)
        classifier = content["svmmodel"][0, 0]
        return SseqModel(
            low=content["fmin"].ravel(),
            high=content["fmax"].ravel(),
            classifier=_machine(classifier),
            counts=classifier["nSV"].ravel().astype(np.int64),
            slopes=classifier["ProbA"].ravel(),
            offsets=classifier["ProbB"].ravel(),
            regressions=tuple(_machine(model[0, 0]) for model in content["svrmodel"].ravel()),
        )
    except Exception as error:  # the reader of MATLAB files has no exception of its own
        raise UserError(f"{path}: not the models of SSEQ ({type(error).__name__}: {error})") from error


def sseq(image: Image, model: SseqModel) -> float | None:
    """Score an image from 0 (best) to 100 (worst).

    Args:
        image: (H, W, 3) uint8 RGB.
        model: The trained models.

    Returns:
        The score; None for an image so flat that its entropies have no skewness.
    """
    raw = sseq_features(image)
    if not np.isfinite(raw).all():
        return None
    features = 2 * (raw - model.low) / (model.high - model.low) - 1
    qualities = [_decide(machine, features) for machine in model.regressions]
    return float(_probabilities(model, features) @ np.array(qualities) * 50 + 50)


def sseq_features(image: Image) -> FloatArray:
    """Compute (12,) features: mean and skewness of the blocks' spatial, then spectral entropies, at three scales."""
    plane = grey_of(image)
    found: list[float] = []
    for scale in range(_SCALES):
        if scale:
            plane = np.clip(np.floor(halve(plane) + 0.5), 0, 255)
        blocks = _blocks(plane)
        for entropies in (_spatial_entropies(blocks), _spectral_entropies(blocks)):
            found += [_middle_mean(entropies), _skewness(entropies)]
    return np.array(found)


def _blocks(plane: FloatArray) -> FloatArray:
    """Cut a plane into (blocks, 8, 8); blocks that reach beyond the image are filled up with zeros."""
    padded = np.pad(plane, [(0, -side % _BLOCK) for side in plane.shape])
    rows, columns = (side // _BLOCK for side in padded.shape)
    return padded.reshape(rows, _BLOCK, columns, _BLOCK).swapaxes(1, 2).reshape(-1, _BLOCK, _BLOCK)


def _spatial_entropies(blocks: FloatArray) -> FloatArray:
    values = np.sort(blocks.reshape(len(blocks), -1), axis=1)
    size = values.shape[1]
    # Each value's count, told once for each of its pixels: -sum p log p = mean of -log p over pixels.
    counts = (values[:, :, None] == values[:, None, :]).sum(axis=2)
    return np.asarray(-np.log2(counts / size).mean(axis=1))


def _spectral_entropies(blocks: FloatArray) -> FloatArray:
    spectrum = dctn(blocks, axes=(1, 2), norm="ortho").reshape(len(blocks), -1)
    spectrum[:, 0] = _TINY
    power = spectrum**2
    share = power / power.sum(axis=1, keepdims=True)
    share[share == 0] = _TINY
    return np.asarray(-(share * np.log2(share)).sum(axis=1))


def _middle_mean(values: FloatArray) -> float:
    ordered = np.sort(values)
    first, last = int(np.ceil(0.2 * len(values))), int(np.ceil(0.8 * len(values)))
    return float(ordered[first - 1 : last].mean())


def _skewness(values: FloatArray) -> float:
    """Compute the third standardised moment; NaN where all values are equal, as MATLAB has it."""
    deviations = values - values.mean()
    variance = float((deviations**2).mean())
    return float((deviations**3).mean()) / variance**1.5 if variance > 0 else float("nan")


def _machine(model: Any) -> Machine:  # noqa: ANN401  a record of a MATLAB file
    return Machine(
        vectors=np.asarray(model["SVs"].todense(), dtype=np.float64),
        coefficients=np.asarray(model["sv_coef"], dtype=np.float64),
        rho=np.asarray(model["rho"], dtype=np.float64).ravel(),
        gamma=float(model["Parameters"].ravel()[3]),
    )


def _kernel(machine: Machine, features: FloatArray) -> FloatArray:
    return np.asarray(np.exp(-machine.gamma * ((machine.vectors - features) ** 2).sum(axis=1)))


def _decide(machine: Machine, features: FloatArray) -> float:
    return float(_kernel(machine, features) @ machine.coefficients[:, 0] - machine.rho[0])


def _probabilities(model: SseqModel, features: FloatArray) -> FloatArray:
    """Compute the probability of each kind of distortion from those of pairs (Wu et al., JMLR 2004, second method)."""
    kinds = len(model.counts)
    kernel = _kernel(model.classifier, features)
    ends = np.cumsum(model.counts)
    parts = [slice(end - count, end) for end, count in zip(ends, model.counts, strict=True)]
    pairwise = np.zeros((kinds, kinds))
    pairs = [(first, second) for first in range(kinds) for second in range(first + 1, kinds)]
    for number, (first, second) in enumerate(pairs):
        coefficients = model.classifier.coefficients
        decision = kernel[parts[first]] @ coefficients[parts[first], second - 1]
        decision += kernel[parts[second]] @ coefficients[parts[second], first] - model.classifier.rho[number]
        share = 1 / (1 + np.exp(model.slopes[number] * decision + model.offsets[number]))
        pairwise[first, second] = np.clip(share, 1e-7, 1 - 1e-7)
        pairwise[second, first] = 1 - pairwise[first, second]
    return _couple(pairwise)


def _couple(pairwise: FloatArray) -> FloatArray:
    """Find the probabilities that fit all pairs best, as near to the optimum as libsvm goes (algorithm 2)."""
    kinds = len(pairwise)
    form = -pairwise.T * pairwise
    np.fill_diagonal(form, (pairwise**2).sum(axis=0))
    probabilities = np.full(kinds, 1 / kinds)
    for _ in range(max(100, kinds)):
        gradient = form @ probabilities
        if np.abs(gradient - probabilities @ gradient).max() < _COUPLED / kinds:
            break
        for kind in range(kinds):
            gradient = form @ probabilities
            step = (probabilities @ gradient - gradient[kind]) / form[kind, kind]
            probabilities[kind] += step
            probabilities /= 1 + step
    return probabilities
