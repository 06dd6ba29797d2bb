"""Comments, docstrings and formatting of the whole project change no code version and no protocol; numbers do."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("bench", "derainers", "synth", "tasks")
SCRIPT = """
import json
import bench, derainers, synth, tasks
from bench.contract import Classes, ClassSpace
from bench.runs.card import TaskCard
from bench.scoring.protocol_hash import hash_of, parts_of, rain_parts
from synth.datasets.build import open_renderer

registries = (derainers.DERAINERS, synth.RAINS, synth.SOURCES, tasks.TASKS)
codes = {entry.target: entry.code_version() for registry in registries for entry in registry.entries().values()}
space = ClassSpace("toys", (1, 2), ("car", "bus"))
rain = rain_parts(open_renderer("coco350_y", {}).fingerprint, "coco350_y", 1.0, 2020)
hashes = {}
for name, entry in tasks.TASKS.entries().items():
    parameters = {} if name == "quality" else {"model": "recorded:toy", "classes": space.names}
    task = tasks.TASKS.load(entry)(parameters, Classes(space, space))
    facts = {key: getattr(task, key) for key in ("model", "version", "protocol", "scoring", "fingerprint")}
    hashes[name] = hash_of(parts_of(name, TaskCard(**facts, code=codes[entry.target]), rain, ["a", "b"]))
print(json.dumps([bench.__file__, codes, hashes]))
"""

CHANGES = {
    "tasks/quality/psnr_ssim.py": ("0.01 * 255", "0.02 * 255"),
    "synth/rain/grid.py": ("1.0 - share", "1.1 - share"),
    "derainers/pixels.py": ("image.ndim != 3", "image.ndim != 4"),
}


class _OtherProse(ast.NodeTransformer):
    """Give every module, class and function another docstring, or one where it had none."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            old = ast.get_docstring(node) is not None
            node.body[:1] = [ast.Expr(ast.Constant("Other words.")), *([] if old else node.body[:1])]
        return node


def edit_prose(path: Path) -> None:
    """Take out all comments, format anew, change every docstring, and end with a comment."""
    tree = _OtherProse().visit(ast.parse(path.read_text("utf-8")))
    path.write_text(ast.unparse(ast.fix_missing_locations(tree)) + "\n\n\n# A comment.\n", "utf-8")


def state_of(house: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Code version of every entry, and protocol hash of every task, as a copy of the project gives them."""
    environment = {**os.environ, "PYTHONPATH": str(house)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=house, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    place, codes, hashes = json.loads(done.stdout)
    assert Path(place).is_relative_to(house)
    return codes, hashes


@pytest.fixture
def edited(tmp_path: Path) -> Path:
    """A copy of the four packages in which every file's prose was changed."""
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("*.safetensors", "__pycache__")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignored)
        for path in (tmp_path / package).rglob("*.py"):
            edit_prose(path)
    return tmp_path


def test_prose_changes_neither_code_versions_nor_protocols(edited: Path) -> None:
    codes, hashes = state_of(edited)
    assert (codes, hashes) == state_of(ROOT)
    assert len(codes) > 40
    assert len(set(hashes.values())) == 4


def test_a_changed_number_changes_the_code_versions_that_rest_on_it_and_no_protocol(edited: Path) -> None:
    codes, hashes = state_of(ROOT)
    for name, (old, new) in CHANGES.items():
        text = (edited / name).read_text("utf-8")
        assert old in text
        (edited / name).write_text(text.replace(old, new), "utf-8")
    codes_now, hashes_now = state_of(edited)
    changed = {target.rpartition(":")[0] for target in codes if codes_now[target] != codes[target]}
    assert {"tasks.quality.task", "synth.rain.renderer", "derainers.networks.umrl"} <= changed
    assert not {"tasks.detection.task", "tasks.semantic.task", "synth.sources.coco", "derainers.controls"} & changed
    assert hashes_now == hashes
