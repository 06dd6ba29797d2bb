"""What a suite needs and is not here, all of it at once: folders of photographs, and weights. Knows the derainers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.contract import Options
from bench.errors import UserError
from bench.registry import Entry
from bench.runs.rows import CLEAN, RAIN
from bench.suites.suite import Suite, missing_roots
from derainers.weights import require_weights


@dataclass(frozen=True)
class Missing:
    """Names of rows and of datasets that cannot be run, each with what to do about it."""

    derainers: Mapping[str, str]
    datasets: Mapping[str, str]

    def __bool__(self) -> bool:
        """Whether anything is missing."""
        return bool(self.derainers or self.datasets)

    @property
    def lines(self) -> list[str]:
        """One line a row or dataset."""
        rows = [f"row {name}: {reason}" for name, reason in self.derainers.items()]
        return [*(f"dataset {name}: {reason}" for name, reason in self.datasets.items()), *rows]


def missing_of(suite: Suite, rows: Sequence[tuple[str, Entry]], roots: Mapping[str, Path], options: Options) -> Missing:
    """Find out what is not here, downloading the weights that can be downloaded.

    Args:
        suite: What is to be run.
        rows: Name and derainer of each of its rows, in order.
        roots: Folders given by name.
        options: Where weights are looked for, and whether random ones will do.
    """
    derainers = {}
    for name, entry in rows:
        try:
            if entry.origin == "built-in":
                require_weights(entry.name, options)
        except UserError as error:
            derainers[name] = str(error)
    return Missing(derainers, missing_roots(suite, roots))


def refuse(missing: Missing) -> None:
    """End before any work if something is missing.

    Raises:
        UserError: With everything that is; one thing is said in one line.
    """
    if not missing:
        return
    if len(missing.lines) == 1:
        raise UserError(missing.lines[0])
    listed = "\n".join(f"- {line}" for line in missing.lines)
    raise UserError(f"{len(missing.lines)} things are missing:\n{listed}\nTo run what is here, pass --available")


def available(suite: Suite, rows: Sequence[tuple[str, Entry]], missing: Missing) -> Suite:
    """The suite without what is missing.

    Raises:
        UserError: No dataset is left, or no row but the controls.
    """
    specs = [spec for spec, (name, _) in zip(suite.derainers, rows, strict=True) if name not in missing.derainers]
    datasets = {name: config for name, config in suite.datasets.items() if name not in missing.datasets}
    if not datasets or not [spec for spec in specs if spec not in (RAIN, CLEAN)]:
        refuse(missing)
    return suite.model_copy(update={"derainers": tuple(specs), "datasets": datasets})
