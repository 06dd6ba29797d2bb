"""Decide what the numbers in an image file mean: one rule for photographs, label maps, bitmasks and depth maps.

Pillow's mode hides much of it: 16-bit colour is cut to 8 bits, 2-bit and 4-bit grey is stretched to 0-255, TIFF files
are turned by their orientation tag while they are decoded. Here a file is read exactly, or refused by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image as Pillow

from bench.errors import ImageError

_ORIENTATION, _BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 0x0112, 258, 262, 339
_LOSSY_TIFF = frozenset({"jpeg", "tiff_jpeg", "webp", "jpeg2000"})
_UNSIGNED = 1
_WHITE_IS_ZERO = 0


@dataclass(frozen=True)
class PixelFormat:
    """How a file stores its pixels.

    Attributes:
        mode: Pillow's name of the channels after decoding, such as ``RGB``, ``L``, ``P``.
        bits: Bits a channel in the file (not after decoding).
        unsigned: False for a TIFF file of signed or floating-point numbers.
        inverted: True for a TIFF file in which 0 is white.
        lossy: True where the encoder may have changed the numbers.
        several: True if the file holds several pictures, as animations do.
    """

    mode: str
    bits: int
    unsigned: bool = True
    inverted: bool = False
    lossy: bool = False
    several: bool = False

    @property
    def grey_step(self) -> int:
        """What Pillow multiplied the numbers of a grey picture of 2 or 4 bits by: 85 or 17, otherwise 1."""
        return 255 // (2**self.bits - 1) if self.mode == "L" and self.bits < 8 else 1


@dataclass(frozen=True)
class PixelUse:
    """What the numbers are wanted for, and which formats serve.

    Attributes:
        expected: The fitting format in words.
        modes: Pillow's modes that fit.
        most_bits: Most bits a channel.
        exact: True if each number is an id or a measure, so that lossy files do not serve.
        advice: What to do about another mode.
    """

    expected: str
    modes: frozenset[str]
    most_bits: int
    exact: bool
    advice: str


PHOTOGRAPH = PixelUse(
    "8 bits a channel, in grey, RGB or a palette",
    frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX"}),
    8,
    False,
    "Convert the image to 8-bit sRGB first; programs disagree on what its numbers look like",
)
"""Grey becomes three equal channels, a palette its colours; transparency and colour profiles are left out."""
LABEL_MAP = PixelUse(
    "a label map with one 8-bit channel", frozenset({"1", "L", "P"}), 8, True,
    "Use the class-id masks, not the colour maps",
)  # fmt: skip
BITMASK = PixelUse(
    "a bitmask with four 8-bit channels", frozenset({"RGBA"}), 8, True, "Use the bitmasks as they were published"
)
DEPTH_MAP = PixelUse(
    "a depth map with one 8-bit or 16-bit channel", frozenset({"L", "I", "I;16", "I;16B"}), 32, True,
    "Save depth as one channel of whole numbers",
)  # fmt: skip


def pixel_format(picture: Pillow.Image) -> PixelFormat:
    """Read the pixel format of an opened file from its header; call before the pixels are decoded."""
    file: Any = picture
    # A JPEG of a phone may carry further pictures (MPO); every program shows the first.
    several = bool(getattr(file, "is_animated", False)) and file.format != "MPO"
    if file.format == "PNG":
        return PixelFormat(file.mode, _png_bits(file.fp), several=several)
    if file.format == "TIFF":
        tags = file.tag_v2
        bits, signs = tags.get(_BITS, (1,)), tags.get(_SAMPLE_FORMAT, (_UNSIGNED,))
        return PixelFormat(
            file.mode,
            max(bits),
            unsigned=set(signs) == {_UNSIGNED},
            inverted=tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO,
            lossy=file.info.get("compression") in _LOSSY_TIFF,
            several=several,
        )
    # BMP files of fewer bits have a palette, whose indices Pillow keeps.
    return PixelFormat(file.mode, 8, lossy=file.format in ("JPEG", "MPO", "WEBP"), several=several)


def check_format(path: Path, found: PixelFormat, use: PixelUse) -> None:
    """Refuse a file whose numbers cannot be read exactly for the use.

    Raises:
        ImageError: What was expected and found, and what to do.
    """
    described = f"found mode {found.mode!r} of {found.bits} bits"
    if found.several:
        raise ImageError(f"{path}: expected one picture, found several (an animation or pages). Save the one you mean")
    if found.bits > use.most_bits:
        raise ImageError(f"{path}: expected {use.expected}, {described}. Scale or renumber it to 8 bits first")
    if found.mode not in use.modes:
        raise ImageError(f"{path}: expected {use.expected}, {described}. {use.advice}")
    if not found.unsigned and found.bits <= 8:  # Pillow reads signed bytes as if they were unsigned
        raise ImageError(f"{path}: expected whole numbers from 0 to 255, found signed ones. Save it as PNG")
    if use.exact and found.lossy:
        raise ImageError(f"{path}: lossy compression has changed the numbers of {use.expected}. Use a PNG file")
    if use.exact and found.inverted:
        raise ImageError(f"{path}: 0 is stored as white, so programs disagree on the numbers. Save it as PNG")


def check_upright(path: Path, picture: Pillow.Image) -> None:
    """Refuse a file with an orientation tag (EXIF, TIFF or XMP): viewers then disagree on where a box lies.

    Raises:
        ImageError: The tag says that the picture is turned or mirrored, or cannot be read.
    """
    try:
        orientation = picture.getexif().get(_ORIENTATION, 1)
    except Exception as error:  # damaged files make Pillow raise TypeError, struct.error and what not
        raise ImageError(f"{path}: its EXIF data are damaged ({error})") from error
    if orientation not in (0, 1):
        raise ImageError(
            f"{path}: rotated by EXIF (orientation {orientation}), so programs disagree on its geometry. "
            "Bake the rotation into the pixels and check the labels, or leave the image out"
        )


def _png_bits(file: Any) -> int:  # noqa: ANN401  an open file of any kind
    """Bits a channel: the header chunk IHDR comes first in every PNG file, with the number in its ninth byte."""
    place = file.tell()
    file.seek(0)
    head = file.read(25)
    file.seek(place)
    if head[12:16] != b"IHDR" or len(head) < 25:
        raise ValueError("the PNG file does not begin with its header")
    return int(head[24])
