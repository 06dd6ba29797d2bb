"""What the README shows is run here as it stands."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from bench.runs.records import read_records

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(marker: str) -> str:
    """The fenced block after an HTML comment."""
    found = re.search(rf"<!-- {re.escape(marker)} -->\n```\w+\n(.*?)```", README, re.DOTALL)
    assert found, f"README.md has no block {marker!r}"
    return found[1]


def test_your_derainer_in_ten_lines_joins_the_table(tmp_path: Path) -> None:
    code = block("file: mine.py")
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    (tmp_path / "mine.py").write_text(code, encoding="utf-8")
    command = next(line for line in README.splitlines() if "mine.py:build,clean" in line).split()
    done = subprocess.run(
        [sys.executable, "-m", "bench.cli", *command[1:], "--count", "2", "--tasks", "quality", "--out", "run"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = {record.derainer: record.value for record in read_records(tmp_path / "run") if record.metric == "ssim_y"}
    assert list(rows) == ["rain", "classical", "mine", "clean"]
    assert rows["mine"] != rows["rain"]


def write_networks(folder: Path) -> None:
    """The median's cousin as exported networks: a mean over the same five pixels of a row."""
    import torch

    pool = torch.nn.AvgPool2d((1, 5), stride=1, padding=(0, 2))
    torch.jit.trace(pool, torch.rand(1, 3, 64, 96)).save(folder / "net.pt")
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    sides = ["n", 3, "h", "w"]
    x, y = (onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, sides) for name in "xy")
    node = onnx.helper.make_node(
        "AveragePool", ["x"], ["y"], kernel_shape=[1, 5], pads=[0, 2, 0, 2], count_include_pad=1
    )
    graph = onnx.helper.make_graph([node], "mean", [x], [y])
    onnx.save(
        onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8),
        folder / "net.onnx",
    )


def test_every_other_route_joins_the_table(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(block("file: mine.py"), encoding="utf-8")
    write_networks(tmp_path)
    for line in block("routes").splitlines():
        words = shlex.split(line)[1:]
        few = ["--count", "2", "--tasks", "quality"] if words[0] == "run" else []
        done = subprocess.run(
            [sys.executable, "-m", "bench.cli", *words, *few, "--device", "cpu"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}\n{done.stderr}"
    rows = {
        run: {
            name: [replace(record, derainer="") for record in read_records(tmp_path / run) if record.derainer == name]
            for name in names
        }
        for run, names in {
            "run5": ("rain", "mine", "matlab"), "run6": ("rain", "tool"), "run7": ("net",), "run8": ("net",),
        }.items()
    }  # fmt: skip
    assert rows["run5"]["matlab"] == rows["run5"]["mine"] != rows["run5"]["rain"]
    assert rows["run6"]["tool"] == rows["run6"]["rain"]
    assert rows["run5"]["mine"]
    for mine, theirs in zip(rows["run7"]["net"], rows["run8"]["net"], strict=True):
        assert mine.metric == theirs.metric
        assert mine.value == pytest.approx(theirs.value, rel=1e-3)


def test_the_library_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(block("python: library"), "README.md", "exec"), {"__name__": "readme"})  # noqa: S102
    assert "clean ssim_y 1.0" in capsys.readouterr().out


CAMVID = "sky building pole road pavement tree sign fence car pedestrian bicyclist void"


def write_photographs(home: Path) -> None:
    """Two photographs of each kind that the README names, where it says that they are."""
    for place in ("coco/val2017", "coco/annotations", "camvid/val", "camvid/valannot", "bdd/images/100k/val",
                  "bdd/images/10k/val", "bdd/labels/det_20", "bdd/labels/sem_seg/masks/val"):  # fmt: skip
        (home / place).mkdir(parents=True)
    for number in (1, 2):
        for place, size in (("coco/val2017", (96, 64)), ("camvid/val", (96, 64)), ("bdd/images/100k/val", (1280, 720)),
                            ("bdd/images/10k/val", (1280, 720))):  # fmt: skip
            Image.new("RGB", size, (90, 99, 40 * number)).save(home / place / f"{number}.jpg")
        for place, size in (("camvid/valannot", (96, 64)), ("bdd/labels/sem_seg/masks/val", (1280, 720))):
            Image.new("L", size, number).save(home / place / f"{number}.png")
    rows = [f"{number},{name}\n" for number, name in enumerate(CAMVID.split())]
    (home / "camvid/classes.csv").write_text("id,name\n" + "".join(rows))
    box = {"x1": 5, "y1": 5, "x2": 50, "y2": 40}
    frames = [{"name": f"{n}.jpg", "labels": [{"category": "car", "box2d": box}]} for n in (1, 2)]
    (home / "bdd/labels/det_20/det_val.json").write_text(json.dumps(frames))
    content = {
        "images": [{"id": n, "file_name": f"{n}.jpg", "height": 64, "width": 96} for n in (1, 2)],
        "categories": [{"id": 3, "name": "car"}],
        "annotations": [{"id": n, "image_id": n, "category_id": 3, "bbox": [5, 5, 20, 20]} for n in (1, 2)],
    }
    (home / "coco/annotations/instances_val2017.json").write_text(json.dumps(content))


def commands_for_photographs() -> list[str]:
    """Runs of published models on photographs; a commit or a file of the reader's own is theirs to name."""
    lines = [line for line in README.splitlines() if line.startswith("derainbench run") and "~/" in line]
    return [line for line in lines if "@COMMIT" not in line and "mine.py" not in line]


@pytest.mark.slow
def test_runs_on_photographs_are_planned_as_they_stand(tmp_path: Path) -> None:
    pytest.importorskip("ultralytics", exc_type=ImportError)
    smp = pytest.importorskip("segmentation_models_pytorch", exc_type=ImportError)
    write_photographs(tmp_path)
    smp.Unet("resnet18", encoder_weights=None, classes=11).save_pretrained(tmp_path / "path/to/checkpoint_folder")
    environment = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "DERAINBENCH_OFFLINE": "1"}
    assert len(commands_for_photographs()) >= 6
    for line in commands_for_photographs():
        command = f"{sys.executable} -m bench.cli {line.removeprefix('derainbench ')} --count 2 --size any --dry-run"
        done = subprocess.run(  # through a shell, which knows what ~ is
            ["sh", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        assert "rain: " in done.stdout


def test_every_command_that_is_shown_exists() -> None:
    from typer.main import get_command

    from bench.cli import app

    known = set(get_command(app).commands)  # type: ignore[attr-defined]
    shown = set(re.findall(r"(?:^|[`/])derainbench ([\w-]+)", README, re.MULTILINE))
    assert shown <= known
    assert {"run", "table", "derain", "score", "list"} <= shown


def test_the_two_commands_make_environments_of_their_own() -> None:
    for marker in ("run command", "test command"):
        assert block(marker).startswith("python3 -m venv ")
