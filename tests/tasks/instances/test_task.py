"""Instance segmentation by torchvision. Weights are random: published ones cannot be had in a test."""

import resource
from pathlib import Path

import numpy as np
import pytest

from bench.contract import Classes, ClassSpace, Detections, Instances, Options, Sample, Truth
from bench.errors import UserError
from bench.io.masks import decode, encode
from tasks.classes import known_spaces
from tasks.detection.object_task import ObjectTask
from tasks.instances.task import build, overlaps_of_masks

NAME = "maskrcnn_resnet50_fpn"
SPACE = ClassSpace("mine", (5, 8), ("car", "bus"))


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state dict of the right form whose numbers are random, with a classifier that is sure of itself."""
    torch = pytest.importorskip("torch")
    models = pytest.importorskip("torchvision.models")
    torch.manual_seed(0)
    network = models.get_model(NAME, weights=None, weights_backbone=None, num_classes=3)
    torch.nn.init.normal_(network.roi_heads.box_predictor.cls_score.weight, std=0.5)
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save(network.state_dict(), path)
    return path


def task_of(weights: Path) -> ObjectTask:
    return build({"model": f"torchvision:{NAME}@{weights}"}, Classes(instances=SPACE))


def test_masks_are_those_of_the_networks_own_last_step(random_weights: Path, image_of) -> None:
    torch = pytest.importorskip("torch")
    image = image_of(60, 90, 1)
    judge = task_of(random_weights).judge(Options())
    [seen] = judge([image], [Sample("a", image, image, Truth((60, 90)))])
    assert isinstance(seen, Detections)
    assert seen.masks is not None
    assert len(seen.masks) == len(seen.boxes) > 0
    assert set(seen.class_ids.tolist()) <= {5, 8}
    network = judge.detector.network
    with torch.inference_mode():
        whole = network([torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1) / 255])[0]
    solid = (whole["boxes"][:, 2] > whole["boxes"][:, 0]) & (whole["boxes"][:, 3] > whole["boxes"][:, 1])
    np.testing.assert_allclose(seen.scores, whole["scores"][solid].numpy(), atol=1e-6)
    np.testing.assert_allclose(seen.boxes, whole["boxes"][solid].numpy(), atol=1e-3)
    expected = (whole["masks"][solid, 0] > 0.5).numpy()
    assert all((decode(mask) == own).all() for mask, own in zip(seen.masks, expected, strict=True))


def test_a_file_with_another_number_of_classes_is_refused(random_weights: Path) -> None:
    task = build({"model": f"torchvision:{NAME}@{random_weights}"}, Classes(instances=known_spaces()["coco"]))
    with pytest.raises(UserError, match=r"has 3 outputs, expected 91"):
        task.judge(Options())


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.save({"roi_heads.box_predictor.cls_score.bias": torch.zeros(3)}, tmp_path / "part.pth")
    with pytest.raises(UserError, match="belongs to another network"):
        task_of(tmp_path / "part.pth").judge(Options())


def test_published_weights_offline_say_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("torchvision")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    task = build({"model": "torchvision:maskrcnn_resnet50_fpn_v2"}, Classes(instances=known_spaces()["coco"]))
    assert "73cbd019" in task.fingerprint
    with pytest.raises(UserError, match=r"maskrcnn_resnet50_fpn_v2_coco-73cbd019\.pth.*--weights-dir"):
        task.judge(Options(offline=True))


def square(left: int, size: int = 10) -> np.ndarray:
    mask = np.zeros((40, 60), dtype=bool)
    mask[5 : 5 + size, left : left + size] = True
    return mask


def test_scores_are_of_masks_not_of_boxes() -> None:
    task = build({"model": "torchvision:" + NAME}, Classes(instances=SPACE))
    assert task.scored == (5, 8)
    frame = square(20)
    frame[7:13, 22:28] = False  # same box as the square, 64 of its 100 pixels
    boxes = np.array([[20, 5, 30, 15]], dtype=float)
    truth = Truth(
        (40, 60), Instances(boxes, np.array([5]), np.zeros(1, bool), np.array([100.0]), (encode(square(20)),))
    )
    seen = Detections(boxes, np.array([0.9]), np.array([5]), (encode(frame),))
    values = {m.metric: m.value for m in task.summarise({"a": seen}, {"a": truth}).measures}
    assert values["mask_iou_gt@0.25"] == pytest.approx(64)
    assert values["mask_AP"] == pytest.approx(30)  # right at .50, .55 and .60 of ten thresholds
    assert (values["mask_AP50"], values["mask_AP75"]) == (pytest.approx(100), pytest.approx(0))
    assert (values["mask_tp@0.25/0.60"], values["mask_fp@0.25/0.60"]) == (1, 0)


def test_masks_are_scored_against_those_on_the_clean_image_also_where_there_are_none() -> None:
    task = build({"model": "torchvision:" + NAME}, Classes(instances=SPACE))
    frame = square(20)
    frame[7:13, 22:28] = False
    box = np.array([[20, 5, 30, 15]], dtype=float)
    whole, holed = (Detections(box, np.array([0.9]), np.array([5]), (encode(mask),)) for mask in (square(20), frame))
    # What is stored without objects is read back without masks.
    nothing = Detections(np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64))
    truths = {id: Truth((40, 60)) for id in "ab"}
    found = task.summarise_against_clean({"a": holed, "b": nothing}, {"a": whole, "b": nothing}, truths)
    values = {measure.metric: measure.value for measure in found}
    assert values["mask_iou:pseudo_gt"] == pytest.approx(64)
    assert values["mask_AP:pseudo_gt"] == pytest.approx(30)
    assert values["mask_precision:pseudo_gt"] == 100
    missed = task.summarise_against_clean({"a": nothing, "b": whole}, {"a": whole, "b": nothing}, truths)
    assert {m.metric: m.value for m in missed}["mask_recall:pseudo_gt"] == 0


@pytest.mark.parametrize("narrow", ["seen", "true"])
def test_masks_of_another_size_are_refused_by_name(narrow: str) -> None:
    task = build({"model": "torchvision:" + NAME}, Classes(instances=SPACE))
    boxes = np.array([[20, 5, 30, 15]], dtype=float)
    seen, true = ((encode(square(20)[:, : 50 if side == narrow else 60]),) for side in ("seen", "true"))
    truth = Truth((40, 60), Instances(boxes, np.array([5]), np.zeros(1, bool), np.array([100.0]), true))
    evidence = {"night-7": Detections(boxes, np.array([0.9]), np.array([5]), seen)}
    with pytest.raises(UserError, match=r"night-7: a mask has \(height, width\) \(40, 50\), the image \(40, 60\)"):
        task.summarise(evidence, {"night-7": truth})


def test_objects_without_masks_have_no_overlaps_of_masks() -> None:
    box, one, masks = np.array([[20, 5, 30, 15]], dtype=float), np.array([5]), (encode(square(20)),)
    for seen, true in ((masks, None), (None, masks), (None, None)):
        truth = Instances(box, one, np.zeros(1, bool), np.array([100.0]), true)
        with pytest.raises(ValueError, match="masks on both sides"):
            overlaps_of_masks(Detections(box, np.array([0.9]), one, seen), truth)


def test_a_mask_is_where_its_probability_is_above_one_half() -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("torchvision")
    from tasks.instances.backends.torchvision import _paste

    box = torch.tensor([[10.0, 5, 40, 30]])
    masks = [decode(_paste(torch.full((1, 1, 28, 28), share), box, (40, 60))) for share in (0.495, 0.505)]
    assert not masks[0].any()
    assert masks[1][7:28, 12:38].all()
    assert not masks[1][:4].any()
    assert not masks[1][:, 42:].any()


def test_a_hundred_large_masks_hold_no_gigabytes() -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("torchvision")
    from tasks.instances.backends.torchvision import _detections

    rng = np.random.default_rng(0)
    corner = torch.from_numpy(rng.uniform(0, 300, (100, 2)).astype(np.float32))
    found = {
        "boxes": torch.cat([corner, corner + 300], dim=1),
        "scores": torch.linspace(1, 0.1, 100),
        "labels": torch.ones(100, dtype=torch.int64),
        "masks": torch.from_numpy(rng.random((100, 1, 28, 28)).astype(np.float32)),
    }
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seen = _detections(found, (720, 1280), (720, 1280))
    grown_kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert len(seen.masks or ()) == 100
    assert grown_kilobytes < 100_000  # pasted together they would take 370 000
