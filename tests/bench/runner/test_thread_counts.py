"""Evidence of a network is the same whatever the number of threads that PyTorch would take: with any workers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")


def judged(out: Path, threads: int, workers: int) -> dict[str, bytes]:
    """Judge two drawn streets in a process of its own; return every file of evidence, records and intervals."""
    command = [sys.executable, "-m", "bench.cli", "run", "streets", "--derainers", "rain", "--tasks", "detection"]
    choices = ["--count", "2", "--workers", str(workers), "--out", str(out), "--no-report", "--quiet"]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    subprocess.run([*command, *choices], env=environment, check=True, capture_output=True)
    files = [*sorted((out / "evidence").rglob("*.json")), out / "records.csv", out / "intervals.csv"]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in files}


def test_evidence_does_not_depend_on_threads_or_workers(tmp_path: Path) -> None:
    alone = judged(tmp_path / "alone", threads=2, workers=1)
    assert len(alone) > 4
    assert alone == judged(tmp_path / "one", threads=1, workers=1)
    assert alone == judged(tmp_path / "two", threads=2, workers=2)
