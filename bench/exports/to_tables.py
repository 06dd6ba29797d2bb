"""Export what of a run can be published beside a paper: its tables and its card, without pixels and file paths."""

from __future__ import annotations

import shutil
from pathlib import Path

from bench.errors import UserError
from bench.io.files import atomic
from bench.io.names import portable_name
from bench.runs.card import read_card, write_card

_LEFT = frozenset({"per_image.csv", "digests.csv", "timings.csv"})
"""Tables that stay: the largest one, the digests of files that are not published, and what differs each time."""


def export_tables(run: Path, out: Path) -> str:
    """Copy the tables and the card of a run into a small folder that ``table``, ``cost`` and ``ranking`` read.

    Paths of models and derainers in the suite become file names, because they tell of one machine; every number stays.
    Tables of datasets that the run no longer has are removed; a ``cost.csv`` of the folder stays if the run has none.

    Args:
        run: The run folder.
        out: The folder to write.

    Returns:
        Where they are.

    Raises:
        UserError: There is no finished run, or the folder is a run itself.
    """
    card = read_card(run)
    if not (run / "records.csv").is_file():
        raise UserError(f"{run}: no records.csv, so the run has not ended; give the same 'derainbench run' again")
    if (out / "data").exists() or (out / "restored").exists():
        raise UserError(f"{out}: is a run folder itself, whose card would be replaced; give another one with --out")
    tables = [path for path in (*run.glob("*.csv"), *run.glob("tables/*.csv")) if path.name not in _LEFT]
    for path in tables:
        with atomic(out / path.relative_to(run)) as part:
            shutil.copyfile(path, part)
    for old in out.glob("tables/*.csv"):
        if run / old.relative_to(out) not in tables:
            old.unlink()
    write_card(out, card.model_copy(update={"suite": _without_folders(card.suite)}))
    return str(out)


def _without_folders(value: object) -> object:
    """Leave folders out of every text of a JSON value."""
    if isinstance(value, dict):
        return {name: _without_folders(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_folders(part) for part in value]
    return portable_name(value) if isinstance(value, str) else value
