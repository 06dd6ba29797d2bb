"""Find the rows that a run judges by the model that guided the training of their weights."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench.api.derainers import NamedRow
from bench.registry import Entry
from derainers import SHIPPED
from derainers.external.plugins import PluginEntry
from derainers.weights import weights_of
from tasks.backbones.find import digest_of_guide


def own_guides(rows: Sequence[NamedRow], models: Mapping[tuple[str, str], str]) -> dict[str, list[str]]:
    """Find the tasks whose model guided a row's weights, row by row; rows without such a task are left out.

    Args:
        rows: Rows of a run.
        models: Task, and row where the model is that row's own, to the model as the suite names it.

    Raises:
        UserError: A model cannot be found.
    """
    guides = {row.name: set(guides_in(_card_of(row.entry))) for row in rows}
    if not any(guides.values()):
        return {}
    digests = {place: digest_of_guide(model) for place, model in models.items()}
    found = {
        name: [task for (task, row), digest in digests.items() if row in ("", name) and digest in known]
        for name, known in guides.items()
    }
    return {name: tasks for name, tasks in found.items() if tasks}


def guides_in(card: object) -> Iterator[str]:
    """List the digests of the guides that one card of weights names, those of the weights that they began as, too.

    A guide with a share of 0 is a control's: it left no trace in the weights.
    """
    while isinstance(card, dict):
        guide = card.get("guide")
        if isinstance(guide, dict) and guide.get("share") and isinstance(guide.get("sha256"), str):
            yield guide["sha256"]
        card = card.get("started_from")


def _card_of(entry: Entry) -> object:
    """Read the card beside a row's weights; None where there is none, or none that can be read."""
    path = None
    if entry.is_built_in and entry.name in SHIPPED:
        path = weights_of(entry.name)[0].shipped
    elif isinstance(entry, PluginEntry) and entry.kind in ("trained", "checkpoint"):
        path = Path(entry.value)
    if path is None:
        return None
    try:
        return json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):  # it is for people, and not part of the weights
        return None
