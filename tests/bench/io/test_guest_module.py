"""A user's file is a normal module: siblings, relative imports, dataclasses, pickles; and nothing of it stays."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from bench.errors import UserError
from bench.registry import Registry

REGISTRY: Registry[object] = Registry("thing", {"alpha": "json:loads"})


def built(path: Path, *arguments: object) -> object:
    factory = REGISTRY.load(REGISTRY.find(f"guest={path}:build"))
    assert callable(factory)
    return factory(*arguments)


def write(folder: Path, sources: Mapping[str, str]) -> Path:
    """Write ``NAME.py`` files and return the one called ``mine``."""
    for name, source in sources.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return folder / "mine.py"


@pytest.mark.parametrize(
    "mine",
    [
        "from model import K\ndef build():\n    return K\n",
        "from .model import K\ndef build():\n    return K\n",
        "def build():\n    from model import K\n    return K\n",
        "def build():\n    from .model import K\n    return K\n",
        "import importlib\ndef build():\n    return importlib.import_module('model').K\n",
    ],
    ids=["sibling", "relative", "late sibling", "late relative", "by name"],
)
def test_modules_beside_the_file_are_found_and_leave_no_trace(mine: str, tmp_path: Path) -> None:
    before, path, finders = set(sys.modules), list(sys.path), list(sys.meta_path)
    assert built(write(tmp_path, {"mine": mine, "model": "K = 7\n"})) == 7
    assert {name for name in set(sys.modules) - before if "mine" in name or name == "model"} == set()
    assert (sys.path, sys.meta_path) == (path, finders)
    assert not list(tmp_path.rglob("__pycache__"))


def test_a_sibling_is_imported_as_it_is_now(tmp_path: Path) -> None:
    mine = write(tmp_path, {"mine": "from model import K\ndef build():\n    return K\n", "model": "K = 1\n"})
    assert built(mine) == 1
    write(tmp_path, {"model": "K = 2\n"})  # the same second, the same size
    assert built(mine) == 2


@pytest.mark.parametrize("name", ["tasks", "bench", "synth", "derainers"])
@pytest.mark.parametrize("form", ["{}", "{}/__init__"], ids=["file", "package"])
def test_a_sibling_called_like_a_package_of_the_project(name: str, form: str, tmp_path: Path) -> None:
    ours = __import__(name)
    source = f"from {name} import K\nfrom bench.contract import Options\ndef build():\n    return K, Options\n"
    mine = write(tmp_path, {"mine": source, form.format(name): "K = 7\n"})
    from bench.contract import Options

    assert built(mine) == (7, Options)
    assert sys.modules[name] is ours


def test_a_file_called_like_a_package_of_the_project_may_still_import_it(tmp_path: Path) -> None:
    path = tmp_path / "bench.py"
    path.write_text("from bench.contract import Options\ndef build():\n    return Options\n")
    from bench.contract import Options

    assert built(path) is Options


def test_a_file_called_like_a_module_of_python_hides_it_from_nobody(tmp_path: Path) -> None:
    write(tmp_path, {"random": "def build():\n    import json, random\n    return random.random, json.dumps(1)\n"})
    import random

    assert built(tmp_path / "random.py") == (random.random, "1")


def test_two_guests_with_siblings_of_one_name_do_not_meet(tmp_path: Path) -> None:
    source = "def build():\n    from model import K\n    return K\n"
    paths = [write(tmp_path / str(n), {"mine": source, "model": f"K = {n}\n"}) for n in (1, 2)]
    factories = [REGISTRY.load(REGISTRY.find(f"guest={path}:build")) for path in paths]
    assert [factory() for factory in factories * 2] == [1, 2, 1, 2]  # type: ignore[operator]


def test_relative_imports_reach_up_as_far_as_they_say(tmp_path: Path) -> None:
    source = "from ..base import K\ndef build():\n    return K\n"
    write(tmp_path / "repo", {"nets/__init__": "", "nets/deep/mine": source, "nets/base": "K = 5\n"})
    assert built(tmp_path / "repo/nets/deep/mine.py") == 5


def test_dataclasses_and_pickles_find_their_module(tmp_path: Path) -> None:
    source = """
from __future__ import annotations
import multiprocessing, pickle
from dataclasses import dataclass
@dataclass
class Config:
    gain: float = 0.5
def half(number):
    return number / 2
def build(method):
    with multiprocessing.get_context(method).Pool(1) as pool:
        return pool.map(half, [8]), pickle.loads(pickle.dumps(Config())) == Config()
"""
    assert built(write(tmp_path, {"mine": source}), "fork") == ([4.0], True)
    assert built(write(tmp_path, {"mine": source}), "spawn") == ([4.0], True)


def test_an_import_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot import .*No module named 'modell'"):
        built(write(tmp_path, {"mine": "import model\nimport modell\n", "model": ""}))
    assert not {"mine", "model"} & sys.modules.keys()
