"""Reading and writing images: uint8 RGB in, uint8 RGB out, or a clear refusal."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import PngImagePlugin

from bench.contract import FloatArray, Image, LabelMap
from bench.errors import ImageError
from bench.io.files import atomic

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"})
MOST_PIXELS = 64_000_000
"""Larger images are refused unread: a few bytes of PNG can claim a billion pixels."""

# What is decoded, whatever a file is called: Pillow has decoders that start programs (EPS).
_FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF")
# Taken now: ultralytics puts a function in its place that, at a damaged image, asks for another library.
_open = Pillow.open

# Said once and not around each opening: images are read in several threads, and filters are the whole process's.
# Larger images than MOST_PIXELS are refused here anyway.
warnings.filterwarnings("ignore", category=Pillow.DecompressionBombWarning)

_EXIF_ORIENTATION = 0x0112
_KEY = "derainbench-key"


def read_image(path: Path, size: tuple[int, int] | None = None) -> Image:
    """Decode an image as uint8 RGB of shape (H, W, 3); greyscale becomes three equal channels.

    Args:
        path: A file in any format of ``IMAGE_SUFFIXES``.
        size: (height, width) that the labels state, if they do.

    Raises:
        ImageError: The file is absent, truncated, no image, too large, of another size, of more than
            8 bits, or rotated by EXIF (viewers then disagree on where a box lies).
    """
    with _opened(path) as picture:
        if picture.mode.startswith(("I", "F")):
            raise ImageError(
                f"{path}: expected 8 bits a channel, found mode {picture.mode!r}. Scale the image to 8 bits first"
            )
        _check_size(path, picture, size)
        decoded = _decoded(path, picture, "RGB")
        orientation = _orientation(path, picture)  # a PNG may carry it behind the pixels
        if orientation not in (0, 1):
            raise ImageError(
                f"{path}: rotated by EXIF (orientation {orientation}), so programs disagree on its geometry. "
                "Bake the rotation into the pixels and check the labels, or leave the image out"
            )
        return np.asarray(decoded, dtype=np.uint8)


def read_label_map(path: Path, size: tuple[int, int] | None = None) -> LabelMap:
    """Decode a label map: one 8-bit channel (grey or palette index) of shape (H, W).

    Raises:
        ImageError: As :func:`read_image`, or the picture is a colour map rather than a label map.
    """
    with _opened(path) as picture:
        if picture.mode not in ("L", "P", "1"):
            raise ImageError(
                f"{path}: expected a label map with one 8-bit channel, found mode {picture.mode!r}. "
                "Use the class-id masks, not the colour maps"
            )
        _check_size(path, picture, size)
        picture = _decoded(path, picture, None)
        return np.asarray(picture, dtype=np.uint8)


def read_bitmask(path: Path, size: tuple[int, int] | None = None) -> npt.NDArray[np.uint8]:
    """Decode a picture whose four channels are data, not colour and transparency: (H, W, 4) uint8.

    Raises:
        ImageError: As :func:`read_image`, or the picture has no four 8-bit channels.
    """
    with _opened(path) as picture:
        if picture.mode != "RGBA":
            raise ImageError(f"{path}: expected a bitmask with four 8-bit channels, found mode {picture.mode!r}")
        _check_size(path, picture, size)
        return np.asarray(_decoded(path, picture, None), dtype=np.uint8)


def read_depth(path: Path, metres: float, size: tuple[int, int] | None = None) -> FloatArray:
    """Decode a depth map of one 8-bit or 16-bit channel: (H, W) float64, metres from the camera.

    Args:
        path: The file.
        metres: Metres per unit of the stored numbers; 1/256 in KITTI's depth maps.
        size: (height, width) that the image has.

    Returns:
        The depth; infinite where nothing was measured (0), as in the sky.

    Raises:
        ImageError: As :func:`read_image`, or the picture has other channels.
    """
    with _opened(path) as picture:
        if picture.mode not in ("L", "I", "I;16", "I;16B"):
            raise ImageError(f"{path}: expected a depth map with one 8-bit or 16-bit channel, found {picture.mode!r}")
        _check_size(path, picture, size)
        units = np.asarray(_decoded(path, picture, None)).astype(np.float64)
    return np.where(units > 0, units * metres, np.inf)


def write_png(path: Path, pixels: Image | LabelMap, key: str = "", level: int = 1) -> None:
    """Write a PNG atomically; ``key`` is kept in the file's text and read back by :func:`png_key`."""
    info = PngImagePlugin.PngInfo()
    if key:
        info.add_text(_KEY, key)
    with atomic(path) as part:
        Pillow.fromarray(pixels).save(part, format="PNG", compress_level=level, pnginfo=info)


def png_key(path: Path) -> str:
    """The key inside a PNG written by :func:`write_png`; empty if there is no such file or key."""
    try:
        with _open(path, formats=["PNG"]) as picture:
            return str(picture.info.get(_KEY, ""))
    except Exception:  # as below
        return ""


def size_of_image(path: Path) -> tuple[int, int] | None:
    """(height, width) from an image's header; None if it cannot be read."""
    try:
        with _open(path, formats=_FORMATS) as picture:
            return picture.height, picture.width
    except Exception:  # as below
        return None


def list_images(folder: Path) -> dict[str, Path]:
    """Image files directly in a folder, by stem, sorted.

    Raises:
        ImageError: The folder is absent, two files share a stem, or a name is no UTF-8.
    """
    if not folder.is_dir():
        raise ImageError(f"{folder}: no such folder")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith("."):
            _check_name(path)
            if path.stem in found:
                raise ImageError(f"{folder}: {path.name} and {found[path.stem].name} share a stem; remove one")
            found[path.stem] = path
    return found


def _check_name(path: Path) -> None:
    """Refuse a file name that no table can hold, such as one of an old archive in Latin-1."""
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        name = str(path).encode("utf-8", errors="backslashreplace").decode()
        raise ImageError(
            f"{name}: this file name is no UTF-8; rename it, as convmv -f latin1 -t utf8 does for a whole folder"
        ) from None


def _opened(path: Path) -> Pillow.Image:
    if not path.is_file():
        raise ImageError(f"{path}: no such image")
    try:
        picture = _open(path, formats=_FORMATS)
    except Exception as error:  # damaged files make Pillow raise TypeError, struct.error and what not
        raise ImageError(f"{path}: not a readable image ({error})") from error
    if picture.width * picture.height > MOST_PIXELS:
        picture.close()
        raise ImageError(f"{path}: {picture.width}x{picture.height} pixels, more than the {MOST_PIXELS} accepted")
    return picture


def _check_size(path: Path, picture: Pillow.Image, size: tuple[int, int] | None) -> None:
    if size is not None and (picture.height, picture.width) != size:
        raise ImageError(
            f"{path}: expected {size[1]}x{size[0]} pixels as in the labels, found {picture.width}x{picture.height}"
        )


def _decoded(path: Path, picture: Pillow.Image, mode: str | None) -> Pillow.Image:
    try:
        picture.load()
        return picture.convert(mode) if mode and picture.mode != mode else picture
    except Exception as error:  # as above
        raise ImageError(f"{path}: truncated or damaged ({error})") from error


def _orientation(path: Path, picture: Pillow.Image) -> object:
    try:
        return picture.getexif().get(_EXIF_ORIENTATION, 1)
    except Exception as error:  # as above
        raise ImageError(f"{path}: its EXIF data are damaged ({error})") from error
