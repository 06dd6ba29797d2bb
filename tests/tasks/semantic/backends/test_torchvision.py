"""torchvision's segmentation networks and smp's from a state dict alone, with random weights."""

import argparse
from pathlib import Path

import numpy as np
import pytest

from bench.contract import Classes, ClassSpace, Image, LabelMap, Options, Sample, Truth
from bench.errors import UserError
from tasks.semantic.task import build

torch = pytest.importorskip("torch")
models = pytest.importorskip("torchvision.models")
CLASSES = Classes(labels=ClassSpace("mine", (3, 5), ("road", "car")))


def labels_of(model: str, image: Image) -> LabelMap:
    task = build({"model": model, "multiple_of": 1}, CLASSES)
    [labels] = task.judge(Options())([image], [Sample("a", image, image, Truth(image.shape[:2]))])
    return labels


def expected_of(network: object, image: Image) -> LabelMap:
    pixels = (image / 255.0 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    with torch.inference_mode():
        scores = network(torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None])  # type: ignore[operator]
    scores = scores["out"] if isinstance(scores, dict) else scores
    return np.array([3, 5], dtype=np.uint8)[scores[0].argmax(dim=0).numpy()]


@pytest.mark.parametrize(
    ("name", "auxiliary"),
    [("fcn_resnet50", True), ("deeplabv3_mobilenet_v3_large", True), ("lraspp_mobilenet_v3_large", False)],
)
def test_a_state_dict_answers_as_the_network_itself(tmp_path: Path, image_of, name: str, auxiliary: bool) -> None:
    torch.manual_seed(0)
    network = models.get_model(name, weights=None, weights_backbone=None, num_classes=2, aux_loss=auxiliary).eval()
    state = {key: value for key, value in network.state_dict().items() if not key.endswith("num_batches_tracked")}
    torch.save(state, tmp_path / "mine.pth")
    model = f"torchvision:{name}@{tmp_path / 'mine.pth'}"
    loaded = build({"model": model}, CLASSES).checkpoint.load(Options())
    pixels = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        torch.testing.assert_close(loaded.network(pixels), network(pixels)["out"])
    assert loaded.outputs == 2
    image = image_of(64, 96, 2)
    assert (labels_of(model, image) == expected_of(network, image)).mean() > 0.99  # float32 against float64 input


def test_published_weights_see_vocs_classes() -> None:
    space = ClassSpace("mine", (0, 1, 2), ("road", "car", "person"))
    task = build({"model": "torchvision:fcn_resnet50"}, Classes(labels=space))
    assert (task.model, task.scored) == ("fcn_resnet50", (1, 2))


def test_a_detector_is_no_segmenter(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="torchvision has no 'fasterrcnn_resnet50_fpn' for it; known: deeplabv3"):
        build({"model": "torchvision:fasterrcnn_resnet50_fpn"}, CLASSES)
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(UserError, match="no classifier of pixels"):
        build({"model": f"torchvision:fcn_resnet50@{tmp_path / 'other.pth'}"}, CLASSES).judge(Options())


def test_smp_builds_what_the_user_names_around_a_state_dict(tmp_path: Path, image_of) -> None:
    smp = pytest.importorskip("segmentation_models_pytorch")
    torch.manual_seed(0)
    network = smp.create_model("fpn", "resnet18", encoder_weights=None, classes=2).eval()
    file = tmp_path / "mine.ckpt"
    torch.save({"epoch": 1, "state_dict": {f"model.{k}": v for k, v in network.state_dict().items()}}, file)
    image = image_of(64, 96, 2)
    found = labels_of(f"smp:fpn/resnet18@{file}", image)
    assert (found == expected_of(network, image)).mean() > 0.999
    assert build({"model": f"smp:fpn/resnet18@{file}"}, CLASSES).model == "fpn/resnet18@mine"
    with pytest.raises(UserError, match="belongs to another network"):
        labels_of(f"smp:fpn/resnet34@{file}", image)
    with pytest.raises(UserError, match="not the settings of an smp network"):
        labels_of(f"smp:fpm/resnet18@{file}", image)
    with pytest.raises(UserError, match="expected smp:ARCHITECTURE/ENCODER@FILE"):
        build({"model": f"smp:fpn@{file}"}, CLASSES)
    with pytest.raises(UserError, match="no such file"):
        build({"model": "smp:fpn/resnet18@absent.pth"}, CLASSES)


def saved(path: Path, state: dict[str, object], form: str) -> Path:
    """Save a state dict as people do."""
    forms: dict[str, dict[str, object]] = {
        "model": {"model": state, "epoch": 1},
        "parallel": {f"module.{name}": value for name, value in state.items()},
        "lightning": {
            "state_dict": {**{f"model.{name}": value for name, value in state.items()}, "mean": torch.ones(1, 3, 1, 1)},
            "epoch": 3,
        },
        "compiled": {f"_orig_mod.{name}": value for name, value in state.items()},
        "arguments": {"model": state, "args": argparse.Namespace(lr=1)},
    }
    torch.save(forms[form], path)
    return path


@pytest.mark.parametrize("form", ["model", "parallel", "lightning", "compiled", "arguments"])
@pytest.mark.parametrize("library", ["torchvision", "smp", "smp with an auxiliary head"])
def test_checkpoints_are_read_as_people_save_them(tmp_path: Path, library: str, form: str) -> None:
    torch.manual_seed(0)
    if library == "torchvision":
        name = "torchvision:lraspp_mobilenet_v3_large"
        network = models.get_model(name.partition(":")[2], weights=None, weights_backbone=None, num_classes=2)
    else:
        smp = pytest.importorskip("segmentation_models_pytorch")
        name = "smp:unet/resnet18"
        extra = {"aux_params": {"classes": 4}} if "auxiliary" in library else {}
        network = smp.Unet("resnet18", encoder_weights=None, classes=2, **extra)
    path = saved(tmp_path / "mine.pth", network.state_dict(), form)
    loaded = build({"model": f"{name}@{path}"}, CLASSES).checkpoint.load(Options())
    assert loaded.outputs == 2
    pixels = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        expected = network.eval()(pixels)
        expected = expected["out"] if isinstance(expected, dict) else expected
        expected = expected[0] if isinstance(expected, tuple) else expected
        torch.testing.assert_close(loaded.network(pixels), expected)


def test_a_folder_with_an_auxiliary_head_answers_with_its_masks(tmp_path: Path, image_of) -> None:
    smp = pytest.importorskip("segmentation_models_pytorch")
    network = smp.Unet("resnet18", encoder_weights=None, classes=2, aux_params={"classes": 4})
    network.save_pretrained(str(tmp_path / "net"))
    assert labels_of(f"smp:{tmp_path / 'net'}", image_of(64, 96, 2)).shape == (64, 96)


def test_a_network_of_grey_images_is_refused(tmp_path: Path) -> None:
    smp = pytest.importorskip("segmentation_models_pytorch")
    smp.Unet("resnet18", encoder_weights=None, classes=2, in_channels=1).save_pretrained(str(tmp_path / "net"))
    with pytest.raises(UserError, match="in_channels is 1, expected 3"):
        build({"model": f"smp:{tmp_path / 'net'}"}, CLASSES).judge(Options())
