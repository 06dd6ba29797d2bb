"""With ``--offline`` nothing asks the network: sockets are taken away, and every wish for one is noted."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.io import telemetry

SCRIPT = """
import socket, sys, traceback

def refuse(*arguments, **named):
    with open("network.txt", "a") as file:
        traceback.print_stack(file=file)
    raise OSError("no network here")

class Deaf(socket.socket):
    connect = connect_ex = sendto = refuse

socket.socket = Deaf
socket.getaddrinfo = socket.gethostbyname = socket.create_connection = refuse
from bench.cli import main
sys.argv = ["derainbench", *sys.argv[1:]]
main()
"""


def offline(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command without any network in a folder that is also the home: every cache is empty."""
    home = {"HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache"), "YOLO_CONFIG_DIR": str(folder)}
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DERAINBENCH", "HF_"))}
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, *map(str, arguments), "--offline"],
        cwd=folder, capture_output=True, text=True, env={**environment, **home},
    )  # fmt: skip


def test_the_embedded_suite_needs_no_network(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    done = offline(tmp_path, "run", "--count", 2, "--tasks", "quality", "--device", "cpu", "--out", "out")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "network.txt").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--derainers", "rain,prenet"],
        ["--derainers", "rain", "--tasks", "detection", "--model", "detection=torchvision:fasterrcnn_resnet50_fpn"],
        ["--derainers", "rain", "--tasks", "detection", "--model", "detection=ultralytics:yolo26n"],
    ],
    ids=["derainer", "torchvision", "ultralytics"],
)
def test_weights_that_are_not_here_are_asked_of_the_user(tmp_path: Path, arguments: list[str]) -> None:
    pytest.importorskip("torchvision")
    done = offline(tmp_path, "run", "streets", "--count", 2, "--device", "cpu", "--out", "out", *arguments)
    assert done.returncode == 2, done.stderr
    assert "--offline is set" in done.stderr
    assert "--weights-dir FOLDER" in done.stderr
    assert not (tmp_path / "network.txt").exists()


@pytest.mark.slow
@pytest.mark.shared
def test_models_on_the_disk_need_no_network(shared: Path, tmp_path: Path) -> None:
    pytest.importorskip("ultralytics", exc_type=ImportError)
    pytest.importorskip("segmentation_models_pytorch")
    models = shared / "models"
    detector, segmenter = models / "detection/yolov8n_int8.tflite", models / "semantic/camvid_fpn"
    done = offline(
        tmp_path, "run", "coco350", "--coco", shared / "data/coco", "--derainers", "rain", "--size", "any",
        "--count", 1, "--model", f"detection=ultralytics:{detector}", "--device", "cpu", "--out", "a",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    done = offline(
        tmp_path, "run", "camvid", "--data", f"camvid={shared / 'data/camvid'}", "--derainers", "rain",
        "--count", 1, "--model", f"semantic=smp:{segmenter}", "--device", "cpu", "--out", "b",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "network.txt").exists(), (tmp_path / "network.txt").read_text()


LIBRARIES = {
    "command line": "from bench.cli import main; sys.argv[1:] = ['check-derainer', 'rain']; main()",
    "onnxruntime": "from derainers.external.plugins import find_derainer; "
    "from bench.api.derainers import build_derainer; from bench.contract import Options; "
    "build_derainer(find_derainer('onnx:net.onnx'), Options())(np.zeros((8, 8, 3), np.uint8))",
    "ultralytics": "from tasks.detection.backends.ultralytics import import_yolo; import_yolo()",
    "segmentation_models_pytorch": "from tasks.semantic.backends.smp import _create; "
    "_create('unet', {'encoder_name': 'resnet18', 'encoder_weights': None}, 'x')",
    "torch": "from bench.api.derainers import build_derainer, find_derainer; from bench.contract import Options; "
    "build_derainer(find_derainer('prenet-small'), Options())(np.zeros((8, 8, 3), np.uint8))",
}


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace to see sockets below Python")
@pytest.mark.parametrize("library", LIBRARIES)
def test_no_library_calls_home_or_keeps_a_number_of_this_machine(tmp_path: Path, library: str) -> None:
    if library != "command line":
        pytest.importorskip(library, exc_type=ImportError)
    if library == "onnxruntime":
        write_identity(tmp_path / "net.onnx")
    kept = {name: value for name, value in os.environ.items() if name not in telemetry._SWITCHES}
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache"), "YOLO_CONFIG_DIR": str(tmp_path)}
    script = f"import sys, time\nimport numpy as np\n{LIBRARIES[library]}\ntime.sleep(0.5)"
    done = subprocess.run(
        ["strace", "-f", "-e", "trace=socket,connect,sendto", "-o", "calls", sys.executable, "-c", script],
        cwd=tmp_path, capture_output=True, text=True, env={**kept, **home},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    calls = (tmp_path / "calls").read_text()
    assert "exited with" in calls
    # A socket alone tells nobody anything: ifconfig, which uuid.getnode() asks, opens one.
    assert not [line for line in calls.splitlines() if "AF_INET" in line and "socket(" not in line]
    assert not [path for path in tmp_path.rglob("*") if path.name in ("deviceid", "onnxruntime.db")]


def write_identity(path: Path) -> None:
    """Write an ONNX network that returns what it is given."""
    onnx = pytest.importorskip("onnx")
    helper, kind, shape = onnx.helper, onnx.TensorProto.FLOAT, ["n", 3, "h", "w"]
    ends = [helper.make_tensor_value_info(name, kind, shape) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "same", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
