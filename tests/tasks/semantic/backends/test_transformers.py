"""Segmenters of transformers, with random weights: the library's own pipeline is the reference."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from bench.contract import UNLABELLED, Classes, ClassSpace, Image, LabelMap, Options, Sample, Truth
from bench.errors import UserError
from bench.io.images import read_image
from tasks.classes import known_spaces
from tasks.semantic.task import build
from tests.tasks.tiny_transformers import CITYSCAPES, eomt, mask2former, oneformer, save, segformer, transformers

STREETS = Classes(labels=known_spaces()["cityscapes"])
MAKERS = {
    "segformer": segformer,
    "mask2former": partial(mask2former, CITYSCAPES),
    "oneformer": partial(oneformer, CITYSCAPES),
    "eomt": partial(eomt, CITYSCAPES, split=True),
}


@pytest.fixture(scope="module", params=MAKERS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("hub") / request.param, MAKERS[request.param]())


def look(folder: Path, *images: Image, classes: Classes = STREETS, outputs: str = "auto") -> list[LabelMap]:
    samples = [Sample(str(n), image, None, Truth(image.shape[:2])) for n, image in enumerate(images)]
    task = build({"model": f"transformers:{folder}", "outputs": outputs}, classes)
    return list(task.judge(Options())(images, samples))  # type: ignore[arg-type]


def compare_with_pipeline(folder: Path, image: Image) -> None:
    [found] = look(folder, image)
    assert found.dtype == np.uint8
    pipeline = transformers.pipeline("image-segmentation", model=str(folder), device="cpu")
    expected = np.full(image.shape[:2], UNLABELLED, dtype=np.uint8)
    for part in pipeline(Pillow.fromarray(image), subtask="semantic"):
        expected[np.asarray(part["mask"]) > 0] = CITYSCAPES.index(part["label"])
    assert len(np.unique(expected)) > 1
    np.testing.assert_array_equal(found, expected)


def test_answers_are_those_of_the_librarys_pipeline(folder: Path, image_of) -> None:
    compare_with_pipeline(folder, image_of(75, 110, 1))


@pytest.mark.shared
def test_on_a_photograph_too(folder: Path, shared: Path) -> None:
    compare_with_pipeline(folder, read_image(min((shared / "data/camvid/val").glob("*.png"))))


def test_an_answer_does_not_depend_on_the_neighbours(folder: Path, image_of) -> None:
    image, other = image_of(75, 110, 1), image_of(64, 64, 2)
    [alone] = look(folder, image)
    _, beside = look(folder, other, image)
    np.testing.assert_array_equal(alone, beside)


def test_its_classes_become_the_datasets(folder: Path, image_of) -> None:
    image = image_of(75, 110, 1)
    [own] = look(folder, image)
    seen = int(np.unique(own)[0])
    mine = Classes(labels=ClassSpace("mine", (7,), (CITYSCAPES[seen],)))
    [found] = look(folder, image, classes=mine)
    np.testing.assert_array_equal(found, np.where(own == seen, 7, UNLABELLED))
    assert build({"model": f"transformers:{folder}"}, mine).scored == (7,)


def test_outputs_without_names_are_the_datasets_in_order(tmp_path: Path, image_of) -> None:
    network, prepare = segformer()
    network.config.id2label = {id: f"LABEL_{id}" for id in range(19)}
    folder, image = save(tmp_path / "net", (network, prepare)), image_of(64, 96, 1)
    [found] = look(folder, image)
    assert set(np.unique(found)) <= set(range(19))
    [same] = look(folder, image, outputs="cityscapes")
    np.testing.assert_array_equal(found, same)
    with pytest.raises(UserError, match="the network has 19 outputs, but outputs = 'auto' has 2 classes"):
        look(folder, image, classes=Classes(labels=ClassSpace("mine", (1, 2), ("a", "b"))))
