"""A small folder of photographs with masks, a dataset built from it, and derainers written to files."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image as Pillow

from bench.cli import main
from bench.contract import Options
from bench.registry import Entry
from bench.runner.loaders import DerainerLoader, forget
from bench.suites.suite import Suite, parse_suite
from synth.datasets.build import open_builder
from synth.datasets.dataset import FolderDataset
from synth.datasets.recipe import Recipe
from tests.bench.cli_call import MINE, TWO_ROWS, Call, Done
from tests.bench.report_folder import STREETS, make_run

IDS = ("a", "b", "c", "d", "e")
SUITE = """
derainers = ["rain", "classical", "clean"]
[datasets.photos]
source = "folder"
root = "photos"
rain = "coco350_y"
[datasets.photos.parameters]
images = "images"
masks = "masks"
[tasks.quality]
"""


@pytest.fixture
def photos(tmp_path: Path, image_of: Callable[[int, int, int], npt.NDArray[np.uint8]]) -> Path:
    """Five photographs of 96x64 (the last upright), masks of the same names, and a class list."""
    root = tmp_path / "photos"
    for place in ("images", "masks"):
        (root / place).mkdir(parents=True)
    for seed, id in enumerate(IDS):
        shape = (96, 64) if id == "e" else (64, 96)
        Pillow.fromarray(image_of(*shape, seed)).save(root / "images" / f"{id}.jpg", quality=95)
        mask = np.repeat(np.arange(shape[0], dtype=np.uint8)[:, None] // 40, shape[1], axis=1)
        Pillow.fromarray(mask).save(root / "masks" / f"{id}.png")
    (root / "classes.csv").write_text("id,name\n0,sky\n1,road\n2,void\n")
    return root


@pytest.fixture
def suite() -> Suite:
    """Quality of rain, classical and clean on the photographs."""
    return parse_suite(SUITE, "test", "test suite")


@pytest.fixture
def dataset(photos: Path, tmp_path: Path) -> FolderDataset:
    """The photographs, rained on."""
    parameters = {"images": "images", "masks": "masks"}
    builder = open_builder(Recipe("photos", "folder", photos, parameters, rain="coco350_y"), tmp_path / "data")
    assert not builder.render(builder.ids)
    return builder.finish()


@pytest.fixture
def derainer_of(tmp_path: Path) -> Callable[..., DerainerLoader]:
    """Write ``mine.py`` with a source text whose factory is ``build``, and make its loader."""
    forget()

    def make(source: str, name: str = "mine") -> DerainerLoader:
        path = tmp_path / f"{name}.py"
        path.write_text("import numpy as np\n" + source)
        return DerainerLoader(Entry(name, f"{path}:build", "file"), Options())

    return make


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on three drawn streets: every task, a derainer that helps, one that harms, one untrained."""
    return make_run(tmp_path_factory.mktemp("runs") / "finished")


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run without clean images: ``wet``, and ``dry`` as its reference in clear weather."""
    wet, dry = replace(STREETS, name="wet", rain="real"), replace(STREETS, name="dry", rain="real", seed=8)
    skills = {"rain": 0.45, "fogger": 0.1, "mine": 0.8}
    return make_run(tmp_path_factory.mktemp("runs") / "real", wet, skills, ("detection", "semantic"), reference=dry)


@pytest.fixture
def call(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Call ``derainbench`` in a folder with photographs, a suite and a derainer of one's own."""
    (tmp_path / "suite.toml").write_text(TWO_ROWS)
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("DERAINBENCH_WEIGHTS", raising=False)
    monkeypatch.setenv("COLUMNS", "200")

    def start(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["derainbench", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            status = 0
        except SystemExit as end:
            status = int(end.code or 0)
        captured = capsys.readouterr()
        return Done(status, captured.out, captured.err)

    return start
