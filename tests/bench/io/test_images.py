from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image as Pillow

from bench.errors import ImageError
from bench.io.images import MOST_PIXELS, left_out, list_images, png_key, read_image, read_label_map, write_png

ImageOf = Callable[[int, int, int], npt.NDArray[np.uint8]]


def png_header(width: int, height: int, colour_type: int = 2) -> bytes:
    """A PNG that claims a size and holds nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif"])
def test_lossless_formats_come_back_exactly(suffix: str, image_of: ImageOf, tmp_path: Path) -> None:
    image = image_of(20, 31, 1)
    Pillow.fromarray(image).save(tmp_path / f"a.{suffix}")
    assert np.array_equal(read_image(tmp_path / f"a.{suffix}"), image)


@pytest.mark.parametrize("suffix", ["jpg", "webp"])
def test_lossy_formats_are_decoded_as_rgb(suffix: str, tmp_path: Path) -> None:
    image = np.full((16, 24, 3), (200, 30, 90), np.uint8)
    Pillow.fromarray(image).save(tmp_path / f"a.{suffix}", quality=95)
    found = read_image(tmp_path / f"a.{suffix}", (16, 24))
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - image).max() <= 6


def test_greyscale_becomes_three_equal_channels(tmp_path: Path) -> None:
    grey = np.arange(48, dtype=np.uint8).reshape(6, 8)
    Pillow.fromarray(grey).save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png"), np.stack([grey] * 3, axis=-1))


def test_a_truncated_jpeg_is_refused(image_of: ImageOf, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Pillow.fromarray(image_of(64, 64, 0)).save(path)
    path.write_bytes(path.read_bytes()[:-900])
    with pytest.raises(ImageError, match=r"a\.jpg: truncated or damaged"):
        read_image(path)


def test_zero_bytes_no_file_and_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "page.jpg").write_text("<!DOCTYPE html><html>not found</html>")
    for name in ("empty.png", "page.jpg"):
        with pytest.raises(ImageError, match=rf"{name}: not a readable image"):
            read_image(tmp_path / name)
    with pytest.raises(ImageError, match=r"absent\.png: no such image"):
        read_image(tmp_path / "absent.png")
    with pytest.raises(ImageError, match="no such image"):
        read_image(tmp_path)


@pytest.mark.parametrize("orientation", [2, 3, 6, 8])
def test_an_image_rotated_by_exif_is_refused(orientation: int, image_of: ImageOf, tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    Pillow.fromarray(image_of(20, 30, 0)).save(tmp_path / "a.jpg", exif=exif)
    with pytest.raises(ImageError, match=rf"rotated by EXIF \(orientation {orientation}\)"):
        read_image(tmp_path / "a.jpg")


def test_exif_that_says_upright_is_fine(image_of: ImageOf, tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 1
    Pillow.fromarray(image_of(20, 30, 0)).save(tmp_path / "a.jpg", exif=exif)
    assert read_image(tmp_path / "a.jpg").shape == (20, 30, 3)


@pytest.mark.parametrize(("width", "height"), [(40_000, 40_000), (8_001, 8_000)])
def test_a_header_that_claims_too_many_pixels_is_refused_unread(width: int, height: int, tmp_path: Path) -> None:
    assert width * height > MOST_PIXELS
    (tmp_path / "bomb.png").write_bytes(png_header(width, height))
    with pytest.raises(ImageError, match=r"bomb\.png"):
        read_image(tmp_path / "bomb.png")


def test_a_size_that_differs_from_the_labels_is_refused(image_of: ImageOf, tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", image_of(20, 30, 0))
    with pytest.raises(ImageError, match="expected 31x20 pixels as in the labels, found 30x20"):
        read_image(tmp_path / "a.png", (20, 31))


def test_sixteen_bits_are_refused_rather_than_clipped(tmp_path: Path) -> None:
    Pillow.fromarray(np.full((8, 8), 4000, np.uint16)).save(tmp_path / "a.png")
    with pytest.raises(ImageError, match=r"a\.png: expected 8 bits a channel"):
        read_image(tmp_path / "a.png")


def test_other_formats_are_not_decoded_whatever_their_name(tmp_path: Path) -> None:
    # Pillow would hand PostScript to Ghostscript.
    (tmp_path / "a.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n")
    picture = io.BytesIO()
    Pillow.new("RGB", (8, 8)).save(picture, "GIF")
    (tmp_path / "b.png").write_bytes(picture.getvalue())
    for name in ("a.png", "b.png"):
        with pytest.raises(ImageError, match="not a readable image"):
            read_image(tmp_path / name)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "WEBP", "TIFF"])
def test_damaged_bytes_are_an_image_or_a_refusal(kind: str, image_of: ImageOf, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Pillow.fromarray(image_of(24, 36, 0)).save(buffer, kind)
    whole = buffer.getvalue()
    rng = random.Random(kind)  # noqa: S311
    path = tmp_path / "a.png"
    refused = 0
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(rng.choice([1, 4, 16])):
            damaged[rng.randrange(min(len(damaged), rng.choice([120, len(damaged)])))] = rng.randrange(256)
        path.write_bytes(damaged[: rng.choice([len(damaged), rng.randrange(len(damaged))])])
        try:
            image = read_image(path)
        except ImageError as error:
            refused += 1
            assert str(path) in str(error)  # noqa: PT017
        else:
            assert image.dtype == np.uint8
            assert image.ndim == 3
    assert refused > 20


def test_a_palette_label_map_keeps_its_class_ids(tmp_path: Path) -> None:
    ids = np.array([[0, 3], [11, 255]], np.uint8)
    picture = Pillow.fromarray(ids, mode="P")
    picture.putpalette([value for index in range(256) for value in (index * 7 % 256, index * 3 % 256, 9)])
    picture.save(tmp_path / "a.png")
    assert np.array_equal(read_label_map(tmp_path / "a.png", (2, 2)), ids)


def test_a_colour_map_is_no_label_map(tmp_path: Path) -> None:
    Pillow.new("RGB", (4, 4), (128, 64, 128)).save(tmp_path / "a.png")
    with pytest.raises(ImageError, match=r"one 8-bit channel, found mode 'RGB'.*not the colour maps"):
        read_label_map(tmp_path / "a.png")


@pytest.mark.parametrize("shape", [(9, 13, 3), (9, 13)])
def test_written_pixels_and_key_come_back(shape: tuple[int, ...], tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    write_png(tmp_path / "a.png", pixels, "key 1")
    read = read_image if len(shape) == 3 else read_label_map
    assert np.array_equal(read(tmp_path / "a.png"), pixels)
    assert png_key(tmp_path / "a.png") == "key 1"


def test_a_key_is_empty_where_there_is_none(image_of: ImageOf, tmp_path: Path) -> None:
    write_png(tmp_path / "plain.png", image_of(9, 9, 0))
    (tmp_path / "zero.png").write_bytes(b"")
    assert [png_key(tmp_path / name) for name in ("plain.png", "zero.png", "absent.png")] == ["", "", ""]


def test_images_are_listed_by_stem_in_order_without_other_files(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "notes.txt", ".hidden.png", "c.part"):
        (tmp_path / name).write_bytes(b"")
    assert list(list_images(tmp_path)) == ["a", "b"]
    (tmp_path / "a.jpg").write_bytes(b"")
    with pytest.raises(ImageError, match=r"a\.png and a\.jpg share a stem"):
        list_images(tmp_path)
    with pytest.raises(ImageError, match="no such folder"):
        list_images(tmp_path / "absent")


def test_what_looks_like_an_image_and_is_not_listed_is_counted(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "masks").mkdir()
    for name in (
        "a.png",
        "b.JFIF",
        "c.jfif",
        "d.heic",
        ".e.gif",
        "notes.txt",
        "more/f.png",
        "more/g.gif",
        "masks/a.png",
    ):
        (tmp_path / name).write_bytes(b"")
    assert list(list_images(tmp_path)) == ["a"]
    wanted = "2 files ending in .jfif, 1 files ending in .heic, 2 images in more/"
    assert left_out(tmp_path, [tmp_path / "masks"]) == wanted
    assert left_out(tmp_path / "masks") == ""
    assert left_out(tmp_path / "absent") == ""
