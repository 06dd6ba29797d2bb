"""Every way in which a picture can be stored is read exactly, or refused by name."""

import itertools
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from bench.errors import ImageError
from bench.io.images import read_bitmask, read_depth, read_image, read_label_map

Numbers = npt.NDArray[np.integer]
HEIGHT, WIDTH = 5, 7

MODES = ["1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr", "LAB", "HSV", "I", "F"]
MODES += ["I;16", "I;16B", "I;16L"]
LOSSLESS = {"png": {}, "bmp": {}, "tif": {}, "webp": {"lossless": True, "exact": True}}
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Channels of PNG's colour types: grey, RGB, palette, grey with alpha, RGBA."""


def packed(samples: Numbers, bits: int) -> bytes:
    """Rows of samples (H, N) in so many bits each, the first in the highest bits; a row begins at a byte."""
    if bits == 16:
        return samples.astype(">u2").tobytes()
    digits = np.unpackbits(samples.astype(np.uint8)[..., None], axis=-1)[..., -bits:]
    return np.packbits(digits.reshape(len(samples), -1), axis=1).tobytes()


def write_png_of(path: Path, samples: Numbers, bits: int, colour: int) -> None:
    """A PNG of any depth and colour type, by hand; samples are (H, W * channels)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", samples.shape[1] // CHANNELS[colour], len(samples), bits, colour, 0, 0, 0)
    rows = packed(samples, bits)
    size = len(rows) // len(samples)
    lines = b"".join(b"\0" + rows[start : start + size] for start in range(0, len(rows), size))
    palette = chunk(b"PLTE", bytes(range(3 * 2**bits))) if colour == 3 and bits < 8 else b""
    palette = chunk(b"PLTE", bytes(value % 256 for value in range(768))) if colour == 3 and bits == 8 else palette
    data = chunk(b"IHDR", head) + palette + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)


def write_tiff_of(path: Path, samples: Numbers, bits: int, channels: int, more: Mapping[int, Sequence[int]]) -> None:
    """An uncompressed little-endian TIFF, by hand; samples are (H, W * channels), ``more`` further tags of shorts."""
    rows = samples.astype("<u2").tobytes() if bits == 16 else packed(samples, bits)
    tags: dict[int, Sequence[int]] = {
        256: [samples.shape[1] // channels], 257: [len(samples)], 258: [bits] * channels, 259: [1],
        262: [2 if channels >= 3 else 1], 273: [8], 277: [channels], 278: [len(samples)], 279: [len(rows)], **more,
    }  # fmt: skip
    start = 8 + len(rows) + len(rows) % 2
    extra, entries, place = b"", b"", start + 2 + 12 * len(tags) + 4
    for number, values in sorted(tags.items()):
        data = struct.pack(f"<{len(values)}H", *values)
        if len(data) > 4:
            data, extra = struct.pack("<I", place + len(extra)), extra + data
        entries += struct.pack("<HHI", number, 3, len(values)) + data.ljust(4, b"\0")
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)
    path.write_bytes(struct.pack("<2sHI", b"II", 42, start) + rows.ljust(start - 8, b"\0") + directory + extra)


def random_samples(seed: int, width: int, bits: int) -> Numbers:
    return np.random.default_rng(seed).integers(0, 2**bits, (HEIGHT, width))


def picture_of(mode: str, seed: int) -> Pillow.Image:
    """A picture of random numbers in a mode of Pillow's."""
    rng = np.random.default_rng(seed)
    if mode == "F":
        return Pillow.fromarray(rng.random((HEIGHT, WIDTH), dtype=np.float32))
    wide = 4 if mode == "I" else 2 if mode.startswith("I;16") else 1
    size = (WIDTH + 7) // 8 if mode == "1" else WIDTH * wide * len(Pillow.new(mode, (1, 1)).getbands())
    picture = Pillow.frombytes(mode, (WIDTH, HEIGHT), rng.bytes(HEIGHT * size))
    if mode in ("P", "PA"):
        picture.putpalette(rng.bytes(768))
    return picture


def read_or_none(read: Callable[[Path], Numbers], path: Path) -> Numbers | None:
    try:
        return read(path)
    except ImageError as error:
        assert str(path) in str(error)  # noqa: PT017
        assert "not a readable image" not in str(error)  # noqa: PT017
        return None


@pytest.mark.parametrize(("suffix", "mode"), list(itertools.product(LOSSLESS, MODES)))
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1))
def test_every_mode_that_pillow_writes(suffix: str, mode: str, seed: int, tmp_path: Path) -> None:
    picture, path = picture_of(mode, seed), tmp_path / f"a.{suffix}"
    try:
        picture.save(path, **LOSSLESS[suffix])
    except (OSError, ValueError, KeyError):  # Pillow does not write this mode in this format
        return
    image = read_or_none(read_image, path)
    if mode in ("1", "L", "P", "RGB"):
        assert image is not None
    if image is not None:  # in the colours that the picture had before it was written
        np.testing.assert_array_equal(image, np.asarray(picture.convert("RGB")))
    if suffix != "webp":  # Pillow itself converts to RGB for WebP
        assert image is None or mode not in ("CMYK", "LAB", "I", "F", "I;16", "I;16B", "I;16L")
    ids = read_or_none(read_label_map, path)
    if mode in ("1", "L", "P") and suffix in ("png", "tif"):
        np.testing.assert_array_equal(ids, np.asarray(picture).astype(np.uint8))
    elif ids is not None:
        assert suffix == "bmp"  # where grey may be stored as a palette
        np.testing.assert_array_equal(ids, np.asarray(picture).astype(np.uint8))
    bits = read_or_none(read_bitmask, path)
    assert (bits is not None) is (mode in ("RGBA", "RGBa") and suffix in ("png", "tif", "bmp") and bits is not None)
    if mode == "RGBA" and bits is not None:
        np.testing.assert_array_equal(bits, np.asarray(picture))


@pytest.mark.parametrize(
    ("colour", "bits"),
    [(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16), (3, 1), (3, 2), (3, 4), (3, 8), (4, 8), (4, 16), (6, 8),
     (6, 16)],
)  # fmt: skip
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1))
def test_every_kind_of_png(colour: int, bits: int, seed: int, tmp_path: Path) -> None:
    samples = random_samples(seed, WIDTH * CHANNELS[colour], bits)
    write_png_of(tmp_path / "a.png", samples, bits, colour)
    image = read_or_none(read_image, tmp_path / "a.png")
    ids = read_or_none(read_label_map, tmp_path / "a.png")
    channels = samples.reshape(HEIGHT, WIDTH, -1)
    if bits == 16:
        assert image is None
    elif colour in (0, 4):  # grey of n bits reaches from 0 to 2**n - 1
        np.testing.assert_array_equal(image, np.repeat(channels[..., :1] * (255 // (2**bits - 1)), 3, axis=2))
    elif colour in (2, 6):
        np.testing.assert_array_equal(image, channels[..., :3])
    else:
        np.testing.assert_array_equal(image, (channels * 3 + np.arange(3)) % 256)
    if colour in (0, 3) and bits <= 8:
        np.testing.assert_array_equal(ids, samples)
    else:
        assert ids is None
    assert (read_or_none(read_bitmask, tmp_path / "a.png") is not None) is ((colour, bits) == (6, 8))
    depth = read_or_none(lambda path: read_depth(path, 1.0), tmp_path / "a.png")
    if colour == 0 and bits > 1:
        np.testing.assert_array_equal(np.where(samples == 0, np.inf, samples), depth)


@pytest.mark.parametrize(("channels", "bits"), list(itertools.product((1, 3, 4), (2, 4, 8, 16))))
@pytest.mark.parametrize("inverted", [False, True])
def test_tiff_of_any_depth(channels: int, bits: int, inverted: bool, tmp_path: Path) -> None:
    more = {262: [0]} if inverted else {}
    more |= {338: [2]} if channels == 4 else {}
    if inverted and channels > 1:
        return
    path, samples = tmp_path / "a.tif", random_samples(bits, WIDTH * channels, bits)
    write_tiff_of(path, samples, bits, channels, more)
    if channels > 1 and bits < 8:  # nobody writes those, and Pillow does not know them
        with pytest.raises(ImageError):
            read_image(path)
        return
    image, ids = read_or_none(read_image, path), read_or_none(read_label_map, path)
    if bits == 16:
        assert image is None
    elif channels == 1:
        grey = samples * (255 // (2**bits - 1))
        np.testing.assert_array_equal(image, np.repeat((255 - grey if inverted else grey)[..., None], 3, axis=2))
    else:
        np.testing.assert_array_equal(image, samples.reshape(HEIGHT, WIDTH, -1)[..., :3])
    if channels == 1 and bits <= 8 and not inverted:
        np.testing.assert_array_equal(ids, samples)
    else:
        assert ids is None


def test_signed_and_inverted_numbers_are_no_ids(tmp_path: Path) -> None:
    path, samples = tmp_path / "a.tif", random_samples(1, WIDTH, 8)
    write_tiff_of(path, samples, 8, 1, {339: [2]})
    for read in (read_image, read_label_map):
        with pytest.raises(ImageError, match="found signed ones"):
            read(path)
    write_tiff_of(path, random_samples(1, WIDTH, 16), 16, 1, {262: [0]})
    with pytest.raises(ImageError, match="0 is stored as white"):
        read_depth(path, 1.0)


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_deep_colour_is_refused_by_name(bits: int, tmp_path: Path) -> None:
    samples = random_samples(2, WIDTH * 3, bits)  # cameras write 10 and 12 bits into 16
    write_png_of(tmp_path / "a.png", samples, 16, 2)
    write_tiff_of(tmp_path / "a.tif", samples, 16, 3, {})
    for name in ("a.png", "a.tif"):
        with pytest.raises(ImageError, match=r"expected 8 bits a channel.*found mode 'RGB' of 16 bits. Scale"):
            read_image(tmp_path / name)


@pytest.mark.parametrize(("suffix", "orientation"), list(itertools.product(("png", "tif", "jpg", "webp"), range(2, 9))))
def test_a_turned_picture_is_refused_by_every_reader(suffix: str, orientation: int, tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{suffix}"
    picture_of("L", 1).save(path, exif=exif)
    with pytest.raises(ImageError, match=rf"orientation {orientation}"):
        read_image(path)
    if suffix in ("png", "tif"):
        for read in (read_label_map, lambda path: read_depth(path, 1.0)):
            with pytest.raises(ImageError, match=rf"orientation {orientation}"):
                read(path)
        picture_of("RGBA", 1).save(path, exif=exif)
        with pytest.raises(ImageError, match=rf"orientation {orientation}"):
            read_bitmask(path)


def test_an_orientation_in_xmp_counts(tmp_path: Path) -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    picture_of("RGB", 1).save(tmp_path / "a.jpg", xmp=xmp)
    picture_of("RGB", 1).save(tmp_path / "a.tif", tiffinfo={700: xmp})
    for name in ("a.jpg", "a.tif"):
        with pytest.raises(ImageError, match="orientation 6"):
            read_image(tmp_path / name)


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_an_animation_is_refused(suffix: str, tmp_path: Path) -> None:
    first, second = picture_of("RGB", 1), picture_of("RGB", 2)
    first.save(tmp_path / f"a.{suffix}", save_all=True, append_images=[second])
    with pytest.raises(ImageError, match="expected one picture, found several"):
        read_image(tmp_path / f"a.{suffix}")


def test_a_phone_photograph_with_a_preview_is_one_picture(tmp_path: Path) -> None:
    first, second = Pillow.new("RGB", (16, 16), (9, 90, 200)), Pillow.new("RGB", (16, 16))
    first.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[second], quality=95)
    assert abs(read_image(tmp_path / "a.jpg")[8, 8].astype(int) - (9, 90, 200)).max() <= 3


@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_lossy_files_are_no_label_maps(name: str, tmp_path: Path) -> None:
    more = {"compression": "jpeg"} if name.endswith("tif") else {}
    picture_of("L", 1).resize((32, 32)).save(tmp_path / name, **more)
    read_image(tmp_path / name)
    with pytest.raises(ImageError, match="lossy compression"):
        read_label_map(tmp_path / name)


def test_printing_colours_are_refused_by_name(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.tif"):
        picture_of("CMYK", 3).save(tmp_path / name)
        with pytest.raises(ImageError, match=r"found mode 'CMYK' of 8 bits. Convert the image to 8-bit sRGB"):
            read_image(tmp_path / name)


@pytest.mark.parametrize("colours", [2, 16, 256])
@pytest.mark.parametrize("palette", ["grey", "turned", "colour"])
def test_bmp_palettes(colours: int, palette: str, tmp_path: Path) -> None:
    """By hand: Pillow writes palettes of 256 colours alone."""
    bits = {2: 1, 16: 4, 256: 8}[colours]
    values = np.linspace(0, 255, colours).astype(np.uint8) if colours < 256 else np.arange(256, dtype=np.uint8)
    values = values[::-1] if palette == "turned" else values
    table = np.stack([values, values, values if palette != "colour" else 255 - values, 0 * values], axis=1)
    samples = random_samples(4, WIDTH, bits)
    rows = packed(samples, bits)
    step = len(rows) // HEIGHT
    lines = [rows[start : start + step].ljust((step + 3) // 4 * 4, b"\0") for start in range(0, len(rows), step)]
    start = 14 + 40 + table.size
    info = struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, bits, 0, 0, 0, 0, colours, 0)
    body = b"".join(reversed(lines))
    head = struct.pack("<2sIHHI", b"BM", start + len(body), 0, 0, start)
    (tmp_path / "a.bmp").write_bytes(head + info + table.tobytes() + body)
    np.testing.assert_array_equal(read_image(tmp_path / "a.bmp"), table[samples][..., [2, 1, 0]])
    np.testing.assert_array_equal(read_label_map(tmp_path / "a.bmp"), samples)
