"""Run a user's code so that the rest of the process stays as it was.

A plug-in may change the working directory, PyTorch's defaults, random states, warnings, environment variables, or
end the program. Each plug-in has a :class:`GuestRoom`: its settings hold while its code runs, and nowhere else.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import locale
import logging
import os
import random
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, ParamSpec, TypeAlias, TypeVar
from unittest import mock

import numpy as np

from bench.errors import ImageError
from bench.io.guest_module import GuestModules

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")
Setting: TypeAlias = tuple[Callable[[], Any], Callable[[Any], object]]
"""Functions that read and write something of the whole process."""

_PRELOADED = ("torch", "PIL.Image", "PIL.ImageFile")
"""Imported before a guest is, so that their settings are known as they were before it."""
_SWITCHES = (
    ("PIL.Image", "MAX_IMAGE_PIXELS"),
    ("PIL.ImageFile", "LOAD_TRUNCATED_IMAGES"),
    ("torch.backends.cudnn", "enabled"),
    ("torch.backends.cudnn", "benchmark"),
    ("torch.backends.cudnn", "deterministic"),
    ("torch.backends.cudnn", "allow_tf32"),
    ("torch.backends.cuda.matmul", "allow_tf32"),
)
"""Settings that are plain attributes of a module."""


class GuestRoom:
    """Where one plug-in's code runs: its settings are put in before each call and taken out afterwards.

    Args:
        file: The plug-in's file, whose siblings it may import; None for an installed package.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._modules = GuestModules(file) if file else None
        self._theirs: list[Any] | None = None

    @property
    def modules(self) -> GuestModules:
        """The plug-in's modules; only of a file."""
        if self._modules is None:
            raise ValueError("a room of an installed package has no modules of its own")
        return self._modules

    def run(self, call: Callable[Arguments, Answer], *arguments: Arguments.args, **named: Arguments.kwargs) -> Answer:
        """Call a plug-in's function.

        Raises:
            ImageError: It ended the program, or raised what is no ``Exception``.
            Exception: Whatever else it raised.
        """
        with self._entered():
            try:
                return call(*arguments, **named)
            except (Exception, KeyboardInterrupt):
                raise
            except BaseException as error:
                raise ImageError(f"{type(error).__name__}: {error}") from error

    @contextlib.contextmanager
    def _entered(self) -> Iterator[None]:
        for name in _PRELOADED if self._theirs is None else ():
            with contextlib.suppress(Exception):  # absent, or broken: then the guest can do without, or says so
                importlib.import_module(name)
        settings = _settings()
        ours = [read() for read, _ in settings]
        if self._theirs is None:
            sys.argv = [str(self._modules.file) if self._modules else sys.argv[0]]
        else:
            _apply(settings, self._theirs)
        importable = self._modules.importable() if self._modules else contextlib.nullcontext()
        try:
            with importable, output_on_stderr(), _exit_refused():
                yield
        finally:
            self._theirs = [read() for read, _ in settings]
            _apply(settings, ours)


@contextlib.contextmanager
def output_on_stderr() -> Iterator[None]:
    """Send to standard error what is printed meanwhile, by subprocesses and libraries in C too."""
    sys.stdout.flush()
    try:
        kept = os.dup(1)
    except OSError:  # closed by who started us
        kept = None
    with contextlib.redirect_stdout(sys.stderr):
        try:
            if kept is not None:
                with contextlib.suppress(OSError):
                    os.dup2(2, 1)
            yield
        finally:
            if kept is not None:
                os.dup2(kept, 1)
                os.close(kept)


@contextlib.contextmanager
def _exit_refused() -> Iterator[None]:
    """Make ``os._exit`` an exception in this process; processes that are forked meanwhile need it as it is."""
    leave, own = os._exit, os.getpid()

    def refuse(status: int) -> NoReturn:
        if os.getpid() != own:
            leave(status)
        raise SystemExit(status)

    with mock.patch.object(os, "_exit", refuse):
        yield


def _apply(settings: list[Setting], values: list[Any]) -> None:
    for (read, write), value in zip(settings, values, strict=True):
        if _differs(read(), value):
            with contextlib.suppress(Exception):  # a folder that is gone, a device that is lost
                write(value)


def _differs(one: object, other: object) -> bool:
    try:
        return bool(one != other)
    except ValueError:  # arrays in the state of a random generator
        return True


def _settings() -> list[Setting]:
    """Everything that is kept apart: functions that read and write it."""
    settings: list[Setting] = [
        (_working_directory, os.chdir),
        (lambda: dict(os.environ), _set_environment),
        (lambda: list(sys.argv), partial(setattr, sys, "argv")),
        (lambda: list(sys.path), partial(sys.path.__setitem__, slice(None))),
        (sys.getrecursionlimit, sys.setrecursionlimit),
        (lambda: list(warnings.filters), _set_warnings),
        (lambda: (logging.root.level, logging.root.manager.disable), _set_logging),
        (lambda: list(logging.root.handlers), lambda value: logging.root.handlers.__setitem__(slice(None), value)),
        (partial(locale.setlocale, locale.LC_ALL), partial(locale.setlocale, locale.LC_ALL)),
        (socket.getdefaulttimeout, socket.setdefaulttimeout),
        (gc.isenabled, lambda value: gc.enable() if value else gc.disable()),
        (random.getstate, random.setstate),
        (np.random.get_state, np.random.set_state),
        (np.geterr, lambda value: np.seterr(**value)),
    ]
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            settings.append((partial(signal.getsignal, number), partial(signal.signal, number)))
    for name, attribute in _SWITCHES:
        if module := sys.modules.get(name):
            settings.append((partial(getattr, module, attribute, None), partial(setattr, module, attribute)))
    return settings + (_torch_settings() if "torch" in sys.modules else [])


def _torch_settings() -> list[Setting]:
    import torch

    return [
        (torch.get_default_dtype, torch.set_default_dtype),
        (torch.get_default_device, lambda value: torch.set_default_device(None if value.type == "cpu" else value)),
        (torch.get_num_threads, torch.set_num_threads),
        (torch.is_grad_enabled, torch.set_grad_enabled),
        (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision),
        (torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms),
        (lambda: torch.get_rng_state().numpy().tobytes(), _set_torch_random),
    ]


def _working_directory() -> str:
    try:
        return str(Path.cwd())
    except OSError:  # somebody has removed it
        return ""


def _set_environment(value: dict[str, str]) -> None:
    for name in os.environ.keys() - value.keys():
        del os.environ[name]
    os.environ.update(value)


def _set_warnings(value: list[Any]) -> None:
    warnings.filters[:] = value  # type: ignore[index]


def _set_logging(value: tuple[int, int]) -> None:
    logging.root.setLevel(value[0])
    logging.root.manager.disable = value[1]


def _set_torch_random(value: bytes) -> None:
    import torch

    torch.set_rng_state(torch.frombuffer(bytearray(value), dtype=torch.uint8))
