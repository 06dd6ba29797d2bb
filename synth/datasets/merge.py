"""Finish a dataset folder whose images were rendered in shards: manifest, labels and card as of one machine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.errors import UserError
from bench.io.files import read_json, safe_name, write_json, write_text
from synth.datasets.dataset import FolderDataset
from synth.datasets.manifest import manifest_text, mapped_pixels, read_row, write_instances

IMAGE_FILES = ("rainy/{}.png", "clean/{}.png", "labels/semantic/{}.png", "rows/{}.json")
"""Files of one image in a dataset folder; in the braces goes its safe name."""
_COUNTED = ("rendered", "objects", "label_maps")


def finish_merged(folder: Path, ids: Sequence[str], datasets: Sequence[FolderDataset]) -> None:
    """Write manifest, labels and card as :meth:`synth.datasets.build.FolderBuilder.finish` does for a whole dataset.

    Args:
        folder: Where the files of all images are (:data:`IMAGE_FILES`).
        ids: All images of the whole dataset, in order.
        datasets: The shards.

    Raises:
        UserError: A shard's labels or card are damaged.
    """
    known = {id: row for dataset in datasets for id, row in dataset.rows.items()}
    rows = [known[id] for id in ids if id in known]
    found = ((row.id, read_row(folder / IMAGE_FILES[-1].format(safe_name(row.id)))) for row in rows)
    labels = {id: json.dumps(content[1]) for id, content in found if content and content[1] is not None}
    if datasets[0].classes.instances is not None:
        try:
            write_instances(folder / "labels/instances.json", rows, labels, datasets[0].classes)
        except (KeyError, TypeError) as error:  # what a shard's digests vouch for may be forged with them
            raise UserError(f"{folder / 'rows'}: a shard's labels are damaged ({error!r}); run it again") from error
    write_text(folder / "manifest.csv", manifest_text(rows))
    cards = [_card_of(dataset.folder / "card.json") for dataset in datasets]
    counts = {key: sum(card["counts"][key] for card in cards) for key in _COUNTED}
    counts["label_pixels"] = mapped_pixels(rows)
    write_json(folder / "card.json", {**cards[0], "counts": {**cards[0]["counts"], **counts}})


def _card_of(path: Path) -> dict[str, Any]:
    content = read_json(path)
    card: dict[str, Any] = content if isinstance(content, dict) else {}
    counts = card.get("counts")
    if not (isinstance(counts, dict) and all(isinstance(counts.get(key), int) for key in _COUNTED)):
        raise UserError(f"{path}: damaged (expected the card of a dataset); run this shard again")
    return card
