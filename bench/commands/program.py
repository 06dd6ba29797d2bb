"""Begin the program without telemetry; end it although a plug-in left threads or processes that never end."""

from __future__ import annotations

import io
import multiprocessing
import os
import sys
import threading
from time import monotonic, sleep

from bench.io.telemetry import forbid_telemetry

PATIENCE_SECONDS = 3.0
"""What still works after the last line of a command has so long to end by itself."""


def begin_program() -> None:
    """Forbid libraries to report their use, and let names that the terminal cannot show be printed as escapes."""
    forbid_telemetry()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def end_program(status: int) -> None:
    """Watch over the end of the program: what keeps it from ending is named and left behind.

    Args:
        status: Exit status of the program.
    """
    left = [thread.name for thread in threading.enumerate() if _holds_up(thread)]
    left += [process.name for process in multiprocessing.active_children() if not process.daemon]
    if left:
        threading.Thread(target=_end, args=(status, left), daemon=True).start()


def _holds_up(thread: threading.Thread) -> bool:
    return not thread.daemon and thread is not threading.main_thread()


def _end(status: int, left: list[str]) -> None:
    """End the process unless it ends in time; this thread ends with it.

    The time counts from the end of the main thread: a command that another program called ends no program.
    """
    while threading.main_thread().is_alive():
        sleep(0.05)
    until = monotonic() + PATIENCE_SECONDS
    while monotonic() < until:
        sleep(0.05)
    for process in multiprocessing.active_children():
        process.kill()
    sys.stdout.flush()
    sys.stderr.write(f"ended without waiting for what a plug-in left running: {', '.join(left)}\n")
    sys.stderr.flush()
    os._exit(status)
