"""Find, build and check a derainer outside a run; import weights of foreign formats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.contract import Options
from bench.errors import UserError
from bench.io.trials import Finding
from bench.protocols import Derainer
from bench.registry import Entry
from bench.runner.loaders import DerainerLoader
from bench.runs.rows import ON_CLEAN
from derainers.check import check_derainer
from derainers.external import plugins
from derainers.weights import has_weights


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
    rows: list[NamedRow] = []
    for spec in specs:
        on_clean = spec.startswith(ON_CLEAN)
        entry = plugins.find_derainer(spec.removeprefix(ON_CLEAN))
        rows.append(NamedRow(ON_CLEAN + entry.name if on_clean else entry.name, entry, on_clean))
    names = [row.name for row in rows]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UserError(f"two rows are called {twice!r}; give one a name of its own: NAME=path/to/file.py:factory")
    return rows


def find_derainer(spec: str) -> Entry:
    """The registered entry, file or folder behind a name.

    Raises:
        UserError: There is none.
    """
    return plugins.find_derainer(spec)


def is_untrained(entry: Entry, options: Options) -> bool:
    """Whether a derainer would be built with random weights, because it has no others and the options allow it."""
    return options.allow_random_weights and entry.origin == "built-in" and not has_weights(entry.name, options)


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

    Raises:
        UserError: It cannot be had.
    """
    return DerainerLoader(entry, options)()


def try_derainer(spec: str, options: Options) -> tuple[Finding, ...]:
    """Try a derainer against the contract: shape, type, odd sizes, determinism, batches, ...

    Raises:
        UserError: It cannot be found or built.
    """
    return check_derainer(build_derainer(find_derainer(spec), options))
