"""Export to TensorBoard: a folder for every row with its numbers and its first images as rainy, restored, clean."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.errors import missing_extra
from bench.exports.rows import ExportRow, rows_of, suite_of, tracker_name
from bench.io.files import safe_name
from bench.io.images import read_image

IMAGES = 4
"""So many images of every row are shown."""


def export_tensorboard(run: Path, out: Path) -> str:
    """Write event files; ``tensorboard --logdir OUT`` shows them.

    Args:
        run: The run folder.
        out: Folder for the event files.

    Returns:
        Where they are.

    Raises:
        MissingExtraError: TensorBoard or PyTorch is not installed.
        UserError: There is no finished run.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise missing_extra(error, "TensorBoard with PyTorch", "train", "exporting to TensorBoard") from error
    for row in rows_of(run):
        folder = out / suite_of(run) / safe_name(row.dataset) / safe_name(row.derainer)
        with SummaryWriter(str(folder)) as writer:
            for name, value in row.metrics.items():
                writer.add_scalar(tracker_name(name), value, 0)
            writer.add_text("row", "\n".join(f"- {name}: {text}" for name, text in row.facts.items()), 0)
            for path in _restored(run, row)[:IMAGES]:
                writer.add_image(path.stem, _strip(run, row, path), 0, dataformats="HWC")
    return str(out)


def _restored(run: Path, row: ExportRow) -> list[Path]:
    return sorted((run / "restored" / safe_name(row.dataset) / safe_name(row.derainer)).glob("*.png"))


def _strip(run: Path, row: ExportRow, restored: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    data = run / "data" / safe_name(row.dataset)
    paths = [data / "rainy" / restored.name, restored, data / "clean" / restored.name]
    return np.concatenate([read_image(path) for path in paths if path.is_file()], axis=1)
