"""Read what weights were trained on from the card beside them, back to the weights that they started from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel, ValidationError


@dataclass(frozen=True)
class TrainedOn:
    """The images, the rain and the guides of a training and of all trainings before it.

    Attributes:
        network: Name of the network; empty in older cards.
        folders: Folders of the images, as far as the cards tell them: ``camvid/train``.
        rains: Names of the rains drawn on them, of presets and renderers behind these, and of sets of published pairs.
        whole: False if it started from weights of which no card tells anything.
        guides: SHA-256 of the weights of the task models whose features it was led by.
        watched: Photographs that a task's model judged meanwhile, in words: ``40 photographs of coco350``.
    """

    network: str
    folders: tuple[str, ...]
    rains: tuple[str, ...]
    whole: bool
    guides: tuple[str, ...] = ()
    watched: tuple[str, ...] = ()

    def saw(self, photographs: str) -> bool:
        """Return True if a folder of the training has this name, as the whole of one of its parts."""
        return any(photographs in PurePosixPath(folder).parts for folder in self.folders)


class _Images(BaseModel):
    set: str
    folder: str


class _Watch(BaseModel):
    set: str
    photographs: tuple[str, ...]


class _Kind(BaseModel):
    preset: str = ""
    renderer: str = ""


class _Rain(BaseModel):
    kinds: Mapping[str, _Kind] = {}


class _Training(BaseModel):
    network: str = ""
    rain: _Rain = _Rain()


class _Card(BaseModel):
    data: tuple[_Images, ...]
    rains: Mapping[str, str] = {}
    training: _Training = _Training()
    watch: _Watch | None = None
    start: str = ""
    started_from: Mapping[str, Any] | None = None


def trained_on(weights: Path) -> TrainedOn | None:
    """Read the card beside one file of weights; None where there is none, or it is not one of ``derainbench train``.

    Examples:
        >>> from pathlib import Path
        >>> trained_on(Path("downloaded.pth")) is None
        True

    Args:
        weights: The file; its card has the same name and ends in ``.json``.
    """
    try:
        return _of(card_beside(weights))
    except ValidationError:
        return None


def card_beside(weights: Path) -> object:
    """Read the card beside one file of weights; None where there is none, or none that can be read."""
    try:
        return json.loads(weights.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):  # it is for people, and not part of the weights
        return None


def guides_in(card: object) -> Iterator[str]:
    """List the digests of the guides that one card of weights names, those of the weights that they began as, too.

    A guide with a share of 0 is a control's: it left no trace in the weights.
    """
    while isinstance(card, dict):
        guide = card.get("guide")
        if isinstance(guide, dict) and guide.get("share", 1) and isinstance(guide.get("sha256"), str):
            yield guide["sha256"]
        card = card.get("started_from")


def _of(content: object) -> TrainedOn:
    card = _Card.model_validate(content)
    try:
        before = _of(card.started_from) if card.started_from else None
    except ValidationError:  # it started from a file whose card is of another kind
        before = None
    sets = [images.set for images in card.data if images.set != "photographs"]
    renderers = [fingerprint.partition(" ")[0] for fingerprint in card.rains.values()]
    kinds = [name for kind in card.training.rain.kinds.values() for name in (kind.preset, kind.renderer) if name]
    watched = [f"{len(card.watch.photographs)} photographs of {card.watch.set}"] if card.watch else []
    return TrainedOn(
        network=card.training.network,
        folders=_merged([images.folder for images in card.data], before.folders if before else ()),
        rains=_merged([*card.rains, *kinds, *renderers, *sets], before.rains if before else ()),
        whole=before.whole if before else not card.start,
        guides=tuple(dict.fromkeys(guides_in(content))),
        watched=_merged(watched, before.watched if before else ()),
    )


def _merged(own: list[str], before: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*own, *before]))
