"""A device is checked in one way, with one message, whoever asks for it; cores are counted on every system."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable

import pytest

torch = pytest.importorskip("torch")

from bench.contract import Options  # noqa: E402
from bench.devices import (  # noqa: E402
    choose_device,
    device_of,
    give_back_memory,
    torch_device_ready,
    torch_for,
    usable_cores,
)
from bench.errors import UserError  # noqa: E402
from bench.perf.memory import open_memory_meter  # noqa: E402

ABSENT = ["gpu0", "cuda:97", *([] if torch.cuda.is_available() else ["cuda"])]


@pytest.mark.parametrize("name", ABSENT)
@pytest.mark.parametrize(
    "check",
    [choose_device, device_of, lambda name: torch_for(Options(device=name), "detection")],
    ids=["choose_device", "device_of", "torch_for"],
)
def test_unknown_and_absent_devices_are_the_users_mistake(check: Callable[[str], object], name: str) -> None:
    with pytest.raises(UserError, match=rf"^--device {name}: PyTorch cannot use it \(.+\); expected cpu.*--device"):
        check(name)


def test_devices_that_are_there_are_given_back() -> None:
    best = "cuda" if torch.cuda.is_available() else "cpu"
    assert choose_device("auto") == best
    assert choose_device("cpu") == "cpu"
    assert choose_device(best) == best
    assert device_of("cpu") == torch.device("cpu")
    assert torch_for(Options(), "detection") is torch


def test_threads_are_set_where_the_options_name_a_number() -> None:
    before = torch.get_num_threads()
    try:
        torch_device_ready(Options(threads=2))
        assert torch.get_num_threads() == 2
        torch_for(Options(threads=1), "detection")
        assert torch.get_num_threads() == 1
        torch_device_ready(Options(threads=0))
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs a system that binds processes to cores")
def test_only_cores_left_to_the_process_count() -> None:
    allowed = os.sched_getaffinity(0)
    assert usable_cores() == len(allowed)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)


def test_without_affinity_every_core_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)  # as on macOS
    assert usable_cores() == os.cpu_count()


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="needs glibc, which keeps freed memory below what is held"
)
def test_freed_memory_is_the_systems_again() -> None:
    held = open_memory_meter("cpu").now
    pieces = [bytes(5000) for _ in range(10_000)]  # 50 MB in one heap
    last, most = pieces.pop(), held()
    pieces.clear()
    give_back_memory()
    assert held() < most - 25e6
    assert len(last) == 5000
