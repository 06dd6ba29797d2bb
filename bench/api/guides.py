"""Find the rows that a run judges by the model that guided the training of their weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.api.derainers import NamedRow
from bench.api.run_card import own_weights
from bench.io.training.origin import card_beside, guides_in
from bench.registry import Entry
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


def _card_of(entry: Entry) -> object:
    file = own_weights(entry)
    return card_beside(file) if file else None
