"""RefineNet's names, shapes and counts, and its state dicts."""

from pathlib import Path

import numpy as np
import pytest

from bench.contract import Classes, ClassSpace, Options, Sample, Truth
from bench.errors import UserError
from tasks.semantic.task import build

torch = pytest.importorskip("torch")

from tasks.semantic.backends.refinenet import ChainedPooling, RefineNet, ResidualConvolutions  # noqa: E402  it imports torch

CLASSES = Classes(labels=ClassSpace("mine", (3, 5), ("road", "sky")))


# Tensors, parameters and decoder tensors of the published PyTorch state dicts for 21 classes.
@pytest.mark.parametrize(
    ("depth", "light", "tensors", "parameters", "decoder"),
    [(101, False, 712, 118_052_437, 88), (50, True, 346, 27_357_525, 28)],
)
def test_counts_are_the_published_ones(depth: int, light: bool, tensors: int, parameters: int, decoder: int) -> None:
    with torch.device("meta"):
        network = RefineNet(21, depth, light)
    names = network.state_dict().keys()
    trunk = [name for name in names if name.startswith(("conv1.", "bn1.", "layer"))]
    assert (len(names), len(names) - len(trunk)) == (tensors, decoder)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters


def test_trunk_has_torchvisions_names_and_gives_its_features() -> None:
    models = pytest.importorskip("torchvision.models")
    torch.manual_seed(0)
    resnet = models.resnet50(weights=None).eval()
    network = RefineNet(2, 50, light=True).eval()
    state = {name: value for name, value in resnet.state_dict().items() if not name.startswith("fc.")}
    missing, unexpected = network.load_state_dict(state, strict=False)
    assert not unexpected
    assert not [name for name in missing if name.startswith(("conv1", "bn1", "layer"))]
    x = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        y = torch.relu(network.bn1(network.conv1(x)))
        y = torch.max_pool2d(y, 3, 2, 1)
        for number in range(1, 5):
            y = network.get_submodule(f"layer{number}")(y)
        expected = resnet.layer4(resnet.layer3(resnet.layer2(resnet.layer1(resnet.maxpool(resnet.relu(
            resnet.bn1(resnet.conv1(x))
        ))))))  # fmt: skip
    torch.testing.assert_close(y, expected)


def test_blocks_compute_what_the_paper_draws() -> None:
    torch.manual_seed(0)
    functional = torch.nn.functional
    x = torch.randn(1, 4, 9, 11)
    unit = ResidualConvolutions(4, 1)
    state = unit.state_dict()
    inner = functional.conv2d(functional.relu(x), state["1_conv.weight"], state["1_conv.bias"], padding=1)
    expected = x + functional.conv2d(functional.relu(inner), state["1_conv_relu_varout_dimred.weight"], padding=1)
    torch.testing.assert_close(unit(x), expected)
    chain = ChainedPooling(4, 1)
    total, top = x, x
    for weight in chain.state_dict().values():
        top = functional.conv2d(functional.max_pool2d(top, 5, 1, 2), weight)
        total = total + top
    torch.testing.assert_close(chain(x), total)


@pytest.mark.parametrize("light", [False, True])
def test_a_state_dict_is_recognised_by_its_keys(tmp_path: Path, image_of, light: bool) -> None:
    torch.manual_seed(0)
    network = RefineNet(2, 50, light)
    state = {f"module.{name}": value for name, value in network.state_dict().items()}
    torch.save({"epoch": 3, "state_dict": state}, tmp_path / "rf50.pth.tar")
    task = build({"model": f"refinenet:{tmp_path / 'rf50.pth.tar'}"}, CLASSES)
    assert task.model == "rf50"
    image = image_of(45, 70, 1)
    [labels] = task.judge(Options())([image], [Sample("a", image, image, Truth((45, 70)))])
    assert labels.shape == (45, 70)
    assert set(np.unique(labels)) <= {3, 5}


def test_other_files_are_refused(tmp_path: Path) -> None:
    torch.save({"clf_conv.bias": torch.zeros(2)}, tmp_path / "part.pth")
    with pytest.raises(UserError, match="expected a state dict of RefineNet"):
        build({"model": f"refinenet:{tmp_path / 'part.pth'}"}, CLASSES).judge(Options())
    with pytest.raises(UserError, match="MATLAB objects"):
        build({"model": "refinenet:refinenet_res101_cityscapes.mat"}, CLASSES)
    with pytest.raises(UserError, match="refinenet:FILE"):
        build({"model": "refinenet:absent.pth"}, CLASSES)
