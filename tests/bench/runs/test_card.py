"""The card of a run comes back as it was written; what is damaged is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.errors import UserError
from bench.runs.card import SCHEMA, ProtocolCard, RunCard, RunOrder, ShardCard, TaskCard, read_card, write_card

TASK = TaskCard(model="net", protocol="rules", scoring={"classes": ("car",)}, fingerprint="f", code="c")


def card(**changes: object) -> RunCard:
    """A card with rows whose order is not that of the alphabet."""
    content = {
        "schema_version": SCHEMA,
        "suite": {"name": "ü"},
        "datasets": {"d": 2},
        "derainers": {"rain": "1", "clean": "2"},
        "tasks": {"d": {"quality": TASK, "detection": TASK}},
        "order": RunOrder(derainers=["rain", "clean"], tasks=[("d", ["quality", "detection"])]),
    }
    return RunCard.model_validate(content | changes)


def test_a_card_comes_back_as_it_was_written(tmp_path: Path) -> None:
    whole = card(
        machine={"cores": 2},
        shard=ShardCard(number=1, of=2),
        numerics={"precision": "bf16"},
        protocols={"d": {"quality": ProtocolCard(hash="abc", parts={"rain": {"seed": 1}})}},
    )
    write_card(tmp_path, whole)
    assert read_card(tmp_path).content() == whole.content()
    assert list(read_card(tmp_path).rows) == ["rain", "clean"]
    assert list(read_card(tmp_path).tasks_of["d"]) == ["quality", "detection"]


def test_what_is_not_there_is_left_out(tmp_path: Path) -> None:
    write_card(tmp_path, card())
    assert {"shard", "shards", "numerics"}.isdisjoint(json.loads((tmp_path / "card.json").read_text()))


def test_its_absence_is_explained(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no run here \(no card\.json\).*derainbench run --out"):
        read_card(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "card.json: damaged"),
        ("[" * 100_000, "card.json: damaged"),
        ("[]", "card.json: : "),
        ('{"datasets": {"d": "many"}, "derainers": {}, "tasks": {}}', r"card.json: datasets\.d: "),
        (
            '{"datasets": {}, "derainers": {"a": ""}, "tasks": {}, "order": {"derainers": ["b"], "tasks": []}}',
            "card.json: damaged .*names other rows",
        ),
    ],
)
def test_damage_is_named(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text(text)
    with pytest.raises(UserError, match=message):
        read_card(tmp_path)
