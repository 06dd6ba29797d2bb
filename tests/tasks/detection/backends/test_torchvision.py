"""torchvision's detectors. Weights are random: published ones cannot be had in a test."""

from pathlib import Path

import numpy as np
import pytest

from bench.contract import Classes, ClassSpace, Detections, Options, Sample, Truth
from tasks.classes import known_spaces
from tasks.detection.object_task import ObjectTask
from tasks.detection.task import build
from tasks.models.torchvision import torchvision_models

NAME = "fasterrcnn_mobilenet_v3_large_320_fpn"


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state dict of the right form whose numbers are random."""
    torch = pytest.importorskip("torch")
    models = pytest.importorskip("torchvision.models")
    torch.manual_seed(0)
    network = models.get_model(NAME, weights=None, weights_backbone=None, num_classes=91)
    torch.nn.init.normal_(network.roi_heads.box_predictor.cls_score.weight, std=0.3)
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save(network.state_dict(), path)
    return path


def task_of(weights: Path, space: ClassSpace) -> ObjectTask:
    return build({"model": f"torchvision:{NAME}@{weights}"}, Classes(instances=space))


def test_answers_are_in_the_datasets_classes_and_reach_down_to_low_scores(random_weights: Path, image_of) -> None:
    coco = known_spaces()["coco"]
    task = task_of(random_weights, coco)
    image = image_of(60, 90, 1)
    [seen] = task.judge(Options())([image], [Sample("a", image, image, Truth((60, 90)))])
    assert isinstance(seen, Detections)
    assert len(seen.boxes) > 100
    assert set(seen.class_ids.tolist()) <= set(coco.ids)
    assert seen.scores.min() >= 0.001
    assert (np.diff(seen.scores) <= 0).all()
    assert "NMS 0.5" in task.protocol


def test_91_outputs_see_the_classes_of_coco_in_bdd(random_weights: Path) -> None:
    bdd = known_spaces()["bdd"]
    eight = [id for id, name in zip(bdd.ids, bdd.names, strict=True) if name not in ("rider", "traffic sign")]
    kept = ClassSpace("bdd", tuple(eight), tuple(bdd.names[bdd.ids.index(id)] for id in eight))
    judge = task_of(random_weights, kept).judge(Options())
    assert judge.mapping == {1: 1, 3: 3, 8: 4, 6: 5, 7: 6, 4: 7, 2: 8, 10: 9}


def test_table_names_files_as_torchvision_does() -> None:
    models = pytest.importorskip("torchvision.models")
    for model in torchvision_models().values():
        weights = models.get_weight(model.weights)
        assert weights.url.rsplit("/", 1)[1] == model.file
        outputs = {"boxes": 91, "masks": 91, "labels": 21, "features": 1000}
        assert len(weights.meta["categories"]) == outputs[model.finds]
        assert len(model.prefix) == 8
        assert (model.finds == "masks") == model.name.startswith("maskrcnn")


def test_first_generation_weights_run_as_with_frozen_normalisation(image_of) -> None:
    """Batch normalisation without epsilon equals the frozen layers of torchvision's own loading."""
    torch = pytest.importorskip("torch")
    models = pytest.importorskip("torchvision.models")
    from torchvision.models.detection._utils import overwrite_eps
    from torchvision.ops.misc import FrozenBatchNorm2d

    from tasks.models.torchvision import _match_published_normalisation

    plain = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)).eval()
    torch.nn.init.uniform_(plain[1].running_var, 1e-4, 1e-3)
    frozen = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), FrozenBatchNorm2d(4)).eval()
    frozen.load_state_dict({k: v for k, v in plain.state_dict().items() if not k.endswith("num_batches_tracked")})
    overwrite_eps(frozen, 0.0)
    _match_published_normalisation(plain)
    x = torch.rand(1, 3, 9, 9)
    torch.testing.assert_close(plain(x), frozen(x))
    assert models.get_weight("FasterRCNN_ResNet50_FPN_Weights.COCO_V1").url.endswith("258fb6c6.pth")


@pytest.mark.parametrize("form", ["model", "parallel"])
def test_checkpoints_are_read_as_the_reference_training_saves_them(
    tmp_path: Path, random_weights: Path, form: str
) -> None:
    torch = pytest.importorskip("torch")
    state = torch.load(random_weights, weights_only=True)
    nested = {"model": state, "optimizer": {"state": {}}, "epoch": 1}
    torch.save(nested if form == "model" else {f"module.{key}": state[key] for key in state}, tmp_path / "mine.pth")
    coco = known_spaces()["coco"]
    assert len(task_of(tmp_path / "mine.pth", coco).judge(Options()).mapping) == len(coco.ids)
