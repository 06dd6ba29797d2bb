"""Export to Weights & Biases: a project for the suite, a group for the run, a run for every row."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import UserError, missing_extra
from bench.exports.rows import ExportRow, files_of, rows_of, suite_of

if TYPE_CHECKING:
    import wandb


def export_wandb(run: Path, out: Path, offline: bool = False) -> str:
    """Log every row of a run as a run of W&B, which decides who is logged in and what is sent (``WANDB_MODE``).

    Args:
        run: The run folder.
        out: Folder for W&B's files; what was logged offline is sent from there with ``wandb sync``.
        offline: True sends nothing.

    Returns:
        Where it went.

    Raises:
        MissingExtraError: wandb is not installed.
        UserError: There is no finished run, or W&B refuses, for want of a login say.
    """
    try:
        import wandb
        from wandb.errors import Error as WandbError
    except ImportError as error:
        raise missing_extra(error, "wandb", "wandb", "exporting to Weights & Biases") from error
    rows = rows_of(run)
    out.mkdir(parents=True, exist_ok=True)
    settings = wandb.Settings(silent=True, console="off", disable_git=True, save_code=False, x_disable_stats=True)
    try:
        for row in rows:
            with wandb.init(
                project=suite_of(run),
                group=row.run,
                name=row.name,
                config=dict(row.facts),
                dir=str(out),
                mode="offline" if offline else None,
                settings=settings,
            ) as logged:
                logged.summary.update(row.metrics)
                logged.log_artifact(_tables(run, row))
    except WandbError as error:
        raise UserError(
            f"Weights & Biases: {' '.join(str(error).split())}; --offline keeps all on this disk"
        ) from error
    return str(out)


def _tables(run: Path, row: ExportRow) -> wandb.Artifact:
    import wandb

    artifact = wandb.Artifact("".join(c if c.isalnum() or c in "-_." else "_" for c in row.run), "tables")
    for path in files_of(run):
        artifact.add_file(str(path), path.relative_to(run).as_posix())
    return artifact
