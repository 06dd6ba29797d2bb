"""Try a derainer against the contract on small images: every rule is one finding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from bench.contract import Image
from bench.errors import reason_of
from bench.io.restored import fault_of_restored
from bench.io.trials import Finding, tried, watched_sockets
from bench.protocols import BatchDerainer, Derainer

SIZES = ((64, 96), (63, 97), (96, 64), (50, 50), (17, 130))
"""(height, width) of the trial images: even, odd, upright, and no multiple of 8 or 16."""


@dataclass(frozen=True)
class BatchTrial:
    """Batches of one size as runs make them on a GPU, where an image of a batch may differ from the same image alone.

    Attributes:
        size: (height, width) of the images.
        images: Images of a batch.
    """

    size: tuple[int, int]
    images: int


def check_derainer(derainer: Derainer, batches: Sequence[BatchTrial] = ()) -> tuple[Finding, ...]:
    """Try a derainer against every rule; an exception of the derainer is a finding, too.

    Folders of finished images cannot be tried: they restore nothing.

    Args:
        derainer: The derainer.
        batches: Batches that runs make on its device; none where a batch has to give the bytes of single images.
    """

    def batch(tried: Derainer) -> str:
        return _batch_is_single(tried) if not batches else _place_is_nothing(tried, batches)

    batch_rule = "in a batch neighbours change nothing" if batches else "a batch gives the bytes of single images"
    rules: tuple[tuple[str, Callable[[Derainer], str]], ...] = (
        ("same shape, uint8", _shape_and_type),
        ("any size, odd ones too", _any_size),
        ("leaves its input alone", _input_untouched),
        ("same input, same bytes", _deterministic),
        ("result is its own memory", _own_memory),
        (batch_rule, batch),
        ("no network while restoring", _no_network),
    )
    findings = tuple(tried(rule, partial(trial, derainer)) for rule, trial in rules)
    if batches:
        findings = (*findings, _single_resembles_batch(derainer, batches))
    return (*findings, _plausible(derainer)) if findings[0].passed else findings


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


def convention_doubt(image: Image, restored: Image) -> str:
    """Name a wrong convention of values or channels by which a result is explained better than by its input.

    Args:
        image: (H, W, 3) uint8, the rainy image.
        restored: (H, W, 3) uint8, what a derainer made of it.

    Returns:
        A warning, or nothing if the result resembles the image, or resembles nothing known.
    """
    pixels = image.astype(np.float64)
    away = {name: float(np.abs(restored - made).mean()) for name, made in _mistaken(pixels).items()}
    nearest = min(away, key=lambda name: away[name])
    least = min(float(np.abs(restored - pixels).mean()) / 3, _LEAST_DOUBT)
    return f"{nearest}; compare a result with its image" if away[nearest] < least else ""


_LEAST_DOUBT = 12.0
"""Mean difference, of 255, up to which a result can be told to be an image in another convention."""


def _mistaken(pixels: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> dict[str, np.ndarray]:
    """The (H, W, 3) image as an untrained network would return it under each usual mistake."""
    return {
        "red and blue are swapped: the network works on BGR": pixels[..., ::-1],
        "values look like 0..1 in place of 0..255: multiply by 255 before converting to uint8": pixels / 255,
        "values look clipped: the network may have been given 0..255 in place of 0..1": 255.0 * (pixels > 0),
        "values look like -1..1 taken for 0..1: add 1 and halve them": np.clip(2 * pixels - 255, 0, 255),
        "values look like 0..1 taken for -1..1: do not add 1 and halve them": (pixels + 255) / 2,
        "dark and bright are swapped: the network may return the rain, or the negative": 255 - pixels,
    }


def _shape_and_type(derainer: Derainer) -> str:
    image = trial_image(*SIZES[0])
    return fault_of_restored(derainer(image), image.shape[:2])


def _any_size(derainer: Derainer) -> str:
    for height, width in SIZES:
        image = trial_image(height, width)
        try:
            fault = fault_of_restored(derainer(image), image.shape[:2])
        except Exception as error:  # named with the size that caused it
            fault = reason_of(error)
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


def _place_is_nothing(derainer: Derainer, batches: Sequence[BatchTrial]) -> str:
    """Restore one image at the ends of batches of a run's sizes, among others: its bytes may not change."""
    if not (isinstance(derainer, BatchDerainer) and derainer.traits.batchable):
        return ""
    for trial in batches:
        image = trial_image(*trial.size)
        others = [trial_image(*trial.size, seed) for seed in range(1, trial.images)]
        first = derainer.restore_batch([image, *others])[0]
        for batch in ([*others, image], [image.copy() for _ in range(trial.images)]):
            different = int(np.count_nonzero(derainer.restore_batch(batch)[-1] != first))
            if different:
                height, width = trial.size
                return f"batches of {trial.images} at {width}x{height}: {different} of {first.size} values differ"
    return ""


def _single_resembles_batch(derainer: Derainer, batches: Sequence[BatchTrial]) -> Finding:
    """Compare images of batches of a run's sizes with the same images alone: one level is rounding, more is a fault."""
    rule = "a batch resembles single images"
    if not (isinstance(derainer, BatchDerainer) and derainer.traits.batchable):
        return Finding(rule, True)
    doubts = []
    try:
        for trial in batches:
            images = [trial_image(*trial.size, seed) for seed in range(trial.images)]
            pairs = zip(images, derainer.restore_batch(images), strict=True)
            apart = np.array([np.abs(derainer(image) - restored.astype(np.int16)) for image, restored in pairs])
            if apart.any():
                share, (height, width) = 100 * float(np.count_nonzero(apart)) / apart.size, trial.size
                doubts.append(
                    f"{trial.images} at {width}x{height}: up to {apart.max()} levels in {share:.2g} % of values"
                )
            if apart.max() > 1:
                return Finding(rule, False, doubts[-1])
    except Exception as error:  # whatever a stranger's code raises is what the report is about
        return Finding(rule, False, reason_of(error))
    return Finding(rule, True, "; ".join([*doubts, "runs keep to these batches"]) if doubts else "")


def _plausible(derainer: Derainer) -> Finding:
    """Compare a result with its input: most of an image is not rain, so a derainer leaves it nearly as it is."""
    image = trial_image(*SIZES[0])
    try:
        doubt = convention_doubt(image, derainer(image.copy()))
    except Exception as error:  # found by the other rules, too
        return Finding("result resembles its input", False, reason_of(error))
    return Finding("result resembles its input", True, doubt)


def _no_network(derainer: Derainer) -> str:
    with watched_sockets() as addresses:
        derainer(trial_image(*SIZES[0]))
    return f"it tried to reach {addresses[0]}" if addresses else ""
