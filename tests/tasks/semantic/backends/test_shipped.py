"""Segmenters that ``derainbench train-task`` wrote, with random weights, and the one that is shipped."""

from pathlib import Path

import numpy as np
import pytest

from bench.contract import Classes, ClassSpace, Image, LabelMap, Options, Sample, Truth
from bench.errors import UserError
from tasks.classes import known_spaces
from tasks.semantic.task import build

torch = pytest.importorskip("torch")
pytest.importorskip("segmentation_models_pytorch")

from bench.io.training.state import save_weights  # noqa: E402
from tasks.semantic.backends.unet import build_unet  # noqa: E402

CLASSES = Classes(labels=ClassSpace("mine", (3, 5), ("road", "car")))
CARD = {"task": "semantic", "network": "unet", "classes": ("car", "road")}


def write(folder: Path, **changes: object) -> str:
    torch.manual_seed(0)
    save_weights(folder, "mine", build_unet(2), {**CARD, **changes})
    return f"trained:{folder / 'mine.safetensors'}"


def labels_of(model: str, image: Image) -> LabelMap:
    [labels] = build({"model": model}, CLASSES).judge(Options())([image], [Sample("a", image, image, Truth((1, 1)))])
    return labels


def test_it_answers_as_the_network_itself_by_the_names_of_its_classes(tmp_path: Path, image_of) -> None:
    model, image = write(tmp_path), image_of(50, 100, 1)
    torch.manual_seed(0)
    network = build_unet(2).half().float().eval()
    pixels = (image / 255.0 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    whole = np.zeros((64, 128, 3), np.float32)
    whole[:50, :100] = pixels
    with torch.inference_mode():
        scores = network(torch.from_numpy(whole).permute(2, 0, 1)[None])
    assert scores.shape == (1, 2, 64, 128)
    expected = np.array([5, 3], np.uint8)[scores[0, :, :50, :100].argmax(dim=0).numpy()]
    found = labels_of(model, image)
    assert (found == expected).mean() > 0.999  # channels last are summed in another order
    assert set(np.unique(found)) == {3, 5}


def test_what_does_not_fit_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="mine is a 'yolo', expected 'unet'"):
        build({"model": write(tmp_path, network="yolo")}, CLASSES)
    with pytest.raises(UserError, match=r"'segmentation_head\.0\.bias' has shape"):
        build({"model": write(tmp_path, classes=("car", "road", "sky"))}, CLASSES).judge(Options())
    model = write(tmp_path)
    task = build({"model": model}, CLASSES)
    path = tmp_path / "mine.safetensors"
    path.write_bytes(path.read_bytes()[:-2] + b"\0\1")
    with pytest.raises(UserError, match="its card says"):
        task.judge(Options())


def test_the_shipped_segmenter_sees_cityscapes_classes(image_of) -> None:
    classes = Classes(labels=known_spaces()["cityscapes"])
    task = build({"model": "shipped:streets-unet"}, classes)
    assert (task.model, len(task.scored)) == ("streets-unet", 19)
    image = image_of(64, 96, 1)
    [labels] = task.judge(Options())([image], [Sample("a", image, image, Truth((64, 96)))])
    assert labels.shape == (64, 96)
    assert set(np.unique(labels)) <= set(range(19))
