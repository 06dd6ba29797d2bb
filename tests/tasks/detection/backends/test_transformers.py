"""Detectors of transformers, with random weights: the library's own pipeline is the reference."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from bench.contract import Classes, ClassSpace, Detections, Image, Options, Sample, Truth
from bench.errors import UserError
from bench.io.images import read_image
from tasks.classes import known_spaces
from tasks.detection.task import build
from tests.tasks.tiny_transformers import d_fine, detr, rt_detr_v2, save, transformers

COCO = Classes(instances=known_spaces()["coco"])
MAKERS = {"detr": detr, "rt_detr_v2": rt_detr_v2, "d_fine": d_fine}


@pytest.fixture(scope="module", params=MAKERS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("hub") / request.param, MAKERS[request.param]())


def look(folder: Path, *images: Image, classes: Classes = COCO) -> list[Detections]:
    samples = [Sample(str(n), image, None, Truth(image.shape[:2])) for n, image in enumerate(images)]
    return list(build({"model": f"transformers:{folder}"}, classes).judge(Options())(images, samples))  # type: ignore[arg-type]


def compare_with_pipeline(folder: Path, image: Image) -> None:
    [found] = look(folder, image)
    pipeline = transformers.pipeline("object-detection", model=str(folder), device="cpu")
    # Its last step rounds boxes to whole pixels; the step before that is the reference.
    outputs = pipeline.forward(pipeline.preprocess(Pillow.fromarray(image)))
    sizes = outputs["target_size"]
    raw = pipeline.image_processor.post_process_object_detection(outputs, 0.001, sizes)[0]
    order = np.argsort(-raw["scores"].numpy().astype(np.float64), kind="stable")
    height, width = image.shape[:2]
    boxes = raw["boxes"].numpy()[order].clip(0, [width, height, width, height])
    names = [pipeline.model.config.id2label[int(label)] for label in raw["labels"].numpy()[order]]
    ids = {name.replace("aeroplane", "airplane"): id for id, name in zip(*spaces(), strict=True)}
    real = [place for place, name in enumerate(names) if name != "N/A"]
    assert len(real) > 3
    np.testing.assert_allclose(found.scores, raw["scores"].numpy()[order][real], atol=1e-5)
    np.testing.assert_allclose(found.boxes, boxes[real], atol=1e-5 * width)
    assert found.class_ids.tolist() == [ids[names[place]] for place in real]
    shown = pipeline(Pillow.fromarray(image), threshold=0.001)
    assert len(shown) == len(names)


def spaces() -> tuple[tuple[int, ...], tuple[str, ...]]:
    return known_spaces()["coco"].ids, known_spaces()["coco"].names


def test_answers_are_those_of_the_librarys_pipeline(folder: Path, image_of) -> None:
    compare_with_pipeline(folder, image_of(75, 110, 1))


@pytest.mark.shared
def test_on_a_photograph_too(folder: Path, shared: Path) -> None:
    compare_with_pipeline(folder, read_image(min((shared / "data/coco/val2017").glob("*.jpg"))))


def test_an_answer_does_not_depend_on_the_neighbours(folder: Path, image_of) -> None:
    image, other = image_of(75, 110, 1), image_of(64, 64, 2)
    before = image.copy()
    [alone] = look(folder, image)
    _, beside = look(folder, other, image)
    np.testing.assert_array_equal(alone.boxes, beside.boxes)
    np.testing.assert_array_equal(alone.scores, beside.scores)
    np.testing.assert_array_equal(image, before)


def test_its_classes_are_known_before_it_is_loaded(folder: Path) -> None:
    task = build({"model": f"transformers:{folder}"}, Classes(instances=ClassSpace("mine", (4, 9), ("unicorn", "car"))))
    assert (task.model, task.scored) == (folder.name, (9,))
    assert "NMS none" in task.protocol
    with pytest.raises(UserError, match="have none in common"):
        build({"model": f"transformers:{folder}"}, Classes(instances=ClassSpace("mine", (4,), ("unicorn",))))


def test_a_model_without_names_is_refused(tmp_path: Path) -> None:
    network, prepare = rt_detr_v2()
    network.config.id2label = {id: f"LABEL_{id}" for id in range(80)}
    folder = save(tmp_path / "net", (network, prepare))
    with pytest.raises(UserError, match=r"names no classes; write them into 'id2label'"):
        build({"model": f"transformers:{folder}"}, COCO).judge(Options())


def test_another_tasks_model_is_refused(folder: Path) -> None:
    from tasks.instances.task import build as build_instances

    with pytest.raises(UserError, match=r"ForObjectDetection, expected a \.\.\.ForUniversalSegmentation"):
        build_instances({"model": f"transformers:{folder}"}, COCO)
