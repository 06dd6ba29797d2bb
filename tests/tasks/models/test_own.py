"""A model of one's own in one file: found without being run, loaded, held to its form."""

from pathlib import Path

import numpy as np
import pytest

from bench.contract import Classes, ClassSpace, Detections, Options, Sample, Truth
from bench.errors import ImageError, UserError
from bench.io.masks import decode
from tasks.classes import known_spaces
from tasks.detection.task import build as build_detection
from tasks.instances.task import build as build_instances
from tasks.models.answers import detections_of, label_map_of
from tasks.models.own import find_own
from tasks.semantic.task import build as build_semantic

COCO = Classes(instances=known_spaces()["coco"])
STREETS = Classes(labels=known_spaces()["cityscapes"])
DETECTOR = """
def build(options):
    assert options.device == "cpu"
    def detect(images):
        return [{"boxes": [[1, 2, 30, 40], [-5, 0, 9, 9]], "scores": [0.5, 0.75], "classes": CLASSES_HERE}
                for image in images]
    return detect
"""
BOOM = "raise SystemExit('this file was run')\n"


def write(folder: Path, text: str, name: str = "mine.py") -> str:
    (folder / name).write_text(text)
    return f"{folder / name}:build"


def look(judge, image):
    [found] = judge([image], [Sample("a", image, None, Truth(image.shape[:2]))])
    return found


def detect(folder: Path, classes: str, image, constant: str = "") -> Detections:
    model = write(folder, constant + DETECTOR.replace("CLASSES_HERE", classes))
    return look(build_detection({"model": model}, COCO).judge(Options()), image)


def test_classes_by_name_by_own_number_and_by_the_datasets(tmp_path: Path, image_of) -> None:
    image = image_of(50, 60, 1)
    for classes, constant in (
        ("['car', 'person']", ""),
        ("[2, 0]", ""),  # places in the dataset's classes, from 0
        ("[1, 0]", "CLASSES = ['person', 'car']\n"),
        ("['car', 'pedestrian']", "CLASSES: list[str] = ['pedestrian', 'car']\n"),
    ):
        found = detect(tmp_path, classes, image, constant)
        assert found.scores.tolist() == [0.75, 0.5]
        assert found.boxes.tolist() == [[0, 0, 9, 9], [1, 2, 30, 40]]
        assert found.class_ids.tolist() == [1, 3]  # COCO's ids
    assert detect(tmp_path, "['unicorn', 'car']", image).class_ids.tolist() == [3]


def test_the_file_is_not_run_before_its_model_is_loaded(tmp_path: Path) -> None:
    task = build_detection({"model": write(tmp_path, "CLASSES = ('car', 'bus')\n" + BOOM)}, COCO)
    assert (task.model, task.scored) == ("mine", (3, 6))
    assert str(tmp_path) not in task.fingerprint
    with pytest.raises(UserError, match="this file was run"):
        task.judge(Options())


def test_the_fingerprint_follows_the_code_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()

    def of(text: str, folder: Path = tmp_path) -> str:
        return build_detection({"model": write(folder, text)}, COCO).fingerprint

    first = of("def build(options):\n    return 1\n")
    assert of("def build(options):\n    '''Prose.'''\n    return 1  # and more\n") == first
    assert of("def build(options):\n    return 1\n", tmp_path / "elsewhere") == first
    assert of("def build(options):\n    return 2\n") != first
    assert of("CLASSES = ['car']\ndef build(options):\n    return 1\n") != first

    def maps(text: str, folder: Path = tmp_path) -> str:
        return build_semantic({"model": write(folder, text)}, STREETS).fingerprint

    assert maps("def build(options):\n    return 1\n") == maps(
        "def build(options):\n    return 1\n", tmp_path / "elsewhere"
    )
    assert maps("def build(options):\n    return 1\n") != maps("def build(options):\n    return 2\n")


def test_a_row_may_have_a_name_of_its_own(tmp_path: Path) -> None:
    assert build_detection({"model": "best=" + write(tmp_path, BOOM)}, COCO).model == "best"


def test_masks_make_an_instance_segmenter(tmp_path: Path, image_of) -> None:
    text = """
import numpy as np
def build(options):
    def segment(images):
        mask = np.zeros((2, *images[0].shape[:2]), bool)
        mask[0, 10:20, 5:45] = True
        return [{"masks": mask, "scores": np.float32([0.5, 0.9]), "classes": ["car", "car"]} for _ in images]
    return segment
"""
    found = look(build_instances({"model": write(tmp_path, text)}, COCO).judge(Options()), image_of(50, 60, 1))
    assert found.boxes.tolist() == [[5, 10, 45, 20]]  # what is empty has no box
    assert found.masks is not None
    assert decode(found.masks[0]).sum() == 400


def test_label_maps_by_own_classes_and_by_the_datasets(tmp_path: Path, image_of) -> None:
    image = image_of(40, 50, 1)
    text = """
import numpy as np
def build(options):
    def segment(images):
        return [np.tile(np.arange(image.shape[1]) // 25, (image.shape[0], 1)) for image in images]
    return segment
"""
    found = look(build_semantic({"model": write(tmp_path, text)}, STREETS).judge(Options()), image)
    assert found.dtype == np.uint8
    assert np.unique(found).tolist() == [0, 1]
    own = write(tmp_path, "CLASSES = ['car', 'unicorn']\n" + text)
    found = look(build_semantic({"model": own}, STREETS).judge(Options()), image)
    assert np.unique(found).tolist() == [13, 255]
    assert build_semantic({"model": own}, STREETS).scored == (13,)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("def build(options): raise KeyError('no weights')", "failed .KeyError: 'no weights'"),
        ("def build(options): return 7", "returned int, expected a function"),
        ("build = 3", "is not callable"),
        ("x = 1", "has no 'build'"),
        ("import no_such_library", "cannot import"),
    ],
)
def test_a_file_that_fails_is_told_in_one_line(tmp_path: Path, text: str, reason: str) -> None:
    task = build_detection({"model": write(tmp_path, text)}, COCO)
    with pytest.raises(UserError, match=reason):
        task.judge(Options())


@pytest.mark.parametrize(
    "constant", ["CLASSES = list(range(3))", "CLASSES = 'car'", "CLASSES = ['car', 'car']", "CLASSES = []", "def ("]
)
def test_classes_have_to_stand_there_as_text(tmp_path: Path, constant: str) -> None:
    with pytest.raises(UserError, match=r"read without running the file|not a Python file"):
        find_own(write(tmp_path, constant + "\n"))


def test_a_missing_file_and_a_missing_function_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        build_detection({"model": f"{tmp_path / 'nothing.py'}:build"}, COCO)
    with pytest.raises(UserError, match=r"or path/to/mine\.py:build, got .*See 'derainbench list models'"):
        build_detection({"model": "mine.py"}, COCO)


@pytest.mark.parametrize("answers", ["None", "[]", "iter(images)", "[1, 2, 3]"])
def test_one_answer_an_image(tmp_path: Path, answers: str, image_of) -> None:
    judge = build_detection(
        {"model": write(tmp_path, f"def build(options):\n    return lambda images: {answers}\n")}, COCO
    ).judge(Options())
    with pytest.raises(ImageError, match="expected a list of 1 answers"):
        look(judge, image_of(40, 50, 1))


GOOD = {"boxes": [[0, 0, 4, 4]], "scores": [0.5], "classes": [1]}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"boxes": [[4, 0, 0, 4]]}, "x2 < x1"),
        ({"boxes": [[0, 0, 4]]}, r"'boxes' is \(1, 3\)"),
        ({"boxes": [[0, 0, 4, np.inf]]}, "'boxes' holds NaN or infinite"),
        ({"boxes": [[0, 0, 4, 4], [1]]}, "'boxes' is no array"),
        ({"boxes": []}, r"'boxes' is \(0,\) float64, expected numbers of shape \(1, 4\)"),
        ({"scores": [50.0]}, r"'scores' are in \[50, 50\], expected within \[0, 1\]"),
        ({"scores": 0.5}, r"'scores' is \(\) float64, expected numbers of shape \('N',\)"),
        ({"scores": ["high"]}, "'scores' is"),
        ({"classes": [2]}, r"in \[2, 2\], expected whole numbers from 0 to 1 \(mine\)"),
        ({"classes": [-1]}, "expected whole numbers from 0"),
        ({"classes": [0.5]}, "expected whole numbers"),
        ({"classes": [0, 1]}, r"'classes' has shape \(2,\)"),
        ({"classes": [None]}, "neither names nor whole numbers"),
        ({"masks": np.zeros((1, 5, 6))}, r"'masks' are \(1, 5, 6\) float64, expected \(1, 5, 6\) bool"),
        ({"masks": np.zeros((1, 6, 5), bool)}, r"expected \(1, 5, 6\) bool"),
    ],
)
def test_objects_of_a_wrong_form_are_told(changes: dict[str, object], reason: str) -> None:
    space = ClassSpace("mine", (4, 9), ("car", "bus"))
    assert detections_of(GOOD, (5, 6), space, masked=False).class_ids.tolist() == [9]
    with pytest.raises(ImageError, match=reason):
        detections_of({**GOOD, **changes}, (5, 6), space, masked="masks" in changes)
    for name in GOOD:
        with pytest.raises(ImageError, match=f"lacks {name!r}"):
            detections_of({key: GOOD[key] for key in GOOD if key != name}, (5, 6), space, masked=False)


def test_nothing_seen_is_an_answer() -> None:
    space = ClassSpace("mine", (4, 9), ("car", "bus"))
    for empty in ([], np.zeros((0, 4))):
        found = detections_of({"boxes": empty, "scores": [], "classes": []}, (5, 6), space, masked=False)
        assert (found.boxes.shape, found.class_ids.shape) == ((0, 4), (0,))
    masked = {"masks": [], "scores": [], "classes": []}
    assert detections_of(masked, (5, 6), space, masked=True).masks == ()


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (np.zeros((6, 5), int), r"expected a label map \(5, 6\) of whole numbers, got \(6, 5\)"),
        (np.zeros((5, 6)), "float64"),
        (np.full((5, 6), 2), "has the number 2, expected 0 to 1"),
        (np.full((5, 6), -1), "has the number -1"),
        (None, "got"),
    ],
)
def test_label_maps_of_a_wrong_form_are_told(labels: object, reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        label_map_of(labels, (5, 6), ClassSpace("mine", (0, 1), ("car", "bus")))
