"""Log a run, a build or a training beside its results: what was done when, what failed, what libraries warned of."""

from __future__ import annotations

import logging
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

from bench import __version__
from bench.errors import UserError
from bench.runner.outcome import Outcome
from bench.runner.progress import Progress
from bench.runs.folder import LOG


class Logged:
    """Progress that is also written down; hands everything on to another.

    Args:
        progress: Who else is told.
        log: Where it is written; images that went well at the level of debugging.
    """

    def __init__(self, progress: Progress, log: logging.Logger) -> None:
        self._progress = progress
        self._log = log

    def begin(self, stage: str, images: int, done: int) -> None:
        """Note what a stage has to do."""
        self._log.info("%s: %d images to do, %d done", stage, images, done)
        self._progress.begin(stage, images, done)

    def advance(self, outcome: Outcome) -> None:
        """Note a failure; an image that went well only in detail."""
        row = " ".join(filter(None, (outcome.row.dataset, outcome.row.derainer, outcome.row.task)))
        if outcome.failure:
            self._log.error("%s %r failed: %s", row, outcome.id, " ".join(outcome.failure.reason.split()))
        else:
            self._log.debug("%s %r in %.3f s", row, outcome.id, outcome.seconds)
        self._progress.advance(outcome)


class _LateFile(logging.Handler):
    """Appends to a file once a folder is there: a log alone shall not make one, nor fill an empty one."""

    def __init__(self, path: Path, needs: Path) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        self._path = path
        self._needs = needs
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(self.format(record))
        if self._needs.is_dir():
            with self._path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.writelines(line + "\n" for line in self._lines)
            self._lines.clear()


@contextmanager
def run_log(
    folder: Path, arguments: Sequence[str], every_image: bool = False, name: str = LOG, needs: str = ""
) -> Iterator[logging.Logger]:
    """Append to the log of a folder while the block lasts, and say how it ended.

    Python's warnings go into the log and no longer to the screen.

    Args:
        folder: Where the results are; nothing is written until somebody makes it.
        arguments: The command, for the log's first line.
        every_image: True also notes images that went well.
        name: The log's file.
        needs: A folder in it that has to be there as well.

    Raises:
        UserError: The log leads elsewhere by a symbolic link.
    """
    if (folder / name).is_symlink():
        raise UserError(f"{folder / name}: is a symbolic link, and a log is written there; remove it")
    handler = _LateFile(folder / name, folder / needs)
    log, warned = logging.getLogger("derainbench"), logging.getLogger("py.warnings")
    log.setLevel(logging.DEBUG if every_image else logging.INFO)
    for logger in (log, warned):
        logger.addHandler(handler)
        logger.propagate = False
    logging.captureWarnings(True)
    python = ".".join(map(str, sys.version_info[:3]))
    log.info("derainbench %s, Python %s: %s", __version__, python, shlex.join(arguments))
    started = perf_counter()
    try:
        yield log
    except UserError as error:
        log.error("ended by: %s", error)
        raise
    except KeyboardInterrupt:
        log.warning("stopped after %.1f s", perf_counter() - started)
        raise
    except Exception:
        log.exception("ended by a fault after %.1f s", perf_counter() - started)
        raise
    else:
        log.info("ended after %.1f s", perf_counter() - started)
    finally:
        logging.captureWarnings(False)
        for logger in (log, warned):
            logger.removeHandler(handler)
            logger.propagate = True
