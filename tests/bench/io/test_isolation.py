"""A plug-in's code changes nothing of the process that calls it."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import random
import signal
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from bench.errors import ImageError
from bench.io.isolation import GuestRoom, output_on_stderr


def random_numbers() -> list[float]:
    """The next number of every generator, without taking it."""
    state, numbers = random.getstate(), np.random.get_state()  # noqa: NPY002  (what a guest disturbs)
    found = [random.random(), float(np.random.rand())]  # noqa: S311, NPY002
    random.setstate(state)
    np.random.set_state(numbers)  # noqa: NPY002
    return found


CHANGES: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
    "folder": (os.getcwd, lambda: os.chdir("/")),
    "environment": (lambda: dict(os.environ), lambda: os.environ.update(HOME="/nowhere")),
    "search path": (lambda: list(sys.path), lambda: sys.path.insert(0, "/nowhere")),
    "arguments": (lambda: list(sys.argv), lambda: sys.argv.append("--hostile")),
    "recursion": (sys.getrecursionlimit, lambda: sys.setrecursionlimit(4321)),
    "warnings": (lambda: list(warnings.filters), lambda: warnings.simplefilter("error")),
    "logging": (lambda: (logging.root.level, logging.root.manager.disable), lambda: logging.disable(99)),
    "handlers": (lambda: list(logging.root.handlers), lambda: logging.root.addHandler(logging.NullHandler())),
    "sockets": (socket.getdefaulttimeout, lambda: socket.setdefaulttimeout(0.5)),
    "garbage": (gc.isenabled, gc.disable),
    "random": (random_numbers, lambda: random.seed(271_828)),
    "numpy random": (random_numbers, lambda: np.random.seed(271_828)),  # noqa: NPY002
    "numpy errors": (np.geterr, lambda: np.seterr(all="raise")),
    "interrupts": (lambda: signal.getsignal(signal.SIGINT), lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)),
    "truncated files": (
        lambda: ImageFile.LOAD_TRUNCATED_IMAGES,
        lambda: setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True),
    ),
    "huge images": (lambda: Image.MAX_IMAGE_PIXELS, lambda: setattr(Image, "MAX_IMAGE_PIXELS", None)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_guest_sets_holds_for_itself_alone(change: str) -> None:
    read, disturb = CHANGES[change]
    room = GuestRoom()
    before = room.run(read)
    outside = read()
    room.run(disturb)
    assert read() == outside
    assert room.run(read) != before
    assert read() == outside


def torch_changes() -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    torch = pytest.importorskip("torch")
    return {
        "dtype": (torch.get_default_dtype, lambda: torch.set_default_dtype(torch.float64)),
        "device": (torch.get_default_device, lambda: torch.set_default_device("meta")),
        "threads": (torch.get_num_threads, lambda: torch.set_num_threads(torch.get_num_threads() + 1)),
        "gradients": (torch.is_grad_enabled, lambda: torch.set_grad_enabled(False)),
        "precision": (
            torch.get_float32_matmul_precision,
            lambda: torch.set_float32_matmul_precision("medium"),
        ),
        "determinism": (
            torch.are_deterministic_algorithms_enabled,
            lambda: torch.use_deterministic_algorithms(True),
        ),
        "random": (lambda: torch.get_rng_state().tolist(), lambda: torch.manual_seed(5)),
        "cudnn": (
            lambda: torch.backends.cudnn.benchmark,
            lambda: setattr(torch.backends.cudnn, "benchmark", not torch.backends.cudnn.benchmark),
        ),
    }


@pytest.mark.parametrize(
    "change", ["dtype", "device", "threads", "gradients", "precision", "determinism", "random", "cudnn"]
)
def test_pytorch_is_left_as_it_was(change: str) -> None:
    read, disturb = torch_changes()[change]
    room = GuestRoom()
    before = read()
    room.run(disturb)
    assert read() == before
    assert room.run(read) != before
    assert read() == before


def test_settings_come_back_when_the_guest_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)

    def fail() -> None:
        os.chdir("/")
        raise ValueError("no rain here")

    with pytest.raises(ValueError, match="no rain here"):
        GuestRoom().run(fail)
    assert Path.cwd() == tmp_path


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (lambda: sys.exit(3), "SystemExit: 3"),
        (lambda: os._exit(4), "SystemExit: 4"),
        (lambda: (_ for _ in ()).throw(asyncio.CancelledError("tired")), "CancelledError: tired"),
    ],
    ids=["exit", "hard exit", "cancelled"],
)
def test_a_guest_cannot_end_the_program(end: Callable[[], object], words: str) -> None:
    with pytest.raises(ImageError, match=words):
        GuestRoom().run(lambda: next(end()) if False else end())


def test_an_interrupt_of_the_user_goes_through() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        GuestRoom().run(interrupt)


def test_a_forked_child_of_a_guest_ends_as_it_wants() -> None:
    def fork() -> int:
        child = os.fork()
        if not child:
            os._exit(7)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    assert GuestRoom().run(fork) == 7


def test_what_is_printed_by_any_means_goes_to_standard_error() -> None:
    code = (
        "import os, subprocess, sys\n"
        "from bench.io.isolation import output_on_stderr\n"
        "print('result')\n"
        "with output_on_stderr():\n"
        "    print('python'); os.write(1, b'C\\n'); subprocess.run(['echo', 'child']); sys.__stdout__.write('old\\n')\n"
        "    sys.__stdout__.flush()\n"
        "print('end')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "result\nend\n"
    assert sorted(done.stderr.split()) == ["C", "child", "old", "python"]
    closed = subprocess.run([sys.executable, "-c", code, ">&-"], stderr=subprocess.PIPE, check=True)
    assert closed.returncode == 0


def test_output_comes_back_after_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="x"), output_on_stderr():
        raise ValueError("x")
    print("here")  # noqa: T201
    assert capsys.readouterr().out == "here\n"
