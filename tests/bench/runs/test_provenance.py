from __future__ import annotations

import platform
import subprocess
from pathlib import Path

import numpy as np
import PIL

from bench.runs.provenance import accelerator, device_name, git_state, library_versions, machine

ROOT = Path(__file__).resolve().parents[3]


def test_versions_are_those_that_are_imported_and_absent_ones_are_empty() -> None:
    versions = library_versions()
    assert versions["numpy"] == np.__version__
    assert versions["pillow"] == PIL.__version__
    assert all(isinstance(version, str) for version in versions.values())
    assert "derainbench" in versions


def test_the_machine_is_this_one() -> None:
    facts = machine()
    assert facts["python"] == platform.python_version()
    assert isinstance(facts["cores"], int)
    assert facts["cores"] >= 1
    assert isinstance(facts["memory_bytes"], int)
    assert accelerator("cpu") == {}
    assert device_name("cpu") == "cpu"


def test_the_commit_is_gits_own_and_edits_are_told() -> None:
    if not (ROOT / ".git").exists():
        assert git_state() == ""
        return
    head = subprocess.run(["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    commit, _, changes = git_state().partition("+")
    assert commit == head.stdout.strip()
    assert changes in ("", "changes")
