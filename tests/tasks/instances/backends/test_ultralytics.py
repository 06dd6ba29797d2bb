"""ultralytics' instance segmenters. Weights are random: published ones cannot be had in a test."""

from pathlib import Path

import numpy as np
import pytest

from bench.contract import Classes, Detections, Options, Sample, Truth
from bench.errors import UserError
from bench.io.masks import decode
from tasks.classes import known_spaces
from tasks.instances.task import build

COCO = Classes(instances=known_spaces()["coco"])


@pytest.fixture(scope="module")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A segmenter of the published architecture whose numbers are random, written by ultralytics itself."""
    models = pytest.importorskip("ultralytics.models", exc_type=ImportError)
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    model = models.YOLO("yolov8n-seg.yaml", task="segment", verbose=False)
    model.model.names = dict(enumerate(known_spaces()["coco80"].names))
    for name, parameter in model.model.named_parameters():
        if name.startswith("model.22.cv3") and name.endswith("2.bias"):
            torch.nn.init.constant_(parameter, -2.0)  # untrained heads are surer than this that there is nothing
    path = tmp_path_factory.mktemp("weights") / "random-seg.pt"
    model.save(path)
    return path


def test_masks_have_the_size_of_the_image_and_lie_in_their_boxes(random_model: Path, image_of) -> None:
    task = build({"model": f"ultralytics:{random_model}", "trust_checkpoint": True, "image_size": 160}, COCO)
    image = image_of(90, 150, 1)
    [seen] = task.judge(Options())([image], [Sample("a", image, image, Truth((90, 150)))])
    assert isinstance(seen, Detections)
    assert seen.masks is not None
    assert 0 < len(seen.masks) == len(seen.boxes) <= 100
    assert {tuple(mask["size"]) for mask in seen.masks} == {(90, 150)}
    assert set(seen.class_ids.tolist()) <= set(known_spaces()["coco"].ids)
    for mask, box in zip(seen.masks, seen.boxes, strict=True):
        rows, columns = np.nonzero(decode(mask))
        assert columns.min() >= box[0] - 1
        assert columns.max() <= box[2] + 1
        assert rows.min() >= box[1] - 1
        assert rows.max() <= box[3] + 1


def test_masks_and_boxes_do_not_mix(random_model: Path) -> None:
    from tasks.detection.task import build as build_detection

    with pytest.raises(UserError, match="made for 'segment', expected 'detect'"):
        build_detection({"model": f"ultralytics:{random_model}", "trust_checkpoint": True}, COCO)


def test_a_published_segmenter_is_known_by_name() -> None:
    task = build({"model": "ultralytics:yolo26n-seg"}, COCO)
    assert "361fbfabab285c3237700b6bb91d7ecfa602cd945fffda8dbe1242829b71e73f" in task.fingerprint
    assert task.scored == known_spaces()["coco"].ids
