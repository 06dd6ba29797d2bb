"""Say what is wrong with what a derainer returned, and what to return instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np


def fault_of_restored(restored: object, size: Sequence[int]) -> str:
    """Describe why a value is no restored image.

    Args:
        restored: What a derainer returned.
        size: (height, width) of the rainy image.

    Returns:
        One line for the derainer's author; empty for a (height, width, 3) uint8 array.
    """
    wanted = (*size, 3)
    if not isinstance(restored, np.ndarray):
        return f"expected a NumPy array {wanted} uint8, got {_kind(restored)}"
    if restored.shape == wanted and restored.dtype == np.uint8:
        return ""
    hint = _shape_hint(restored.shape, wanted) or _type_hint(restored)
    return f"expected {wanted} uint8, got {restored.shape} {restored.dtype}. {hint}"


def _kind(restored: object) -> str:
    name = type(restored).__name__
    if restored is None:
        return "None; does the function end without return?"
    if isinstance(restored, Mapping | Sequence) and not isinstance(restored, str | bytes):
        return f"a {name} of {len(restored)}; return the derained image alone"
    module = type(restored).__module__.partition(".")[0]
    return {
        "torch": f"{name} of torch; return array.permute(1, 2, 0).mul(255).round().clamp(0, 255).byte().cpu().numpy()",
        "PIL": f"{name} of PIL; return numpy.asarray(image)",
    }.get(module, name)


def _shape_hint(shape: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    height, width, channels = wanted
    hints = {
        (channels, height, width): "Channels are first; transpose(1, 2, 0) puts them last",
        (1, *wanted): "It is a batch of one; return its [0]",
        (1, channels, height, width): "It is a batch of one with channels first; return [0].transpose(1, 2, 0)",
        (height, width): "It is grey; return three channels, RGB",
        (height, width, 1): "It is grey; return three channels, RGB",
        (height, width, 4): "It has an alpha channel; return [..., :3]",
        (width, height, channels): "Height and width are swapped",
    }
    if shape == wanted:
        return ""
    return hints.get(shape, "Crop padding, and return the size that came in")


def _type_hint(restored: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> str:
    if not np.issubdtype(restored.dtype, np.floating):
        return "Convert to uint8, 0..255, inside the derainer"
    finite = restored[np.isfinite(restored)]
    if finite.size < restored.size:
        return "It holds NaN or infinite values"
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if high > 2:
        return "Round, clip to 0..255 and convert to uint8"
    if low < -0.1:
        return "It looks like -1..1: return ((x + 1) * 127.5).round().clip(0, 255).astype('uint8')"
    return "It looks like 0..1: return (x * 255).round().clip(0, 255).astype('uint8')"
