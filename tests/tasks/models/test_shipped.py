"""Shipped and trained task models: verified by digest, and nothing but tensors gets in."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors.torch")

from bench.contract import Classes, ClassSpace, Options, Sample, Truth  # noqa: E402
from bench.errors import UserError  # noqa: E402
from bench.io.files import sha256_of  # noqa: E402
from bench.io.training.state import save_weights  # noqa: E402
from tasks.detection.backends.yolo_network import Yolo, YoloDesign  # noqa: E402
from tasks.detection.detector import LEAST_SCORE  # noqa: E402
from tasks.detection.task import build  # noqa: E402
from tasks.models.shipped import find_model, shipped_models  # noqa: E402

CLASSES = Classes(ClassSpace("streets", (1, 2), ("car", "person")))
DESIGN = YoloDesign(2, channels=(8, 8, 8, 8, 8))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A small detector with random weights and its card; the weights' file."""
    torch.manual_seed(0)
    network = Yolo(DESIGN)
    for branch in network.model[22].cv3:
        torch.nn.init.zeros_(branch[-1].bias)
    card = {"task": "detection", "network": "yolo", "design": asdict(DESIGN), "classes": ["person", "car"]}
    save_weights(tmp_path, "mine", network, card)
    return tmp_path / "mine.safetensors"


def change_card(model: Path, **changes: object) -> None:
    card = model.with_suffix(".json")
    card.write_text(json.dumps({**json.loads(card.read_text()), **changes}))


def change_weights(model: Path, name: str, value: torch.Tensor | None) -> None:
    """Change one tensor, and the digest in the card with it."""
    state = safetensors.load_file(model)
    state.pop(name)
    if value is not None:
        state[name] = value
    safetensors.save_file(state, model)
    change_card(model, sha256=sha256_of(model))


def load(model: Path) -> object:
    return build({"model": f"trained:{model}"}, CLASSES).judge(Options())


@pytest.mark.parametrize("size", [(64, 96), (50, 70), (33, 31)])
def test_it_sees_boxes_of_the_datasets_classes_in_images_of_any_size(model: Path, size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    sample = Sample("a", image, image, Truth(size))
    first, second = load(model)([image, image], [sample, sample])
    assert len(first.scores) > 0
    np.testing.assert_array_equal(first.boxes, second.boxes)
    assert set(first.class_ids) <= {1, 2}
    assert (np.diff(first.scores) <= 0).all()
    assert first.scores.min() >= LEAST_SCORE
    assert (first.boxes[:, :2] >= 0).all()
    assert (first.boxes[:, 2:] <= size[::-1]).all()


def test_classes_are_found_by_name_not_by_number(model: Path) -> None:
    """The model's first class is the dataset's second."""
    image = np.zeros((32, 32, 3), np.uint8)
    sample = Sample("a", image, image, Truth((32, 32)))
    seen = load(model)([image], [sample])[0]
    change_card(model, classes=["car", "person"])
    swapped = load(model)([image], [sample])[0]
    np.testing.assert_array_equal(seen.class_ids, 3 - swapped.class_ids)


def test_what_the_table_needs_is_known_without_the_weights(model: Path) -> None:
    model.unlink()
    task = build({"model": f"trained:{model}"}, CLASSES)
    assert task.model == "mine"
    assert len({task, build({"model": f"trained:{model}"}, CLASSES)}) == 1  # processes keep loaded models by task
    assert json.loads(model.with_suffix(".json").read_text())["sha256"] in task.fingerprint
    with pytest.raises(UserError, match=r"mine\.safetensors: no such file"):
        task.judge(Options())


def test_changed_weights_are_refused(model: Path) -> None:
    content = bytearray(model.read_bytes())
    content[-1] ^= 1
    model.write_bytes(content)
    with pytest.raises(UserError, match="was changed or is not whole"):
        load(model)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.full((8, 3, 3, 3), float("nan")), "NaN or infinite"),
        (torch.zeros(8, 3, 1, 1), r"has shape \(8, 3, 1, 1\)"),
        (None, "lacks 1 of"),
    ],
)
def test_weights_of_another_kind_are_refused(model: Path, value: torch.Tensor | None, message: str) -> None:
    change_weights(model, "model.0.conv.weight", value)
    with pytest.raises(UserError, match=message):
        load(model)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "semantic"}, "is a model for task 'semantic'"),
        ({"network": "resnet"}, "expected 'yolo'"),
        ({"sha256": "x"}, "not the card of a task model: sha256"),
        ({"classes": []}, "not the card of a task model: classes"),
        ({"classes": ["person"]}, "names 1 classes for 2 outputs"),
        ({"design": {"classes": 2}}, "design is not one of a YOLO"),
        ({"design": {**asdict(DESIGN), "channels": [8, 8, 8, 8, 10**9]}}, "design is not one of a YOLO"),
    ],
)
def test_cards_of_another_kind_are_refused(model: Path, changes: dict[str, object], message: str) -> None:
    change_card(model, **changes)
    with pytest.raises(UserError, match=message):
        load(model)


def test_files_that_are_no_models_are_refused(model: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"expected a \.safetensors file"):
        find_model("trained", "mine.pt", "detection", "yolo")
    with pytest.raises(UserError, match="the card that 'derainbench train-task' writes is needed"):
        find_model("trained", str(tmp_path / "other.safetensors"), "detection", "yolo")
    model.with_suffix(".json").write_text("[" * 100_000)
    with pytest.raises(UserError, match="not valid JSON"):
        find_model("trained", str(model), "detection", "yolo")
    with pytest.raises(UserError, match=r"no shipped model 'nothing'.*trained:FILE"):
        find_model("shipped", "nothing", "detection", "yolo")


@pytest.mark.parametrize("task", ["detection", "instances", "semantic"])
def test_shipped_weights_are_those_of_their_cards(task: str) -> None:
    for name, found in shipped_models(task).items():
        assert sha256_of(found.file) == found.card.sha256, name


def test_shipped_weights_are_small() -> None:
    files = [found.file for task in ("detection", "instances", "semantic") for found in shipped_models(task).values()]
    assert sum(file.stat().st_size for file in files) < 15e6
