"""What the pages show is run here as it stands: files are written, commands and scripts are executed."""

from __future__ import annotations

import configparser
import inspect
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "<!-- run" in path.read_text(encoding="utf-8"))
SCRIPTS = sorted((DOCS / "examples").glob("*.py"))
BLOCK = re.compile(r"<!-- (file: \S+|run(?:: photographs)?) -->\n```\w+\n(.*?)```", re.DOTALL)
SHOWN = re.compile(r"(?:^|[`(])derainbench ([a-z][\w-]*)", re.MULTILINE)


def install(folder: Path) -> None:
    """Do to a page's ``pyproject.toml`` what ``pip install .`` would: tell Python of its entry points."""
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    points = configparser.ConfigParser()
    points.read_dict(project["entry-points"])
    information = folder / f"{project['name']}-{project['version']}.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Name: {project['name']}\nVersion: {project['version']}\n")
    with (information / "entry_points.txt").open("w") as file:
        points.write(file)


def write_photographs(folder: Path) -> None:
    """Two small images in ``photos/images``."""
    (folder / "photos/images").mkdir(parents=True)
    for name, seed in (("a", 1), ("b", 2)):
        pixels = np.random.default_rng(seed).integers(40, 200, (12, 16, 3), dtype=np.uint8)
        Pillow.fromarray(pixels).resize((160, 120), Pillow.Resampling.BICUBIC).save(
            folder / f"photos/images/{name}.png"
        )


def start(folder: Path, *command: str) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(DOCS.parent)]), "COLUMNS": "80"}
    environment |= {"DERAINBENCH_OFFLINE": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_of_a_page_does_what_it_says(page: Path, tmp_path: Path) -> None:
    for what, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if what.startswith("file: "):
            (tmp_path / what.removeprefix("file: ")).write_text(text, encoding="utf-8")
            if what.endswith("pyproject.toml"):
                install(tmp_path)
            continue
        if what.endswith("photographs") and not (tmp_path / "photos").exists():
            write_photographs(tmp_path)
        for line in text.splitlines():
            words = shlex.split(line)
            assert words[0] == "derainbench"
            start(tmp_path, sys.executable, "-m", "bench.cli", *words[1:])


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_every_script_runs_and_says_something(script: Path, tmp_path: Path) -> None:
    write_photographs(tmp_path)
    assert start(tmp_path, sys.executable, str(script))


def test_every_page_is_in_the_menu_and_every_link_leads_somewhere() -> None:
    menu = (DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8")
    for page in DOCS.rglob("*.md"):
        assert str(page.relative_to(DOCS)) in menu
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#:]+)(?:#[\w-]+)?\)", text):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
        for script in re.findall(r"<!-- include: (\S+) -->", text):
            assert (DOCS / script).is_file()
    assert {f"examples/{script.name}" for script in SCRIPTS} == set(
        re.findall(r"include: (\S+)", (DOCS / "tutorials/scripts.md").read_text(encoding="utf-8"))
    )


def command_lines(text: str) -> list[str]:
    """What follows ``derainbench`` in a page's fenced blocks and inline code, and in a docstring's examples."""
    text = text.replace("\\\n", " ")  # a command over several lines
    fenced = "\n".join(re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    inline = [
        " ".join(code.split()) for code in re.findall(r"(?<!`)`([^`]+)`(?!`)", re.sub(r"(?s)```.*?```", "", text))
    ]
    lines = [*fenced.splitlines(), *inline, *(line.strip() for line in text.splitlines() if line.startswith("    "))]
    found = [re.match(r"(?:.*&& )?(?:\w+=\S+ )*(?:\S*/)?derainbench ([a-z-].*)", line) for line in lines]
    return [match[1] for match in found if match]


def test_every_command_that_is_shown_has_these_options() -> None:
    from typer.main import get_command

    from bench.cli import app

    group = get_command(app)
    root = DOCS.parent
    texts = {
        page.name: page.read_text("utf-8")
        for page in [root / "README.md", root / "CONTRIBUTING.md", *DOCS.rglob("*.md")]
    }
    texts |= {name: inspect.getdoc(command.callback) or "" for name, command in group.commands.items()}  # type: ignore[attr-defined]
    counted = 0
    for name, text in texts.items():
        for line in command_lines(text):
            words = shlex.split(line, comments=True)
            words = words[: next((place for place, word in enumerate(words) if word in ("|", ">", "&&")), len(words))]
            if words[0].startswith("--"):
                continue
            command = group.commands[words[0]]  # type: ignore[attr-defined]
            if words[0] != "weights" and words[1:] not in ([], ["--help"]):
                try:
                    command.make_context(words[0], words[1:])
                except Exception as error:
                    pytest.fail(f"{name}: {line}: {error}")
            counted += 1
    assert counted > 120


def test_the_ranking_is_what_its_command_makes_of_the_results(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.api.ranking import ranking_of

    monkeypatch.chdir(DOCS.parent)
    page = (DOCS / "ranking.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^derainbench ranking (.*) --into docs/ranking.md$", page, re.MULTILINE)
    folders = {path.parent.as_posix() for path in Path("results").glob("photographs*/card.json")}
    assert set(line.split()) == folders, "the page has the photographs in every rain"
    assert ranking_of([Path(run) for run in line.split()], Path("docs/ranking.md")) in page, (
        f"derainbench ranking {line}"
    )


@pytest.mark.slow
def test_the_pages_build_without_a_warning_and_load_nothing_from_elsewhere(tmp_path: Path) -> None:
    pytest.importorskip("material")
    pytest.importorskip("mkdocstrings")
    start(DOCS.parent, sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path))
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) >= len(list(DOCS.rglob("*.md")))
    loaded = r'<(?:script|img|iframe)[^>]*src="https?:|<link[^>]*rel="(?:stylesheet|preconnect|icon)"[^>]*href="https?:'
    for page in pages:
        assert not re.search(loaded, page.read_text(encoding="utf-8")), page.name
    commands = (tmp_path / "commands.html").read_text(encoding="utf-8")
    assert "<!-- commands -->" not in commands
    assert "--allow-random-weights" in commands
    assert "psnr_y" in (tmp_path / "protocols.html").read_text(encoding="utf-8")
    links = re.findall(r'href="(results/[^"]+)"', (tmp_path / "ranking.html").read_text(encoding="utf-8"))
    assert links
    assert all((tmp_path / link).is_file() for link in links)
