"""Read and write image files: photographs, label maps, bitmasks, depth maps; uint8 in and out, or a clear refusal.

What the numbers of a file mean is decided in :mod:`bench.io.pixel_format`.
"""

from __future__ import annotations

import struct
import warnings
import zlib
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import PngImagePlugin

from bench.contract import FloatArray, Image, LabelMap
from bench.errors import ImageError
from bench.io.files import atomic
from bench.io.pixel_format import (
    BITMASK,
    DEPTH_MAP,
    LABEL_MAP,
    PHOTOGRAPH,
    PixelFormat,
    PixelUse,
    check_format,
    check_upright,
    pixel_format,
)

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"})
OTHER_SUFFIXES = frozenset(
    f".{ending}"
    for ending in (
        *("jfif", "jpe", "jfi", "jif", "heic", "heif", "avif", "gif", "ppm", "pgm", "pbm", "pnm", "jp2", "j2k", "jxl"),
        *("apng", "tga", "dds", "psd", "ico", "exr", "hdr", "dng", "cr2", "cr3", "nef", "arw", "raf", "orf", "rw2"),
    )
)
"""Endings of images that are not read; :func:`left_out` counts such files."""
MOST_PIXELS = 64_000_000
"""Larger images are refused unread: a few bytes of PNG can claim a billion pixels."""

# What is decoded, whatever a file is called: Pillow has decoders that start programs (EPS).
_FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF")
# Taken now: ultralytics puts a function in its place that, at a damaged image, asks for another library.
_open = Pillow.open

# Said once and not around each opening: images are read in several threads, and filters are the whole process's.
# Larger images than MOST_PIXELS are refused here anyway.
warnings.filterwarnings("ignore", category=Pillow.DecompressionBombWarning)

_KEY = "derainbench-key"
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_RGB, _PNG_UP = 2, 2
"""Colour type, and the filter that subtracts the pixel above (PNG specification, 3rd edition, 11.2.1 and 9.2)."""


def read_image(path: Path, size: tuple[int, int] | None = None) -> Image:
    """Decode one photograph as uint8 RGB of shape (H, W, 3); greyscale becomes three equal channels.

    Args:
        path: A file in any format of ``IMAGE_SUFFIXES``.
        size: (height, width) that the labels state, if they do.

    Raises:
        ImageError: The file is absent, truncated, no image, too large, of another size, turned by an orientation tag
            (viewers then disagree on where a box lies), or its numbers are no 8-bit colours (:data:`PHOTOGRAPH`).
    """
    return _decode(path, PHOTOGRAPH, size)


def read_label_map(path: Path, size: tuple[int, int] | None = None) -> LabelMap:
    """Decode one label map as class ids in uint8 of shape (H, W): the numbers of a grey picture, or palette indices.

    Pictures of 1, 2 and 4 bits give their own numbers, from 0 on.

    Raises:
        ImageError: As :func:`read_image`, or the picture is a colour map or lossy (:data:`LABEL_MAP`).
    """
    return _decode(path, LABEL_MAP, size)


def read_bitmask(path: Path, size: tuple[int, int] | None = None) -> npt.NDArray[np.uint8]:
    """Decode one picture whose four channels are data, not colour and transparency: (H, W, 4) uint8.

    Raises:
        ImageError: As :func:`read_image`, or the picture has no four exact 8-bit channels (:data:`BITMASK`).
    """
    return _decode(path, BITMASK, size)


def read_depth(path: Path, metres: float, size: tuple[int, int] | None = None) -> FloatArray:
    """Decode one depth map of one 8-bit or 16-bit channel: (H, W) float64, metres from the camera.

    Args:
        path: The file.
        metres: Metres per unit of the stored numbers; 1/256 in KITTI's depth maps.
        size: (height, width) that the image has.

    Returns:
        The depth; infinite where nothing was measured (0), as in the sky.

    Raises:
        ImageError: As :func:`read_image`, or the picture has other channels (:data:`DEPTH_MAP`).
    """
    units = _decode(path, DEPTH_MAP, size).astype(np.float64)
    return np.where(units > 0, units * metres, np.inf)


def write_png(path: Path, pixels: Image | LabelMap, key: str = "") -> None:
    """Write a PNG atomically, colours fast and label maps small.

    Args:
        path: The file.
        pixels: (H, W, 3) or (H, W) uint8.
        key: A text kept in the file and read back by :func:`png_key`.
    """
    with atomic(path) as part:
        if pixels.ndim == 3:
            part.write_bytes(encode_png(pixels, {_KEY: key} if key else {}))
            return
        info = PngImagePlugin.PngInfo()
        if key:
            info.add_text(_KEY, key)
        Pillow.fromarray(pixels).save(part, format="PNG", compress_level=6, pnginfo=info)


def encode_png(pixels: Image, texts: Mapping[str, str]) -> bytes:
    """Encode one image without loss.

    On photographs this takes two fifths of the time of Pillow's level 1 and 5 % more bytes; the bytes depend on nothing
    but pixels, texts and the version of zlib. It lets go of Python's lock.

    Args:
        pixels: (H, W, 3) uint8, in any memory layout.
        texts: Keyword, of 1 to 79 letters, to a text of Latin-1 characters, kept before the pixels.
    """
    height, width = pixels.shape[:2]
    rows = np.ascontiguousarray(pixels).reshape(height, 3 * width)
    filtered = np.empty((height, 1 + 3 * width), np.uint8)
    filtered[:, 0] = _PNG_UP
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    packer = zlib.compressobj(1, strategy=zlib.Z_RLE)
    packed = packer.compress(filtered.data) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, _PNG_RGB, 0, 0, 0)
    written = [_chunk(b"tEXt", f"{name}\0{text}".encode("latin-1")) for name, text in texts.items()]
    return b"".join([_PNG, _chunk(b"IHDR", header), *written, _chunk(b"IDAT", packed), _chunk(b"IEND", b"")])


def _chunk(kind: bytes, content: bytes) -> bytes:
    """Frame a chunk: length, kind, content, checksum."""
    return b"".join(
        [struct.pack(">I", len(content)), kind, content, struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))]
    )


def png_key(path: Path) -> str:
    """Read the key inside one PNG file of :func:`write_png`; empty if there is no such file or key."""
    try:
        with _open(path, formats=["PNG"]) as picture:
            return str(picture.info.get(_KEY, ""))
    except Exception:  # whatever Pillow raises at a damaged file, see _opened
        return ""


def size_of_image(path: Path) -> tuple[int, int] | None:
    """Read (height, width) from one image's header; None if it cannot be read."""
    try:
        with _open(path, formats=_FORMATS) as picture:
            return picture.height, picture.width
    except Exception:  # whatever Pillow raises at a damaged file, see _opened
        return None


def list_images(folder: Path) -> dict[str, Path]:
    """List the image files directly in one folder, by stem, sorted.

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


def left_out(folder: Path, besides: Collection[Path] = ()) -> str:
    """Count the files of one folder that look like images and are not listed: other endings, and subfolders.

    Args:
        folder: The folder of images.
        besides: Subfolders that are read otherwise.

    Returns:
        One line such as ``2 files ending in .jfif, 4 images in b/``; empty if nothing is left out.
    """
    endings: Counter[str] = Counter()
    below: Counter[str] = Counter()
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name.startswith("."):
            continue
        if path.suffix.lower() in OTHER_SUFFIXES:
            endings[path.suffix.lower()] += 1
        elif path.is_dir() and path not in besides:
            below[path.name] += sum(found.suffix.lower() in IMAGE_SUFFIXES | OTHER_SUFFIXES for found in path.iterdir())
    parts = [f"{count} files ending in {suffix}" for suffix, count in endings.items()]
    return ", ".join(parts + [f"{count} images in {name}/" for name, count in below.items() if count])


def _decode(path: Path, use: PixelUse, size: tuple[int, int] | None) -> npt.NDArray[Any]:
    with _opened(path) as picture:
        found = _format(path, picture)
        check_format(path, found, use)
        late = picture.format == "PNG"  # an orientation may stand behind the pixels, and asking for it decodes them
        if not late:
            check_upright(path, picture)  # before decoding: Pillow turns TIFF files then, and drops the tag
        _check_size(path, picture, size)
        numbers = np.asarray(_decoded(path, picture, None if use.exact else "RGB"))
        if late:
            check_upright(path, picture)
    if not use.exact:
        return numbers
    whole = numbers.astype(np.uint8) if numbers.dtype == np.bool_ else numbers
    return whole // found.grey_step if found.grey_step > 1 else whole


def _format(path: Path, picture: Pillow.Image) -> PixelFormat:
    try:
        return pixel_format(picture)
    except Exception as error:  # as below
        raise ImageError(f"{path}: its header is damaged ({error})") from error


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
    except Exception as error:  # whatever Pillow raises at a damaged file, see _opened
        raise ImageError(f"{path}: truncated or damaged ({error})") from error
