"""Commands that only tell something start fast, because they import nothing heavy."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

MODELS = {"torch", "torchvision", "ultralytics", "segmentation_models_pytorch", "onnxruntime", "cv2", "ray"}
ARITHMETIC = {"scipy", "skimage", "pycocotools", "matplotlib", "PIL"}
TABLES = {"pandas", "pyarrow"}

SCRIPT = """
import json, sys
from bench.cli import main
sys.argv = ["derainbench", *sys.argv[1:]]
try:
    main()
finally:
    sys.stderr.write(json.dumps(sorted(name for name in sys.modules if "." not in name)))
"""


@pytest.mark.parametrize(
    ("arguments", "heavy"),
    [
        (["--help"], MODELS | ARITHMETIC | TABLES | {"numpy"}),
        (["run", "--help"], MODELS | ARITHMETIC | TABLES | {"numpy"}),
        (["list", "derainers"], MODELS | ARITHMETIC | TABLES),
        (["list", "suites"], MODELS | ARITHMETIC | TABLES),
        (["list", "models"], MODELS | ARITHMETIC | TABLES),
        (["list", "metrics"], MODELS | ARITHMETIC | TABLES),
    ],
    ids=["help", "help of a command", "derainers", "suites", "models", "metrics"],
)
def test_nothing_heavy_is_imported(arguments: list[str], heavy: set[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "120"},
    )
    assert arguments[0] == "list" or "Usage" in done.stdout
    imported = set(json.loads(done.stderr))
    assert "typer" in imported
    assert not heavy & imported
