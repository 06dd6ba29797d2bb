"""Instance segmenters that ``derainbench train-task`` wrote, with random weights, and the one that is shipped."""

from pathlib import Path

import numpy as np
import pytest

from bench.contract import Classes, ClassSpace, Detections, Options, Sample, Truth
from bench.errors import UserError
from bench.io.masks import decode
from tasks.instances.task import build

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")
pytest.importorskip("segmentation_models_pytorch")

from bench.io.training.state import save_weights  # noqa: E402
from tasks.instances.backends.maskrcnn import IMAGE_SIDE, build_maskrcnn  # noqa: E402

CLASSES = Classes(instances=ClassSpace("mine", (3, 5), ("person", "car")))
CARD = {"task": "instances", "network": "maskrcnn", "classes": ("car", "person")}


def write(folder: Path, **changes: object) -> str:
    torch.manual_seed(0)
    network = build_maskrcnn(2)
    torch.nn.init.normal_(network.roi_heads.box_predictor.cls_score.weight, std=0.5)
    save_weights(folder, "mine", network, {**CARD, **changes})
    return f"trained:{folder / 'mine.safetensors'}"


def test_it_answers_as_torchvisions_own_forward_pass(tmp_path: Path, image_of) -> None:
    model, image = write(tmp_path), image_of(IMAGE_SIDE, 256, 1)
    task = build({"model": model}, CLASSES)
    [seen] = task.judge(Options())([image], [Sample("a", image, image, Truth((IMAGE_SIDE, 256)))])
    assert isinstance(seen, Detections)
    loaded = task.source.load(Options(), CLASSES.instances)  # type: ignore[arg-type]
    assert loaded.space.ids == (1, 2)
    network = loaded.network  # type: ignore[attr-defined]
    with torch.inference_mode():
        [expected] = network([torch.from_numpy(image).permute(2, 0, 1) / 255])
    assert 0 < len(seen.scores) <= 50
    np.testing.assert_allclose(seen.scores, expected["scores"], rtol=1e-5)
    np.testing.assert_array_equal(seen.class_ids, [[0, 5, 3][label] for label in expected["labels"]])
    assert seen.masks is not None
    np.testing.assert_array_equal(decode(seen.masks[0]), expected["masks"][0, 0] > 0.5)


def test_what_does_not_fit_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="mine is a 'unet', expected 'maskrcnn'"):
        build({"model": write(tmp_path, network="unet")}, CLASSES)
    with pytest.raises(UserError, match=r"'roi_heads\.box_predictor\.bbox_pred\.bias' has shape"):
        build({"model": write(tmp_path, classes=("car", "person", "bus"))}, CLASSES).judge(Options())
    task = build({"model": write(tmp_path)}, CLASSES)
    path = tmp_path / "mine.safetensors"
    path.write_bytes(path.read_bytes()[:-2] + b"\0\1")
    with pytest.raises(UserError, match="its card says"):
        task.judge(Options())


def test_the_shipped_segmenter_sees_the_classes_of_the_streets(image_of) -> None:
    names = ("person", "bicycle", "car", "motorcycle", "bus", "truck", "traffic light", "traffic sign")
    task = build(
        {"model": "shipped:streets-maskrcnn"}, Classes(instances=ClassSpace("streets", (*range(1, 9),), names))
    )
    assert (task.model, task.scored) == ("streets-maskrcnn", (*range(1, 9),))
    image = image_of(96, 128, 1)
    [seen] = task.judge(Options())([image], [Sample("a", image, image, Truth((96, 128)))])
    assert isinstance(seen, Detections)
    assert set(seen.class_ids.tolist()) <= set(range(1, 9))
