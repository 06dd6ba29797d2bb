"""Name what a suite needs and is not here, all of it at once: folders of photographs, and weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.api.derainers import NamedRow
from bench.contract import Options
from bench.errors import UserError
from bench.suites.suite import Suite, missing_roots, resolve_roots
from derainers.weights import require_weights
from synth import SOURCES
from synth.sources.reading import AbsentError


@dataclass(frozen=True)
class Requirements:
    """Rows and datasets that cannot be run because something is missing, each with what to do about it."""

    derainers: Mapping[str, str]
    datasets: Mapping[str, str]

    @property
    def lines(self) -> list[str]:
        """One line a row or dataset."""
        rows = [f"row {name}: {reason}" for name, reason in self.derainers.items()]
        return [*(f"dataset {name}: {reason}" for name, reason in self.datasets.items()), *rows]


def missing_requirements(
    suite: Suite, rows: Sequence[NamedRow], roots: Mapping[str, Path], options: Options
) -> Requirements:
    """Find out what is not here, downloading the weights that can be downloaded.

    Args:
        suite: What is to be run.
        rows: Its rows, in order.
        roots: Folders given by name.
        options: Where weights are looked for, and whether random ones will do.
    """
    derainers = {}
    for row in rows:
        try:
            if row.entry.is_built_in:
                require_weights(row.entry.name, options)
        except UserError as error:
            derainers[row.name] = str(error)
    return Requirements(derainers, missing_roots(suite, roots))


def absent_layouts(suite: Suite, roots: Mapping[str, Path]) -> dict[str, str]:
    """List the datasets whose folder is there without the files that they read, with what was expected.

    Opens every source of photographs once, which reads large label files twice in a run.
    """
    without_folder = missing_roots(suite, roots)
    there = {name: one for name, one in suite.datasets.items() if one.root and name not in without_folder}
    used = {one.root for one in there.values()}
    part = suite.model_copy(update={"datasets": there})
    found: dict[str, str] = {}
    for name, root in resolve_roots(part, {key: path for key, path in roots.items() if key in used}).items():
        try:
            SOURCES.load(SOURCES.find(there[name].source))(root, dict(there[name].parameters))
        except AbsentError as error:
            found[name] = str(error)
    return found


def refuse(missing: Requirements) -> None:
    """End before any work if something is missing.

    Raises:
        UserError: With everything that is; one thing is said in one line.
    """
    if not missing.lines:
        return
    if len(missing.lines) == 1:
        raise UserError(missing.lines[0])
    listed = "\n".join(f"- {line}" for line in missing.lines)
    raise UserError(f"{len(missing.lines)} things are missing:\n{listed}\nTo run what is here, pass --available")
