"""The memory of whole runs by their number of images."""

from __future__ import annotations

import sys
from mmap import mmap

import pytest

from bench.perf.memory import open_memory_meter, restart_peak
from bench.perf.memory_growth import memory_growth
from bench.suites.suite import load_suite, override


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process has one peak")
def test_a_peak_can_begin_anew() -> None:
    memory = open_memory_meter("cpu")
    large = mmap(-1, 40_960_000)  # of the system, for freed heap may stay with the process
    large[::4096] = b"x" * 10_000
    assert memory.peak() >= memory.now() >= len(large)
    before = memory.peak()
    large.close()
    restart_peak()
    assert memory.peak() < before - 30_000_000


def test_every_number_of_images_is_run_in_a_process_of_its_own() -> None:
    suite = override(load_suite("streets"), derainers=["rain", "clean"], tasks=["quality"])
    frame = memory_growth((2, 1), suite)
    assert list(dict.fromkeys(frame["images"])) == [2, 1]
    stages = {images: set(rows["stage"]) for images, rows in frame.groupby("images")}
    assert stages[1] == stages[2] == {"opening", "render", "restore", "judge", "tables", "report", "whole"}
    assert (frame["peak_bytes"] > 30_000_000).all()
    assert (frame[frame["images"] == 1]["grown_bytes"] == 0).all()
    for _, rows in frame.groupby("images"):
        peaks = dict(zip(rows["stage"], rows["peak_bytes"], strict=True))
        assert peaks.pop("whole") == max(peaks.values())
