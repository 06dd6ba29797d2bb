"""The source distribution holds what is needed to test it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOT_SHIPPED = (".ci", ".github", ".gitignore", ".pre-commit-config.yaml")


@pytest.mark.slow
def test_every_file_of_the_repository_is_in_the_source_distribution(tmp_path: Path) -> None:
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("needs the repository")
    subprocess.run(["git", "clone", "-q", "--depth", "1", ROOT.as_uri(), str(tmp_path / "clone")], check=True)
    code = f"from setuptools.build_meta import build_sdist; build_sdist({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "clone", check=True, capture_output=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as content:
        packed = {name.partition("/")[2] for name in content.getnames()}
    listed = subprocess.run(["git", "ls-files"], cwd=tmp_path / "clone", check=True, capture_output=True, text=True)
    assert {name for name in listed.stdout.splitlines() if not name.startswith(NOT_SHIPPED)} <= packed
