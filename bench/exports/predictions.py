"""Export the predictions of a run in COCO's formats, for any viewer that reads them.

::

    OUT/<dataset>/labels.json                          the true objects
    OUT/<dataset>/<derainer>/<task>.json               COCO results, as pycocotools loads them
    OUT/<dataset>/<derainer>/data/*.png labels.json    with images: FiftyOne's COCODetectionDataset
    OUT/<dataset>/<derainer>/<semantic task>/*.png     with images: label maps of what was seen
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from bench.errors import UserError
from bench.exports.rows import ExportRow, rows_of
from bench.io.files import atomic, safe_name


def export_predictions(run: Path, out: Path, images: bool = False) -> str:
    """Copy labels and predictions of every row, and with ``images`` the restored images and label maps, too.

    Args:
        run: The run folder.
        out: Where to.
        images: True makes every row a folder that FiftyOne opens.

    Returns:
        Where they are.

    Raises:
        UserError: There is no finished run, or there is nothing to copy.
    """
    copies = [copy for row in rows_of(run) for copy in _copies(run, row, out / safe_name(row.dataset), images)]
    if not copies:
        raise UserError(f"{run}: holds no predictions; run it with the tasks detection, instances or semantic")
    for path, target in dict.fromkeys(copies):
        with atomic(target) as part:
            shutil.copyfile(path, part)
    return str(out)


def _copies(run: Path, row: ExportRow, place: Path, images: bool) -> Iterator[tuple[Path, Path]]:
    """List the files to copy for one row, each with its target; labels go with predictions or images, never alone."""
    dataset, derainer = safe_name(row.dataset), safe_name(row.derainer)
    labels = run / "data" / dataset / "labels/instances.json"
    evidence = run / "evidence" / dataset / derainer
    found = [(path, place / derainer / path.name) for path in sorted(evidence.glob("*.json"))]
    if found and labels.is_file():
        yield labels, place / "labels.json"
    if images:
        restored = sorted((run / "restored" / dataset / derainer).glob("*.png"))
        found += [(path, place / derainer / path.parent.name / path.name) for path in sorted(evidence.glob("*/*.png"))]
        found += [(path, place / derainer / "data" / path.name) for path in restored]
        if found and labels.is_file():
            yield labels, place / derainer / "labels.json"
    yield from found
