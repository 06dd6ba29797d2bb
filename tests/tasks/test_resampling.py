"""Every task's resampling against its own summary of evidence in which images really are repeated."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from bench.contract import Classes, ClassSpace, Detections, Evidence, Instances, Truth
from bench.scoring.statistics import draw_weights
from tasks.detection.against_clean import measure_against_clean, resample_against_clean
from tasks.detection.summary import Scoring, resample_objects, summarise_objects
from tasks.detection.task import overlaps_of_boxes
from tasks.quality.task import build as build_quality
from tasks.resampling import ratio
from tasks.semantic.confusion import confusion_matrix, scores_of
from tasks.semantic.resampling import resampled_scores

IMAGES, RESAMPLES = 9, 12


def boxes(rng: np.random.Generator, count: int) -> np.ndarray:
    corner = rng.uniform(0, 60, (count, 2))
    return np.concatenate([corner, corner + rng.uniform(8, 40, (count, 2))], axis=1)


def detection_data(seed: int) -> tuple[dict[str, Evidence], dict[str, Truth]]:
    """Noisy detections of random objects of three classes; images share scores, so that there are ties between them."""
    rng = np.random.default_rng(seed)
    evidence: dict[str, Evidence] = {}
    truths: dict[str, Truth] = {}
    for index in range(IMAGES):
        count = int(rng.integers(0, 6))
        true, kinds = boxes(rng, count), rng.integers(1, 4, count)
        crowd = rng.random(count) < 0.15
        areas = (true[:, 2] - true[:, 0]) * (true[:, 3] - true[:, 1])
        truths[f"{index}"] = Truth((100, 100), Instances(true, kinds, crowd, areas))
        found = np.concatenate([true + rng.normal(0, 2.5, true.shape), boxes(rng, 3)])
        seen_kinds = np.concatenate([kinds, rng.integers(1, 4, 3)])
        evidence[f"{index}"] = Detections(found, 1 - rng.permutation(20)[: len(found)] / 20, seen_kinds)
    return evidence, truths


def repeated(data: Mapping[str, object], counts: np.ndarray) -> dict[str, object]:
    """Every image as often as it was drawn, under names that sort in the same order."""
    return {f"{id}-{n}": data[id] for id, count in zip(data, counts, strict=True) for n in range(count)}


@pytest.mark.parametrize("seed", range(5))
def test_objects_are_resampled_as_if_images_were_repeated(seed: int) -> None:
    evidence, truths = detection_data(seed)
    scoring = Scoring("bbox", overlaps_of_boxes, (0, 1, 2, 3), 0.25, 0.5)  # nothing is of class 0
    weights = draw_weights(IMAGES, RESAMPLES, f"set {seed}")
    found = resample_objects(evidence, truths, scoring, weights)
    assert set(found) == {
        "AP", "AP50", "AP75", "AR100", "precision@0.25/0.50", "recall@0.25/0.50", "f1@0.25/0.50", "iou_gt@0.25",
    }  # fmt: skip
    for row, counts in enumerate(weights):
        summary = summarise_objects(repeated(evidence, counts), repeated(truths, counts), scoring)
        expected = {measure.metric: measure.value for measure in summary.measures}
        for name, values in found.items():
            assert values[row] == pytest.approx(expected.get(name, np.nan), abs=1e-9, nan_ok=True), name


def test_a_column_of_weights_is_that_of_its_image_in_any_order() -> None:
    evidence, truths = detection_data(2)
    scoring = Scoring("bbox", overlaps_of_boxes, (1, 2, 3), 0.25, 0.5)
    weights = draw_weights(IMAGES, RESAMPLES, "set 2")
    shuffled = np.random.default_rng(0).permutation(IMAGES)
    expected = resample_objects(evidence, truths, scoring, weights)
    found = resample_objects({f"{n}": evidence[f"{n}"] for n in shuffled}, truths, scoring, weights[:, shuffled])
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-12)
    assert len(np.unique(expected["AP"])) > 6
    for seen, truth in (({}, truths["0"]), (evidence["0"], Truth((100, 100)))):
        with pytest.raises(TypeError, match="0: expected detections and labelled objects"):
            resample_objects({"0": seen}, {"0": truth}, scoring, weights[:, :1])


@pytest.mark.parametrize("seed", range(3))
def test_answers_on_clean_images_are_resampled_as_if_images_were_repeated(seed: int) -> None:
    clean, truths = detection_data(seed)
    rng = np.random.default_rng(seed)
    rainy: dict[str, Evidence] = {
        id: Detections(seen.boxes + rng.normal(0, 2, seen.boxes.shape), seen.scores, seen.class_ids)
        for id, seen in clean.items()
        if isinstance(seen, Detections)
    }
    scoring = Scoring("bbox", overlaps_of_boxes, (1, 2, 3), 0.25, 0.5)
    weights = draw_weights(IMAGES, RESAMPLES, f"set {seed}")
    found = resample_against_clean(rainy, clean, truths, scoring, weights)
    assert len(found) == 6
    for row, counts in enumerate(weights):
        thrice = (repeated(data, counts) for data in (rainy, clean, truths))
        expected = {measure.metric: measure.value for measure in measure_against_clean(*thrice, scoring)}
        for name, values in found.items():
            assert values[row] == pytest.approx(expected.get(name, np.nan), abs=1e-9, nan_ok=True), name


def test_label_maps_are_resampled_as_if_images_were_repeated() -> None:
    rng = np.random.default_rng(3)
    truths = [rng.choice([0, 1, 2, 255], (12, 15)).astype(np.uint8) for _ in range(IMAGES)]
    truths[0][truths[0] == 2] = 0
    truths[1][:] = 255
    truths[1][0, :2] = [0, 2]  # one pixel a class
    seen = [np.where(rng.random(truth.shape) < 0.7, truth % 250, 1).astype(np.uint8) for truth in truths]
    matrices = [confusion_matrix(s, t, (0, 1, 2)) for s, t in zip(seen, truths, strict=True)]
    weights = draw_weights(IMAGES, RESAMPLES, "set 1")
    weights[0] = [IMAGES, *[0] * (IMAGES - 1)]  # class 2 is absent from the truth
    weights[1] = [0, 1, *[0] * (IMAGES - 2)]
    found = resampled_scores(matrices, weights)
    for row, counts in enumerate(weights):
        scores = scores_of(np.tensordot(counts, np.stack(matrices), axes=1))
        assert scores is not None
        expected = {
            "mPA": scores.mean_accuracy,
            "mIoU": scores.mean_iou,
            "pixel_accuracy": scores.pixel_accuracy,
            "fwIoU": scores.frequency_weighted_iou,
        }
        assert {name: values[row] for name, values in found.items()} == pytest.approx(expected, abs=1e-12)


def test_qualities_are_averaged_over_the_images_that_have_them() -> None:
    task = build_quality({}, Classes(ClassSpace("none", (), ())))
    evidence: dict[str, Evidence] = {"a": {"psnr_y": 20.0, "ssim_y": 0.5}, "b": {"ssim_y": 1.0}}
    found = task.resample(evidence, {}, np.array([[1, 1], [2, 0], [0, 2]]))
    assert found["psnr_y"] == pytest.approx([20.0, 20.0, np.nan], nan_ok=True)
    assert found["ssim_y"] == pytest.approx([0.75, 0.5, 1.0])


def test_a_ratio_without_denominator_is_undefined() -> None:
    assert ratio(np.array([1.0, 0.0]), np.array([2.0, 0.0]), np.array([[1, 0], [0, 1]])) == pytest.approx(
        [0.5, np.nan], nan_ok=True
    )
