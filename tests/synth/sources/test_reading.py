from pathlib import Path

import pytest
from PIL import Image as Pillow

from bench.errors import UserError
from bench.io.images import size_of_image
from synth.sources.reading import escapes, parameter, read_classes, stem_of, words


@pytest.mark.parametrize("name", ["a.jpg", "train/a.jpg", "a..b.jpg", "..a.jpg", "ä b.jpg", "a.tar.gz"])
def test_plain_names(name: str) -> None:
    assert not escapes(name)


@pytest.mark.parametrize(
    "name",
    ["../a.jpg", "a/../../b.jpg", "/a.jpg", "//a.jpg", "~/a.jpg", "a\\b.jpg", "C:a.jpg", "..", ".", "", "a\0.jpg", "/"],
)
def test_names_that_leave_their_folder(name: str) -> None:
    assert escapes(name)


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("a.jpg", "a"),
        ("b/a.jpg", "b/a"),
        ("a.b.png", "a.b"),
        ("a", "a"),
        ("..", ".."),
        ("", ""),
        (".hidden", ".hidden"),
    ],
)
def test_stems(name: str, stem: str) -> None:
    assert stem_of(name) == stem


def test_parameters_keep_their_type() -> None:
    assert parameter({"metres": 2}, "metres", 0.5) == 2.0
    assert parameter({}, "split", "val") == "val"
    for wrong in (1, True, ("a",)):
        with pytest.raises(UserError, match="'split': expected str, found"):
            parameter({"split": wrong}, "split", "val")
    with pytest.raises(UserError, match="expected bool"):
        parameter({"present": 1}, "present", False)


def test_one_word_or_several() -> None:
    assert words({"ignore": "void"}, "ignore") == ("void",)
    assert words({"ignore": ("void", 11)}, "ignore") == ("void", "11")
    assert words({}, "ignore", ("x",)) == ("x",)


def test_class_lists(tmp_path: Path) -> None:
    path = tmp_path / "classes.csv"
    path.write_bytes(b"\xef\xbb\xbfid,name\r\n0,sky\r\n7, road \r\n8,void\r\n")
    space, ignored = read_classes(path, "mine", ("8",))
    assert (space.ids, space.names, ignored) == ((0, 7), ("sky", "road"), frozenset({8}))


def test_sizes_from_headers(tmp_path: Path) -> None:
    Pillow.new("L", (7, 5)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"")
    assert size_of_image(tmp_path / "a.png") == (5, 7)
    assert size_of_image(tmp_path / "b.png") is None
    assert size_of_image(tmp_path / "c.png") is None
