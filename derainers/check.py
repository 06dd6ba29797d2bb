"""The contract test: what every derainer has to keep to, tried on small images."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from bench.contract import Image
from bench.io.trials import Finding, tried, watched_sockets
from bench.protocols import BatchDerainer, Derainer

SIZES = ((64, 96), (63, 97), (96, 64), (50, 50), (17, 130))
"""(height, width) of the trial images: even, odd, upright, and no multiple of 8 or 16."""


def check_derainer(derainer: Derainer) -> tuple[Finding, ...]:
    """Try a derainer against every rule; an exception of the derainer is a finding, too.

    Folders of finished images cannot be tried: they restore nothing.
    """
    rules: tuple[tuple[str, Callable[[Derainer], str]], ...] = (
        ("same shape, uint8", _shape_and_type),
        ("any size, odd ones too", _any_size),
        ("leaves its input alone", _input_untouched),
        ("same input, same bytes", _deterministic),
        ("result is its own memory", _own_memory),
        ("a batch gives the bytes of single images", _batch_is_single),
        ("no network while restoring", _no_network),
    )
    return tuple(tried(rule, partial(trial, derainer)) for rule, trial in rules)


def trial_image(height: int, width: int, seed: int = 0) -> Image:
    """An image with gradients, noise and streaks, the darker the higher its seed; (height, width, 3) uint8."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]
    scene = np.stack([rows * 2.0, columns * 1.5, 60.0 + rows + columns], axis=-1) % 200
    streaks = 50.0 * ((columns + rows // 4 + seed) % 11 == 0)
    image: Image = np.clip((scene + streaks[..., None]) / (1 + seed) + rng.normal(0, 4, scene.shape), 0, 255).astype(
        np.uint8
    )
    return image


def _fault_of(restored: object, image: Image) -> str:
    if not isinstance(restored, np.ndarray):
        return f"expected a NumPy array, got {type(restored).__name__}"
    if restored.shape != image.shape or restored.dtype != np.uint8:
        return f"{image.shape} uint8 became {restored.shape} {restored.dtype}"
    return ""


def _shape_and_type(derainer: Derainer) -> str:
    image = trial_image(*SIZES[0])
    return _fault_of(derainer(image), image)


def _any_size(derainer: Derainer) -> str:
    for height, width in SIZES:
        image = trial_image(height, width)
        try:
            fault = _fault_of(derainer(image), image)
        except Exception as error:  # named with the size that caused it
            fault = f"{type(error).__name__}: {error}"
        if fault:
            return f"{width}x{height}: {fault}"
    return ""


def _input_untouched(derainer: Derainer) -> str:
    image = trial_image(*SIZES[0])
    before = image.copy()
    derainer(image)
    return "" if np.array_equal(image, before) else "the rainy image was overwritten"


def _deterministic(derainer: Derainer) -> str:
    first, second, other = trial_image(*SIZES[1]), trial_image(*SIZES[1]), trial_image(*SIZES[1], seed=1)
    restored = derainer(first).copy()
    derainer(other)
    different = int(np.count_nonzero(restored != derainer(second)))
    return f"{different} of {restored.size} values differ the second time" if different else ""


def _own_memory(derainer: Derainer) -> str:
    image = trial_image(*SIZES[0])
    restored = derainer(image)
    kept = restored.copy()
    derainer(trial_image(*SIZES[0], seed=1))
    return "" if np.array_equal(restored, kept) else "the next call overwrote the result of the last"


def _batch_is_single(derainer: Derainer) -> str:
    if not isinstance(derainer, BatchDerainer):
        return ""
    for height, width in SIZES[:2]:
        images = [trial_image(height, width, seed) for seed in range(3)]
        together = derainer.restore_batch(images)
        for number, (image, restored) in enumerate(zip(images, together, strict=True)):
            different = int(np.count_nonzero(derainer(image) != restored))
            if different:
                return f"image {number} of 3 at {width}x{height}: {different} of {restored.size} values differ"
    return ""


def _no_network(derainer: Derainer) -> str:
    with watched_sockets() as addresses:
        derainer(trial_image(*SIZES[0]))
    return f"it tried to reach {addresses[0]}" if addresses else ""
