"""Damaged and hostile XML, text labels and class lists are refused by file and line; nothing outside is read."""

from pathlib import Path

import pytest

from bench.errors import ImageError, UserError
from synth.sources.layouts.class_names import read_class_names
from synth.sources.layouts.source import open_layout
from synth.sources.layouts.voc import read_voc
from synth.sources.layouts.xml_fields import read_fields
from synth.sources.layouts.yolo import read_yolo
from tests.synth.sources.layouts.trees import Photo, voc_object, voc_text, write_text

BOX = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no valid XML"),
        ("not xml", "no valid XML"),
        ("<annotation><object>", "no valid XML"),
        (voc_text(voc_object("car", (1, 1, 9, 9)))[:-20], "no valid XML"),
        ("<html>\n<body/></html>", "line 1: expected <annotation>, found <html>"),
        (f'<!DOCTYPE a [<!ENTITY l0 "ha">{LAUGHS}]>\n<annotation>&l9;</annotation>', "line 1: a document type"),
        ('\n<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation>&x;</annotation>', "line 2: a document"),
        ('<!DOCTYPE annotation SYSTEM "http://example.com/a.dtd"><annotation/>', "line 1: a document type"),
        ("<annotation>&x;</annotation>", "no valid XML (undefined entity"),
        ('<?xml version="1.0" encoding="no-such"?><annotation/>', "no valid XML"),
        ('<?xml version="1.0" encoding="big5"?><annotation/>', "no valid XML"),
        ("<annotation>" + "\n<a>" * 20 + "</a>" * 20 + "</annotation>", "line 13: elements are nested more than 12"),
        (f"<annotation>\n<object>{BOX}</object></annotation>", "line 2: an object without a name"),
        (f"<annotation>\n<object><name> </name>{BOX}</object></annotation>", "line 2: an object without a name"),
        (
            "<annotation>\n<object><name>car</name></object></annotation>",
            "line 2: expected a number as xmin, found not",
        ),
        (voc_text(voc_object("car", (1, 1, float("nan"), 9))), "line 3: expected a number as xmax, found 'nan'"),
        (voc_text(voc_object("car", (1, 1, 9, 10**9))), "expected a number as ymax, found '1000000000'"),
        (voc_text(voc_object("car", (9, 1, 1, 9))), "line 3: impossible box 9, 1, 1, 9 (xmin, ymin, xmax, ymax)"),
    ],
)
def test_xml(tmp_path: Path, text: str, said: str) -> None:
    path = write_text(tmp_path / "a.xml", text)
    with pytest.raises(ImageError) as error:
        read_voc(path)
    assert str(error.value).startswith(f"{path}: ")
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_xml_that_is_large(tmp_path: Path) -> None:
    path = write_text(tmp_path / "a.xml", "<annotation>" + " " * (1 << 20) + "</annotation>")
    with pytest.raises(ImageError, match="1048601 bytes; expected a label file of at most 1048576"):
        read_fields(path, "annotation")
    with pytest.raises(ImageError, match="no such label file"):
        read_fields(tmp_path / "b.xml", "annotation")


def test_parts_of_objects_are_no_objects_and_text_is_kept_whole(tmp_path: Path) -> None:
    part = f"<part><name>head</name>{BOX.replace('9', '5')}</part>"
    path = write_text(tmp_path / "a.xml", voc_text(voc_object("motor<![CDATA[bike]]>", (1, 2, 30, 40), part)))
    (box,) = read_voc(path).boxes
    assert (box.label, box.corners, box.line) == ("motorbike", (0, 1, 30, 40), 3)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("0 0.5 0.5 0.1", "found 4 values"),
        ("0 0.1 0.1 0.2 0.1 0.2 0.2", "found 7 values; a polygon, convert it to its box"),
        ("car 0.5 0.5 0.1 0.1", "found 'car' as class"),
        ("-1 0.5 0.5 0.1 0.1", "found '-1' as class"),
        ("1.0 0.5 0.5 0.1 0.1", "found '1.0' as class"),
        ("² 0.5 0.5 0.1 0.1", "as class"),
        ("0 0.5 0.5 0.1 x", "found '0 0.5 0.5 0.1 x'"),
        ("0 0.5 nan 0.1 0.1", "found '0 0.5 nan 0.1 0.1'"),
        ("0 320 240 64 48", "found '0 320 240 64 48'"),
        ("0 0.5 -0.5 0.1 0.1", "shares from 0 to 1"),
    ],
)
def test_yolo_lines(tmp_path: Path, line: str, said: str) -> None:
    path = write_text(tmp_path / "a.txt", f"0 0.5 0.5 0.1 0.1\n\n{line}\n")
    with pytest.raises(ImageError) as error:
        read_yolo(path)
    assert str(error.value).startswith(f"{path}: line 3: expected class, centre x, ")
    assert said in str(error.value)


def test_yolo_files_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\x89PNG\r\n\x1a\n\xff")
    with pytest.raises(ImageError, match=r"a\.txt: no text"):
        read_yolo(tmp_path / "a.txt")
    (tmp_path / "b.txt").write_bytes(b"0 0.5 0.5 0.1 0.1\n" * 70_000)
    with pytest.raises(ImageError, match="bytes; expected a label file of at most"):
        read_yolo(tmp_path / "b.txt")


@pytest.mark.parametrize(
    ("layout", "text", "said"),
    [
        (
            "rid",
            voc_text(voc_object("zebra", (1, 1, 9, 9))),
            "line 3: unknown class 'zebra'; known: person, pedestrian",
        ),
        (
            "rid",
            voc_text(voc_object("car", (1, 1, 67, 9))),
            "line 3: box 0, 0, 67, 9 leaves the 64x48 image; the image",
        ),
        (
            "rid",
            voc_text(voc_object("car", (1, 1, 9, 9)), size=(64, 48)),
            "line 2: labels for 48x64 pixels, the image h",
        ),
        (
            "rid",
            voc_text(voc_object("car", (1, 1, 9, 9)), size=(96, 128)),
            "they belong to another image, or it was re",
        ),
        ("yolo", "7 0.5 0.5 0.1 0.1", "line 1: unknown class '7'; known: 0, 1"),
        ("yolo", "0 0.1 0.5 0.9 0.1", "line 1: box -22.4, "),
    ],
)
def test_labels_that_are_not_for_their_image(tmp_path: Path, photo: Photo, layout: str, text: str, said: str) -> None:
    photo("images/a.png")
    write_text(tmp_path / "classes.txt", "person\ncar\n")
    label = tmp_path / ("annotations/a.xml" if layout == "rid" else "labels/a.txt")
    write_text(label, text)
    source = open_layout(tmp_path, {"layout": layout})
    with pytest.raises(ImageError) as error:
        source.load("a")
    assert str(error.value).startswith(f"{label}: ")
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("data.yaml", "names: [a, b", "no valid YAML"),
        ("data.yaml", "names: [a, [b]]", "expected names: a list of class names"),
        ("data.yaml", "names: {x: a}", "expected names"),
        ("data.yaml", "names: {-1: a}", "expected names"),
        ("data.yaml", "nc: 2", "expected names"),
        ("data.yaml", "names: []", "names 0 classes"),
        ("data.yaml", "!!python/object/apply:os.system [touch owned]", "no valid YAML"),
        ("data.yaml", "a: &a [x]\n" + "".join(f"b{n}: &b{n} [*a, *a]\n" for n in range(5)), "expected names"),
        ("data.yaml", "[" * 5000, "no valid YAML"),
        ("data.yaml", "names: [2001-99-99]", "no valid YAML"),
        ("data.yaml", "x" * 70_000, "70000 bytes; expected class names"),
        ("classes.txt", "person\n\ncar\n", "line 2 is empty"),
        ("classes.txt", "", "line 1 is empty"),
    ],
)
def test_class_names(tmp_path: Path, name: str, text: str, said: str) -> None:
    path = write_text(tmp_path / name, text)
    with pytest.raises(UserError) as error:
        read_class_names(tmp_path, "", "custom")
    assert str(error.value).startswith(f"{path}: ")
    assert said in str(error.value)
    assert not (tmp_path / "owned").exists()


def test_class_names_that_are_absent_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no class names; expected data\.yaml, "):
        read_class_names(tmp_path, "", "custom")
    (tmp_path / "classes.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"classes\.txt: no text"):
        read_class_names(tmp_path, "", "custom")
    with pytest.raises(UserError, match=r"no class names; expected mine\.txt"):
        read_class_names(tmp_path, "mine.txt", "custom")


def test_a_folder_that_leads_elsewhere(tmp_path: Path, photo: Photo) -> None:
    photo("elsewhere/secret.png")
    photo("root/images/a.png")
    write_text(tmp_path / "root/annotations/a.xml", voc_text())
    (tmp_path / "root/images/link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    write_text(tmp_path / "root/annotations/link/secret.xml", voc_text())
    assert open_layout(tmp_path / "root", {"layout": "rid"}).ids == ("a",)


def test_photographs_that_differ_in_their_ending(tmp_path: Path, photo: Photo) -> None:
    photo("images/a.png")
    photo("images/a.jpg")
    write_text(tmp_path / "annotations/a.xml", voc_text())
    with pytest.raises(UserError, match=r"a\.png and a\.jpg differ in their ending alone"):
        open_layout(tmp_path, {"layout": "rid"})


def test_a_damaged_file_costs_its_image_alone(tmp_path: Path, photo: Photo) -> None:
    for name in ("a", "b"):
        photo(f"images/{name}.png")
    write_text(tmp_path / "annotations/a.xml", "<annotation>")
    write_text(tmp_path / "annotations/b.xml", voc_text(voc_object("car", (1, 1, 9, 9))))
    source = open_layout(tmp_path, {"layout": "rid"})
    assert source.objects("a") == 0  # type: ignore[union-attr]
    with pytest.raises(ImageError, match=r"a\.xml: no valid XML"):
        source.load("a")
    assert len(source.load("b").truth.instances.boxes) == 1  # type: ignore[union-attr]
