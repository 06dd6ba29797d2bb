"""ultralytics' semantic segmenters. Weights are random: published ones cannot be had in a test."""

from pathlib import Path

import numpy as np
import pytest

from bench.contract import Classes, Options, Sample, Truth
from bench.errors import UserError
from tasks.classes import known_spaces
from tasks.semantic.task import build

CITY = Classes(labels=known_spaces()["cityscapes"])


@pytest.fixture(scope="module")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A segmenter of the published architecture whose numbers are random, written by ultralytics itself."""
    models = pytest.importorskip("ultralytics.models", exc_type=ImportError)
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    try:
        model = models.YOLO("yolo26n-sem.yaml", task="semantic", verbose=False)
    except Exception:  # an older ultralytics says so in its own ways
        pytest.skip("this ultralytics has no semantic segmenters")
    # Statistics of its own random features, without which all pixels would look alike.
    for module in model.model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        model.model.train()(torch.rand(2, 3, 96, 160))
        last = [module for module in model.model.modules() if isinstance(module, torch.nn.Conv2d)][-1]
        torch.nn.init.normal_(last.weight)
        if last.bias is not None:
            torch.nn.init.zeros_(last.bias)
    path = tmp_path_factory.mktemp("weights") / "random-sem.pt"
    model.save(path)
    return path


def test_labels_equal_those_of_ultralytics_own_prediction(random_model: Path, image_of) -> None:
    from ultralytics.models import YOLO

    image = image_of(96, 160, 1)  # no padding, no scaling
    [own] = YOLO(random_model, verbose=False).predict(
        [np.ascontiguousarray(image[..., ::-1])], imgsz=(96, 160), verbose=False
    )
    task = build({"model": f"ultralytics:{random_model}", "trust_checkpoint": True}, CITY)
    [labels] = task.judge(Options())([image], [Sample("a", image, image, Truth((96, 160)))])
    assert (labels == own.semantic_mask.data.cpu().numpy()).mean() > 0.999  # ultralytics fuses its layers first
    assert len(np.unique(labels)) > 1


def test_an_unpublished_file_is_not_opened_unless_trusted(random_model: Path) -> None:
    with pytest.raises(UserError, match="trust_checkpoint"):
        build({"model": f"ultralytics:{random_model}"}, CITY).judge(Options())


def test_published_weights_are_known_to_see_cityscapes() -> None:
    task = build({"model": "ultralytics:yolo26n-sem"}, Classes(labels=known_spaces()["camvid"]))
    assert task.model == "yolo26n-sem"
    assert task.scored == known_spaces()["camvid"].ids
    assert "f3f293cca764de1f93044030d8d5612de9c5ffbf37c9c8ea1b69418b73038999" in task.fingerprint
