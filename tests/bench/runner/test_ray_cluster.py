"""What a worker of a cluster looks at before it works. With a real cluster: test_merging.py."""

from __future__ import annotations

import platform
import socket
from collections import deque
from dataclasses import replace
from pathlib import Path

import pytest

from bench.contract import Options
from bench.errors import UserError
from bench.runner.ray_cluster import RayCluster, WorkerPlace, _settle, installed, ray_cluster


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkerPlace:
    """A place in which everything is as the head says."""
    monkeypatch.chdir(tmp_path)  # and back again afterwards
    (tmp_path / "work").mkdir()
    (tmp_path / "token").touch()
    return WorkerPlace(tmp_path / "work", tmp_path / "token", installed())


def test_a_worker_goes_where_the_command_was_given(place: WorkerPlace) -> None:
    _settle(place)
    assert Path.cwd() == place.folder.resolve()


@pytest.mark.parametrize("what", ["folder", "token"])
def test_a_machine_that_does_not_see_the_shared_folder_is_named(what: str, place: WorkerPlace, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"machine {socket.gethostname()} does not see .* as the head does"):
        _settle(replace(place, **{what: tmp_path / "absent"}))


def test_a_machine_with_other_versions_is_named(place: WorkerPlace) -> None:
    here = Path.cwd()
    other = tuple((name, "0.0" if name == "numpy" else version) for name, version in place.installed)
    with pytest.raises(UserError, match=rf"machine {socket.gethostname()} has numpy \d+\.\d+.*, the head 0\.0"):
        _settle(replace(place, installed=other))
    assert Path.cwd() == here


def test_installed_tells_python_libraries_and_our_own_code() -> None:
    told = dict(installed())
    assert told["Python"] == platform.python_version()
    assert {"numpy", "torch", "derainbench"} <= told.keys()
    assert len(told["code"]) == 32


def test_a_worker_takes_a_whole_gpu_unless_a_share_is_given(tmp_path: Path) -> None:
    gpu = Options(device="cuda")
    assert ray_cluster(tmp_path, "auto", None, gpu, 1, 0) == RayCluster(tmp_path, "auto", 1, 1.0)
    assert ray_cluster(tmp_path, "auto", 0.25, gpu, 1, 0).gpu_share == 0.25
    assert ray_cluster(tmp_path, "", None, Options(threads=4), 1, 0) == RayCluster(tmp_path, "", 4, 0.0)


@pytest.mark.parametrize(("workers", "limit", "name"), [(2, 0.0, "--workers"), (1, 9.0, "--time-limit")])
def test_what_only_local_processes_can_do_is_refused(workers: int, limit: float, name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"{name} is for local processes"):
        ray_cluster(tmp_path, "auto", None, Options(), workers, limit)


def test_no_jobs_need_no_cluster(tmp_path: Path) -> None:
    assert list(RayCluster(tmp_path, "nowhere:1").run(iter, deque())) == []  # type: ignore[arg-type]
