"""Mask classifiers of transformers asked for instances, with random weights.

References are the library's own pipeline, which paints one map, and the formula of Mask2Former's paper in NumPy.
"""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from bench.contract import Classes, Detections, Image, Options, Sample, Truth
from bench.errors import UserError
from bench.io.images import read_image
from bench.io.masks import decode
from tasks.classes import known_spaces
from tasks.instances.task import build
from tests.tasks.tiny_transformers import eomt, mask2former, oneformer, save, torch, transformers

COCO = Classes(instances=known_spaces()["coco80"])
MAKERS = {"mask2former": mask2former, "oneformer": oneformer, "eomt": eomt}


@pytest.fixture(scope="module", params=MAKERS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("hub") / request.param, MAKERS[request.param]())


def look(folder: Path, *images: Image) -> list[Detections]:
    samples = [Sample(str(n), image, None, Truth(image.shape[:2])) for n, image in enumerate(images)]
    return list(build({"model": f"transformers:{folder}"}, COCO).judge(Options())(images, samples))  # type: ignore[arg-type]


def compare_with_pipeline(folder: Path, image: Image) -> None:
    if folder.name == "oneformer":
        pytest.skip("its pipeline lets objects fight over pixels, as in a panoptic map: see the formula")
    [found] = look(folder, image)
    pipeline = transformers.pipeline("image-segmentation", model=str(folder), device="cpu")
    painted = pipeline(Pillow.fromarray(image), subtask="instance", threshold=0.001)
    painted = [painted[place] for place in np.argsort([-one["score"] for one in painted], kind="stable")]
    assert len(found.scores) == len(painted) > 4
    np.testing.assert_allclose(found.scores, [one["score"] for one in painted], atol=1e-5)
    assert found.class_ids.tolist() == [pipeline.model.config.label2id[one["label"]] for one in painted]
    assert found.masks is not None
    masks = [decode(mask) > 0 for mask in found.masks]
    shown = [np.asarray(one["mask"]) > 0 for one in painted]
    for mask, part in zip(masks, shown, strict=True):
        assert not (part & ~mask).any()  # what is painted over in the map is whole here
    np.testing.assert_array_equal(np.any(masks, axis=0), np.any(shown, axis=0))
    assert any((mask != part).any() for mask, part in zip(masks, shown, strict=True))


def test_answers_are_those_of_the_librarys_pipeline_before_it_paints(folder: Path, image_of) -> None:
    compare_with_pipeline(folder, image_of(75, 110, 1))


@pytest.mark.shared
def test_on_a_photograph_too(folder: Path, shared: Path) -> None:
    compare_with_pipeline(folder, read_image(min((shared / "data/coco/val2017").glob("*.jpg"))))


def test_scores_are_those_of_the_paper(folder: Path, image_of) -> None:
    """The class's probability times the mean probability of the mask's pixels (Cheng et al., CVPR 2022)."""
    image = image_of(96, 96, 3)
    [found] = look(folder, image)
    network = transformers.AutoModelForUniversalSegmentation.from_pretrained(folder).eval()
    if folder.name == "oneformer":
        prepare = transformers.OneFormerProcessor(
            transformers.OneFormerImageProcessor.from_pretrained(folder),
            transformers.AutoTokenizer.from_pretrained(folder), task_seq_length=16,
        )  # fmt: skip
        inputs = prepare(images=Pillow.fromarray(image), task_inputs=["instance"], return_tensors="pt")
    else:
        prepare = transformers.AutoImageProcessor.from_pretrained(folder)
        inputs = prepare(images=Pillow.fromarray(image), return_tensors="pt")
    with torch.inference_mode():
        outputs = network(**inputs)
    classes = outputs.class_queries_logits[0].softmax(-1)[:, :-1].numpy()
    side = (64, 64) if folder.name == "eomt" else (384, 384)  # where the library takes the mean
    logits = torch.nn.functional.interpolate(outputs.masks_queries_logits, side, mode="bilinear")
    if folder.name == "eomt":
        logits = torch.nn.functional.interpolate(logits, image.shape[:2], mode="bilinear")
    logits = logits[0].numpy()
    places = [(query, classes[query].argmax()) for query in range(len(classes))]
    if folder.name != "eomt":
        best = np.argsort(-classes.ravel(), kind="stable")[: len(classes)]
        places = [divmod(int(place), classes.shape[1]) for place in best]
    expected = []
    for query, label in places:
        inside = logits[query] > 0
        if inside.any():
            expected.append(classes[query, label] * (1 / (1 + np.exp(-logits[query][inside]))).mean())
    expected = sorted((score for score in expected if score >= 0.001), reverse=True)
    assert len(expected) > 4
    np.testing.assert_allclose(found.scores, expected, atol=1e-5)


def test_answers_have_the_form_of_every_backend(folder: Path, image_of) -> None:
    image, other = image_of(75, 110, 1), image_of(64, 64, 2)
    [alone] = look(folder, image)
    _, beside = look(folder, other, image)
    np.testing.assert_array_equal(alone.boxes, beside.boxes)
    np.testing.assert_array_equal(alone.scores, beside.scores)
    assert alone.masks == beside.masks
    assert alone.masks is not None
    for mask, box in zip(alone.masks, alone.boxes, strict=True):
        rows, columns = np.nonzero(decode(mask))
        assert box.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def test_a_processor_for_semantic_segmentation_is_refused(tmp_path: Path) -> None:
    folder = save(tmp_path / "net", eomt(split=True))
    with pytest.raises(UserError, match="splits images, as for semantic segmentation"):
        build({"model": f"transformers:{folder}"}, COCO).judge(Options())
