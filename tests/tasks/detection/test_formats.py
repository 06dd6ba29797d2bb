"""One network in every file format that ultralytics writes and this task reads. Its weights are random."""

from pathlib import Path

import numpy as np
import pytest

from bench.contract import Classes, Detections, Options, Sample, Truth
from tasks.classes import known_spaces
from tasks.detection.boxes import box_overlaps
from tasks.detection.task import build

COCO = Classes(instances=known_spaces()["coco"])


@pytest.fixture(scope="module")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    models = pytest.importorskip("ultralytics.models", exc_type=ImportError)
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    model = models.YOLO("yolov8n.yaml", task="detect", verbose=False)
    model.model.names = dict(enumerate(known_spaces()["coco80"].names))
    for name, parameter in model.model.named_parameters():
        if name.startswith("model.22.cv3") and name.endswith("2.bias"):
            torch.nn.init.constant_(parameter, -3.0)
        elif name.startswith("model.22.cv3") and name.endswith("2.weight"):
            torch.nn.init.normal_(parameter, std=3.0)
    path = tmp_path_factory.mktemp("weights") / "random.pt"
    model.save(path)
    return path


def look(path: Path, image: np.ndarray) -> Detections:
    parameters = {"model": f"ultralytics:{path}", "trust_checkpoint": True, "image_size": 96}
    [seen] = build(parameters, COCO).judge(Options())([image], [Sample("a", image, image, Truth(image.shape[:2]))])
    assert isinstance(seen, Detections)
    return seen


@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "needed"), [(".onnx", "onnxruntime"), (".torchscript", "torch")])
def test_exported_files_see_what_the_network_sees(random_model: Path, image_of, suffix: str, needed: str) -> None:
    pytest.importorskip(needed)
    from ultralytics.models import YOLO

    image = image_of(96, 96, 3)  # the frame's own size: .pt files are not padded to a square, exported ones are
    expected = look(random_model, image)
    assert len(expected.boxes) > 20
    try:
        exported = YOLO(random_model, verbose=False).export(format=suffix[1:], imgsz=96, verbose=False)
    except Exception as error:  # exporting needs packages that reading does not
        pytest.skip(f"ultralytics cannot export {suffix} here: {error}")
    found = look(Path(exported), image)
    # A random network gives many boxes of one score, so their order is free.
    np.testing.assert_allclose(found.scores[:10], expected.scores[:10], atol=1e-3)
    nearest = box_overlaps(found.boxes[:10], expected.boxes, np.zeros(len(expected.boxes), dtype=bool)).max(axis=1)
    assert nearest.min() > 0.98


def test_blue_and_red_are_not_exchanged(random_model: Path, image_of) -> None:
    from ultralytics.models import YOLO

    image = image_of(96, 96, 3)
    # ultralytics reads tensors as RGB in [0, 1].
    torch = pytest.importorskip("torch")
    tensor = torch.from_numpy(image.copy()).permute(2, 0, 1)[None] / 255
    [own] = YOLO(random_model, verbose=False).predict(tensor, conf=0.001, iou=0.7, max_det=300, imgsz=96, verbose=False)
    seen = look(random_model, image)
    np.testing.assert_allclose(seen.scores[:10], own.boxes.conf.numpy()[:10], atol=1e-4)
