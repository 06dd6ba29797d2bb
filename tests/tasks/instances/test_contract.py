"""One contract for every instance segmentation backend. Weights are random and written by each library itself."""

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.contract import Classes, Detections, Options, Sample, Truth
from bench.io.masks import decode
from bench.protocols import Judge
from tasks.classes import known_spaces
from tasks.detection.masks import areas_of
from tasks.instances.task import build

COCO = Classes(instances=known_spaces()["coco"])


def torchvision_model(folder: Path) -> dict[str, str | bool | int]:
    torch = pytest.importorskip("torch")
    models = pytest.importorskip("torchvision.models")
    torch.manual_seed(0)
    network = models.get_model("maskrcnn_resnet50_fpn", weights=None, weights_backbone=None)
    torch.nn.init.normal_(network.roi_heads.box_predictor.cls_score.weight, std=0.5)
    torch.save(network.state_dict(), folder / "random.pth")
    return {"model": f"torchvision:maskrcnn_resnet50_fpn@{folder / 'random.pth'}"}


def detectron2_model(folder: Path) -> dict[str, str | bool | int]:
    torch = pytest.importorskip("torch")
    modeling = pytest.importorskip("detectron2.modeling")
    from detectron2 import model_zoo
    from detectron2.config import get_cfg

    torch.manual_seed(0)
    config = get_cfg()
    config.merge_from_file(model_zoo.get_config_file("COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_3x.yaml"))
    config.MODEL.DEVICE = "cpu"
    network = modeling.build_model(config)
    for name, parameter in network.named_parameters():
        if "fpn_output" in name:
            parameter.data.mul_(1e-3)  # untrained features are so large that all scores would be 0 or 1
    torch.nn.init.normal_(network.roi_heads.box_predictor.cls_score.weight, std=0.3)
    state = {name: value.numpy() for name, value in network.state_dict().items()}
    # As the files of the model zoo: arrays in a pickle, with the means of the pixels beside the weights.
    content = {"model": {**state, "pixel_mean": np.zeros((3, 1, 1))}, "__author__": "random"}
    (folder / "random.pkl").write_bytes(pickle.dumps(content, protocol=2))
    return {"model": f"detectron2:COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_3x@{folder / 'random.pkl'}"}


def ultralytics_model(folder: Path) -> dict[str, str | bool | int]:
    models = pytest.importorskip("ultralytics.models", exc_type=ImportError)
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    model = models.YOLO("yolov8n-seg.yaml", task="segment", verbose=False)
    model.model.names = dict(enumerate(known_spaces()["coco80"].names))
    for name, parameter in model.model.named_parameters():
        if name.startswith("model.22.cv3") and name.endswith("2.bias"):
            torch.nn.init.constant_(parameter, -2.0)
    model.save(folder / "random-seg.pt")
    return {"model": f"ultralytics:{folder / 'random-seg.pt'}", "trust_checkpoint": True, "image_size": 160}


BACKENDS: list[object] = [
    torchvision_model,
    pytest.param(detectron2_model, marks=pytest.mark.detectron2),
    ultralytics_model,
]


@pytest.fixture(scope="module", params=BACKENDS, ids=["torchvision", "detectron2", "ultralytics"])
def judge(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Judge:
    make: Callable[[Path], dict[str, str | bool | int]] = request.param
    return build(make(tmp_path_factory.mktemp("weights")), COCO).judge(Options())


def look(judge: Judge, *images: np.ndarray) -> list[Detections]:
    samples = [Sample(str(n), image, image, Truth(image.shape[:2])) for n, image in enumerate(images)]
    answers = list(judge(images, samples))
    assert all(isinstance(answer, Detections) for answer in answers)
    return answers  # type: ignore[return-value]


@pytest.mark.slow
def test_every_backend_answers_in_one_form_and_image_by_image(judge: Judge, image_of) -> None:
    image, other = image_of(75, 110, 1), image_of(64, 64, 2)
    before = image.copy()
    [first] = look(judge, image)
    _, beside = look(judge, other, image)
    np.testing.assert_array_equal(image, before)
    assert 0 < len(first.boxes) <= 100
    assert first.boxes.dtype == first.scores.dtype == np.float64
    assert first.class_ids.dtype == np.int64
    assert (np.diff(first.scores) <= 0).all()
    assert (first.scores > 0).all()
    assert (first.scores <= 1).all()
    assert (first.boxes >= 0).all()
    assert (first.boxes <= [110, 75, 110, 75]).all()
    assert set(first.class_ids.tolist()) <= set(known_spaces()["coco"].ids)
    assert first.masks is not None
    assert len(first.masks) == len(first.boxes)
    assert {tuple(mask["size"]) for mask in first.masks} == {(75, 110)}
    assert areas_of(first.masks).max() > 0
    for mask, box in zip(first.masks, first.boxes, strict=True):
        rows, columns = np.nonzero(decode(mask))
        if len(rows):
            assert columns.min() >= box[0] - 2
            assert columns.max() <= box[2] + 2
            assert rows.min() >= box[1] - 2
            assert rows.max() <= box[3] + 2
    np.testing.assert_array_equal(first.boxes, beside.boxes)
    np.testing.assert_array_equal(first.scores, beside.scores)
    assert first.masks == beside.masks
