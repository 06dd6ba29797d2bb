"""What cannot be loaded is said before any image is made, and by --dry-run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.cli_call import Call

torch = pytest.importorskip("torch")

LABELLED = """
derainers = ["rain", "clean"]
[tasks.semantic]
[datasets.photos]
source = "folder"
root = "photos"
rain = "coco350_y"
parameters = { images = "images", masks = "masks", classes = "classes.csv" }
"""


@pytest.fixture
def wrong(tmp_path: Path) -> dict[str, str]:
    """Models that no run can use, and what is said of them."""
    (tmp_path / "labelled.toml").write_text(LABELLED)
    torch.save({"other.bias": torch.zeros(3)}, tmp_path / "other.pth")
    (tmp_path / "hostile.pth").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    (tmp_path / "bad.onnx").write_bytes(b"<html>")
    torch.save({"segmentation_head.0.bias": torch.zeros(7)}, tmp_path / "seven.pth")
    return {
        "semantic=smp:unet/resnet18@other.pth": "no state dict of an smp network",
        "semantic=smp:unet/resnet18@hostile.pth": "refused",
        "semantic=smp:unet/resnet18@seven.pth": "belongs to another network",
        "semantic=torchvision:lraspp_mobilenet_v3_large@other.pth": "no classifier of pixels",
    }


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_a_model_that_cannot_be_used_is_refused_first(
    call: Call, tmp_path: Path, wrong: dict[str, str], number: int, dry: list[str]
) -> None:
    pytest.importorskip("segmentation_models_pytorch")
    model, words = list(wrong.items())[number]
    done = call("run", "labelled.toml", "--model", model, "--device", "cpu", "--out", "out", *dry)
    assert done.status == 2
    assert words in done.error
    assert not list(tmp_path.glob("out/data/**/*.png"))


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_a_task_whose_labels_a_dataset_lacks_is_refused_first(call: Call, tmp_path: Path, dry: list[str]) -> None:
    (tmp_path / "masks_only.toml").write_text(
        LABELLED.replace("semantic]", 'detection]\nmodel = "shipped:streets-yolo"')
    )
    done = call("run", "masks_only.toml", "--device", "cpu", "--out", "out", *dry)
    assert done.status == 2
    told = "dataset photos has no boxes, which task detection needs; leave the task out with --tasks"
    assert told in " ".join(done.error.split())
    assert not list(tmp_path.glob("out/data/**/*.png"))


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_an_exported_derainer_that_cannot_be_opened_is_refused_first(
    call: Call, tmp_path: Path, wrong: dict[str, str], dry: list[str]
) -> None:
    pytest.importorskip("onnxruntime")
    arguments = ("run", "suite.toml", "--device", "cpu", "--out", "out", *dry)
    done = call(*arguments, "--derainers", "rain,onnx:bad.onnx,clean")
    assert (done.status, "not a usable ONNX file" in done.error) == (2, True)
    done = call(*arguments, "--derainers", "rain,torchscript:other.pth,clean")
    assert (done.status, "not a TorchScript file" in done.error) == (2, True)
    assert not list(tmp_path.glob("out/data/**/*.png"))


@pytest.mark.parametrize(
    ("module", "arguments", "status"),
    [
        ("onnxruntime", ["check-derainer", "onnx:bad.onnx"], 2),
        ("torch", ["check-derainer", "prenet-small"], 2),
        ("torch", ["check-derainer", "prenet-small", "--device", "cuda"], 2),
        ("torch", ["doctor"], 0),
    ],
)
def test_a_library_that_is_there_and_broken_is_not_called_absent(
    tmp_path: Path, wrong: dict[str, str], module: str, arguments: list[str], status: int
) -> None:
    package = tmp_path / "broken" / module
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('raise ImportError("libcudnn.so.9: cannot open shared object file")')
    code = f"import sys; sys.path.insert(0, 'broken'); from bench.cli import main; sys.argv[1:] = {arguments}; main()"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    said = " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in said
    assert "not installed" not in said
    assert "libcudnn.so.9: cannot open shared object file" in said
