"""Which numbers may stand side by side, and what is said when they may not."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from bench.runs.card import TaskCard
from bench.scoring.protocol_hash import ProtocolParts, differences, hash_of, parts_of, rain_parts

RULES = TaskCard(
    model="yolov3u",
    version="1",
    protocol="score >= 0.25; AP: pycocotools bbox",
    scoring={"score": 0.25, "classes": ("car", "bus")},
    fingerprint='{"weights": "' + "a" * 64 + '", "image_size": 640}',
    code="c" * 32,
)


@dataclass(frozen=True)
class Case:
    """All that a hash is made of."""

    rules: TaskCard = field(default_factory=lambda: RULES)
    renderer: str = 'streaks 1 {"brightness": 0.755, "veil": 0.664}'
    severity: float = 1.0
    seed: int = 2020
    digests: tuple[str, ...] = ("one", "two")

    @property
    def parts(self) -> ProtocolParts:
        rain = rain_parts(self.renderer, "coco350_y", self.severity, self.seed)
        return parts_of("detection", self.rules, rain, self.digests)


CASES = {
    "the task's model (yolov3u and yolov8n)": Case(RULES.model_copy(update={"model": "yolov8n"})),
    "the weights of the task's model (aaaaaaaaaaaa and bbbbbbbbbbbb)": Case(
        RULES.model_copy(update={"fingerprint": RULES.fingerprint.replace("a" * 64, "b" * 64)})
    ),
    "the model's image_size (640 and 320)": Case(
        RULES.model_copy(update={"fingerprint": RULES.fingerprint.replace("640", "320")})
    ),
    "the scoring rules (score >= 0.25 and score >= 0.50)": Case(
        RULES.model_copy(update={"protocol": RULES.protocol.replace("0.25", "0.50")})
    ),
    "the scoring's classes (2 values and 1 values)": Case(
        RULES.model_copy(update={"scoring": {"score": 0.25, "classes": ("car",)}})
    ),
    "the version of the task's scoring (1 and 2)": Case(RULES.model_copy(update={"version": "2"})),
    "the rain's renderer (streaks 1 and streaks 2)": Case(renderer='streaks 2 {"brightness": 0.755, "veil": 0.664}'),
    "the rain's veil (0.664 and 0.7)": Case(renderer='streaks 1 {"brightness": 0.755, "veil": 0.7}'),
    "the severity of the rain (1.0 and 1.5)": Case(severity=1.5),
    "the seed of the images and the rain (2020 and 1)": Case(seed=1),
}


@pytest.mark.parametrize(("words", "other"), CASES.items(), ids=CASES)
def test_whatever_differs_changes_the_hash_and_is_named(words: str, other: Case) -> None:
    assert hash_of(Case().parts) != hash_of(other.parts)
    assert differences(Case().parts, other.parts) == [words]


def test_code_alone_splits_no_table() -> None:
    """A patch that moves no number leaves all published numbers comparable."""
    patched = Case(RULES.model_copy(update={"code": "d" * 32}))
    assert patched.parts == Case().parts


def test_other_images_are_named() -> None:
    fewer, changed = replace(Case(), digests=("one",)), replace(Case(), digests=("one", "three"))
    assert differences(Case().parts, fewer.parts)[0] == "the number of images (2 and 1)"
    (words,) = differences(Case().parts, changed.parts)
    assert words.startswith("the pixels or labels of the images (")
    assert hash_of(changed.parts) != hash_of(Case().parts)


def test_equal_parts_have_equal_hashes_on_every_machine() -> None:
    # The hash is from this function itself, November 2026: published tables would no longer join if it changed.
    assert hash_of(Case().parts) == "3b9fd9f2868d"
    assert differences(Case().parts, Case().parts) == []


def test_many_differences_are_counted() -> None:
    others = {f"scoring.{number}": number for number in range(9)}
    told = differences({"scoring": dict.fromkeys(others, 0)}, {"scoring": dict.fromkeys(others, 1)})
    assert len(told) == 7
    assert told[-1] == "3 more"
