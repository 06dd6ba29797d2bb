"""Whatever decides what a plug-in returns is in the key of its results: another file, another number."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.api.guest_files import guest_files
from bench.api.guest_trial import Patience
from bench.contract import Options
from derainers.external.plugins import find_derainer
from tests.bench.cli_call import Call

HERE = "from pathlib import Path\nhere = Path(__file__).parent\n"
RESTORE = "def build(options):\n    gain = {}\n    return lambda image: (image * gain).astype('uint8')\n"
LATE = "def build(options):\n    return lambda image: (image * {}).astype('uint8')\n"
TOOL = """
import sys
import numpy as np
from PIL import Image
from gain import gain
words = dict(word.split("=", 1) for word in sys.argv[1:] if "=" in word)
image = np.asarray(Image.open(words["--in"]))
Image.fromarray((image * gain(words)).astype(np.uint8)).save(words["--out"])
"""


def text(folder: Path, gain: float) -> None:
    (folder / "weights").mkdir(exist_ok=True)
    (folder / "weights/net.txt").write_text(str(gain))


def module(folder: Path, gain: float) -> None:
    (folder / "model.py").write_text(f"GAIN = {gain}\n")


def tensors(folder: Path, gain: float) -> None:
    pytest.importorskip("safetensors.numpy").save_file({"gain": np.array([gain])}, folder / "net.safetensors")


def external(folder: Path, gain: float) -> None:
    """An ONNX network whose tensor lies beside it."""
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    ends = [helper.make_tensor_value_info(name, kind, ["n", 3, "h", "w"]) for name in "xy"]
    weights = onnx.numpy_helper.from_array(np.full((1, 3, 1, 1), gain, np.float32), "w")
    graph = helper.make_graph([helper.make_node("Mul", ["x", "w"], ["y"])], "net", ends[:1], ends[1:], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    (folder / "net.onnx.data").unlink(missing_ok=True)
    onnx.save(model, folder / "net.onnx", save_as_external_data=True, location="net.onnx.data", size_threshold=0)


def tool(folder: Path, gain: float) -> None:
    text(folder, gain)
    (folder / "tool.py").write_text(TOOL)
    (folder / "gain.py").write_text("def gain(words):\n    return float(open(words['--weights']).read())\n")


def imported(folder: Path, gain: float) -> None:
    (folder / "tool.py").write_text(TOOL)
    (folder / "gain.py").write_text(f"def gain(words):\n    return {gain}\n")


def models(folder: Path, gain: float) -> None:
    text(folder, gain)
    (folder / "tool.py").write_text(TOOL)
    (folder / "gain.py").write_text("def gain(words):\n    return float(open(words['--dir'] + '/net.txt').read())\n")


ENDS = "--in={input} --out={output}"
CASES: dict[str, tuple[Callable[[Path, float], None], str, str]] = {
    "opened when built": (text, HERE + RESTORE.format("float((here / 'weights' / 'net.txt').read_text())"), ""),
    "opened when used": (text, HERE + LATE.format("float((here / 'weights' / 'net.txt').read_text())"), ""),
    "opened when imported": (text, HERE + "G = float(open(here/'weights/net.txt').read())\n" + RESTORE.format("G"), ""),
    "name computed": (text, HERE + RESTORE.format("float(sorted(here.glob('w*/*'))[0].read_text())"), ""),
    "sibling": (module, "from model import GAIN\n" + RESTORE.format("GAIN"), ""),
    "late sibling": (module, LATE.format("__import__('model').GAIN"), ""),
    "below Python": (tensors, HERE + "from safetensors.numpy import load_file\n"
                     + RESTORE.format("load_file(here / 'net.safetensors')['gain']"), ""),
    "external tensors": (external, "", "mine=onnx:net.onnx"),
    "file in an option": (tool, "", f"mine=command:{sys.executable} tool.py --weights=weights/net.txt {ENDS}"),
    "module of a tool": (imported, "", f"mine=command:{sys.executable} tool.py {ENDS}"),
    "folder in an option": (models, "", f"mine=command:{sys.executable} tool.py --dir=weights {ENDS}"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_another_file_is_another_key(tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write, source, spec = CASES[case]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(source)

    def key() -> object:
        entry = find_derainer(spec or "mine.py:build")
        return entry.code_version(), guest_files(entry, Options()) if entry.is_guest else {}

    write(tmp_path, 0.9)
    first = key()
    write(tmp_path, 0.3)
    assert key() != first


@pytest.mark.parametrize("case", ["opened when built", "below Python", "external tensors", "file in an option"])
def test_another_file_is_another_number_and_in_the_card(call: Call, tmp_path: Path, case: str) -> None:
    write, source, spec = CASES[case]
    if case == "external tensors":
        pytest.importorskip("onnxruntime")
    (tmp_path / "mine.py").write_text(source)
    rows = ["--derainers", "rain,clean", "--also", spec or "mine.py:build"]

    def value() -> float:
        done = call("run", "suite.toml", "--count", 2, *rows, "--device", "cpu", "--out", "out", "--no-report")
        assert done.status == 0, done.error
        records = pd.read_csv(tmp_path / "out/records.csv").query("derainer == 'mine' and metric == 'psnr_y'")
        return float(records["value"].iloc[0])

    def stamps() -> list[int]:
        return [path.stat().st_mtime_ns for path in sorted((tmp_path / "out/restored").rglob("*.png"))]

    write(tmp_path, 0.9)
    first, made = value(), stamps()
    assert value() == first
    assert stamps() == made
    write(tmp_path, 0.3)
    assert value() < first - 1
    if not spec:
        named = json.loads((tmp_path / "out/card.json").read_text())["weights"]["mine"]
        assert list(named) == ["weights/net.txt" if "built" in case else "net.safetensors"]


def files(path: Path, patience: Patience | None = None) -> dict[str, str]:
    return guest_files(find_derainer(f"{path}:build"), Options(), patience)


def test_a_plug_in_that_opens_nothing_has_no_files(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import numpy, json\n" + RESTORE.format("0.9"))
    (tmp_path / "other.txt").write_text("x")
    assert files(tmp_path / "mine.py") == {}


def test_what_it_writes_is_none_of_them(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        HERE + "log = here / 'log.txt'\nopen(log, 'a').write('x')\nopen(log).read()\n" + RESTORE.format("0.9")
    )
    assert files(tmp_path / "mine.py") == {}


@pytest.mark.parametrize("end", ["1 / 0", "os._exit(0)", "os.kill(0, 9)", "time.sleep(600)"])
def test_one_that_fails_dies_or_hangs_is_known_by_what_it_opened_before(tmp_path: Path, end: str) -> None:
    text(tmp_path, 0.5)
    (tmp_path / "mine.py").write_text(
        HERE + "import os, time\ndef build(o):\n    next(here.glob('w*/*')).read_text()\n"
        f"    return restore\ndef restore(image):\n    {end}\n"
    )
    started = time.monotonic()
    assert list(files(tmp_path / "mine.py", Patience(call_seconds=2.0))) == ["weights/net.txt"]
    assert time.monotonic() - started < 60
