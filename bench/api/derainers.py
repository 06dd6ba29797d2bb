"""Find, build and check a derainer outside a run; import weights of foreign formats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.contract import Options
from bench.devices import memory_of
from bench.errors import UserError, reason_of
from bench.io.trials import Finding
from bench.protocols import Derainer
from bench.registry import Entry
from bench.runner.batches import batch_rule
from bench.runner.loaders import DerainerLoader
from bench.runs.rows import ON_CLEAN
from derainers import WITHOUT_NETWORK
from derainers.check import BatchTrial, check_derainer
from derainers.external import plugins
from derainers.weights import has_weights

RUN_SIZES = ((192, 320), (360, 480), (480, 640), (720, 1280))
"""(height, width) of the images of the built-in suites, at which batches are tried."""


@dataclass(frozen=True)
class NamedRow:
    """A row of a run's tables: its name, its derainer, and whether it restores the clean images (``clean+NAME``)."""

    name: str
    entry: Entry
    on_clean: bool


def named_rows(specs: Sequence[str]) -> list[NamedRow]:
    """Find the derainers of a suite's rows.

    Raises:
        UserError: A derainer is unknown, or two rows have one name.
    """
    on_clean = [spec.startswith(ON_CLEAN) for spec in specs]
    entries = plugins.find_derainers([spec.removeprefix(ON_CLEAN) for spec in specs])
    rows = [
        NamedRow(ON_CLEAN * clean + entry.name, entry, clean) for entry, clean in zip(entries, on_clean, strict=True)
    ]
    names = [row.name for row in rows]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UserError(f"two rows are called {twice!r}; give one a name of its own: NAME=path/to/file.py:factory")
    return rows


def find_derainer(spec: str) -> Entry:
    """Find the registered entry, file or folder behind a name.

    Examples:
        >>> from bench.api import find_derainer
        >>> find_derainer("classical").target
        'derainers.classical:classical'

    Raises:
        UserError: There is none.
    """
    return plugins.find_derainer(spec)


def is_untrained(entry: Entry, options: Options) -> bool:
    """Return True if a derainer would be built with random weights: it has no others, and the options allow it."""
    return options.allow_random_weights and entry.is_built_in and not has_weights(entry.name, options)


def is_network(entry: Entry) -> bool:
    """Return True if a derainer may compute on a GPU: all but built-in ones without a network and finished folders."""
    return entry.origin != "folder" and not (entry.is_built_in and entry.name in WITHOUT_NETWORK)


def import_weights(name: str, checkpoint: Path, folder: Path | None = None) -> Path:
    """Convert a checkpoint of a foreign format, once.

    Args:
        name: ``mspfn``: its authors' TensorFlow checkpoint.
        checkpoint: The ``.index`` file, the data file, or their common stem.
        folder: Where to write; None is the cache, in which the derainer finds it.

    Returns:
        The file that was written.

    Raises:
        UserError: The checkpoint is absent, damaged, or that of another network.
    """
    if name != "mspfn":
        raise UserError(f"weights of {name!r} need no import; known: mspfn. See 'derainbench doctor'")
    from derainers.networks.mspfn.weights import import_mspfn

    return import_mspfn(checkpoint, folder)


def build_derainer(entry: Entry, options: Options) -> Derainer:
    """Build one derainer outside a run; its weights are found or downloaded.

    Examples:
        >>> import numpy as np
        >>> from bench.api import build_derainer, find_derainer
        >>> from bench.contract import Options
        >>> derain = build_derainer(find_derainer("classical"), Options())
        >>> derain(np.zeros((48, 64, 3), np.uint8)).shape
        (48, 64, 3)

    Raises:
        UserError: It cannot be had, or a plug-in's factory failed.
    """
    try:
        return DerainerLoader(entry, options)()
    except UserError:
        raise
    except Exception as error:  # of a user's own code, which may fail in any way
        if entry.is_built_in:
            raise
        raise UserError(
            f"{entry.name}: {entry.target.rpartition(':')[2]} failed ({' '.join(reason_of(error).split())}); expected "
            "a function that takes bench.contract.Options and returns a derainer"
        ) from error


def try_derainer(spec: str, options: Options) -> tuple[Finding, ...]:
    """Try a derainer against the contract: shape, type, odd sizes, determinism, batches, ...

    Examples:
        >>> from bench.api import try_derainer
        >>> from bench.contract import Options
        >>> all(finding.passed for finding in try_derainer("classical", Options()))
        True

    Raises:
        UserError: It cannot be found or built.
    """
    rule = batch_rule(options.batch, memory_of(options.device))
    batches = [BatchTrial(size, rule.images(size)) for size in RUN_SIZES]
    derainer = build_derainer(find_derainer(spec), options)
    return check_derainer(derainer, [trial for trial in batches if trial.images > 1])
