"""LPIPS against torchmetrics, on an AlexNet with random weights and the authors' weights of the layers."""

from pathlib import Path

import numpy as np
import pytest

from bench.contract import Classes, Options
from bench.errors import UserError
from bench.io.files import sha256_of
from bench.io.weights import locate_weights
from tasks.models.checkpoints import published_weights
from tasks.quality.lpips import Lpips, read_layer_weights
from tasks.quality.metrics import Statistics, compare
from tasks.quality.task import build

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")


@pytest.fixture
def reference() -> object:
    """The same metric by torchmetrics, whose package contains the layers' weights."""
    module = pytest.importorskip("torchmetrics.functional.image.lpips")
    torch.manual_seed(0)
    return module._LPIPS(pretrained=True, net="alex", pnet_rand=True)


@pytest.fixture
def layers() -> Path:
    module = pytest.importorskip("torchmetrics.functional.image.lpips")
    return Path(module.__file__).parent / "lpips_models/alex.pth"


def metric_of(reference: object, path: Path) -> Lpips:
    slices = [getattr(reference.net, f"slice{number}") for number in range(1, 6)]  # type: ignore[attr-defined]
    features = torch.nn.Sequential(*[layer for part in slices for layer in part])
    return Lpips(features.eval(), read_layer_weights(path), "cpu")


@pytest.mark.parametrize("size", [(63, 63), (97, 140)])
def test_equals_torchmetrics(image_of, reference, layers: Path, size: tuple[int, int]) -> None:
    clean, image = image_of(*size, 1), image_of(*size, 2)
    tensors = [torch.from_numpy(one / 127.5 - 1).float().permute(2, 0, 1)[None] for one in (image, clean)]
    expected = float(reference(*tensors))
    assert expected > 1e-4
    metric = metric_of(reference, layers)
    assert metric(image, clean) == pytest.approx(expected, rel=1e-3)  # its tiny number stands under the root
    assert metric(clean, clean) == 0
    assert compare(image, clean, ("lpips",), Statistics(lpips=metric)) == {"lpips": metric(image, clean)}
    assert compare(image[:62], clean[:62], ("lpips",), Statistics(lpips=metric)) == {}


def test_equals_its_formula(image_of, reference, layers: Path) -> None:
    """Equation 1 of the paper in double precision, with the authors' shift, scale and 1e-10 beside the norm."""
    shift, scale = np.array([-0.030, -0.088, -0.188]), np.array([0.458, 0.448, 0.450])
    clean, image = image_of(70, 81, 1), image_of(70, 81, 2)
    inputs = [torch.from_numpy((one / 127.5 - 1 - shift) / scale).permute(2, 0, 1)[None] for one in (image, clean)]
    with torch.inference_mode():
        sides = [[layer.numpy()[0] for layer in reference.net.double()(side)] for side in inputs]
    weights = torch.load(layers, map_location="cpu", weights_only=True)
    expected = 0.0
    for number, (first, second) in enumerate(zip(*sides, strict=True)):
        units = [layer / (np.sqrt((layer**2).sum(axis=0)) + 1e-10) for layer in (first, second)]
        of_channels = ((units[0] - units[1]) ** 2).mean(axis=(1, 2))
        expected += float(of_channels @ weights[f"lin{number}.model.1.weight"].double().numpy().ravel())
    reference.net.float()
    assert metric_of(reference, layers)(image, clean) == pytest.approx(expected, rel=1e-5)


def test_the_layers_weights_are_found_by_digest(layers: Path) -> None:
    published = published_weights()["lpips"][0]
    assert sha256_of(layers) == published.sha256
    assert locate_weights(published, Options(weights_dirs=(layers.parent,), offline=True)) == layers


def test_absent_weights_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layers: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    task = build({"metrics": ("lpips",)}, Classes())
    with pytest.raises(UserError, match=r"alexnet-owt-7be5be79\.pth are not here and --offline is set"):
        task.judge(Options(weights_dirs=(layers.parent,), offline=True))
    torch.save({"a": torch.zeros(1)}, tmp_path / "alex.pth")
    with pytest.raises(UserError, match=r"expected the file alex\.pth of LPIPS"):
        read_layer_weights(tmp_path / "alex.pth")


def test_the_fingerprint_names_both_files() -> None:
    text = build({"metrics": ("lpips",)}, Classes()).fingerprint
    assert "df73285e" in text
    assert "7be5be79" in text
