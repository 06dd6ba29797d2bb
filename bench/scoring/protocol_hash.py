"""Decide which numbers may stand in one table: list the parts of their protocol, hash them, tell differences.

The parts are the task with its version, its model with the weights, the scoring rules and their parameters, the rain
and the images: all but the derainer, because derainers are compared. Code is not among them: editing a comment, or
code that moves no number, leaves every hash as it is. Who changes a number raises the task's version.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from bench.contract import Record
from bench.errors import UserError
from bench.io.files import key_of
from bench.runs.card import TaskCard

ProtocolParts: TypeAlias = Mapping[str, object]
"""Everything that numbers have to share to be compared: nested mappings of JSON values, as in the card of a run."""

ProtocolKey: TypeAlias = tuple[str, str]
"""Names of a dataset and of a task, whose numbers share one hash."""

HASH_DIGITS = 12
_MOST_DIFFERENCES = 6
_LONGEST = 60
_WORDS = {
    "task": "the task",
    "model": "the task's model",
    "judge.weights": "the weights of the task's model",
    "protocol": "the scoring rules",
    "version": "the version of the task's scoring",
    "rain.renderer": "the rain's renderer",
    "rain.preset": "the rain's preset",
    "rain.severity": "the severity of the rain",
    "rain.seed": "the seed of the images and the rain",
    "images.count": "the number of images",
    "images.digest": "the pixels or labels of the images",
}


def parts_of(task: str, rules: TaskCard, rain: ProtocolParts, digests: Sequence[str]) -> dict[str, object]:
    """List the parts of the protocol of one task on one dataset.

    Args:
        task: The task's name.
        rules: Its model, rules, parameters and version.
        rain: The dataset's rain (:func:`rain_parts`).
        digests: Digest of every image with its labels, in the dataset's order.
    """
    return {
        "task": task,
        "model": rules.model,
        "judge": _json_or_text(rules.fingerprint),
        "protocol": rules.protocol,
        "scoring": dict(rules.scoring),
        "version": rules.version,
        "rain": dict(rain),
        "images": {"count": len(digests), "digest": key_of(*digests)},
    }


def rain_parts(renderer: str, preset: str, severity: float, seed: int) -> dict[str, object]:
    """List the parts of the protocol that are about the rain of one dataset.

    Args:
        renderer: The renderer's fingerprint: name, version, parameters as JSON; empty where the rain was photographed.
        preset: Name of the preset.
        severity: Its strength.
        seed: Chooses the images and the rain.
    """
    name, brace, rest = renderer.partition("{")
    parameters = _json_or_text(brace + rest)
    return {
        "renderer": name.strip(),
        "parameters": parameters,
        "preset": preset,
        "severity": severity,
        "seed": seed,
    }


def hash_of(parts: ProtocolParts) -> str:
    """Hash the parts of a protocol into twelve hexadecimal digits: equal if and only if all parts are."""
    return key_of(parts)[:HASH_DIGITS]


def differences(ours: ProtocolParts, theirs: ProtocolParts) -> list[str]:
    """Tell in words where two protocols differ: ``the severity of the rain (1.0 and 2.0)``; the most telling first."""
    mine, yours = dict(_flat(ours)), dict(_flat(theirs))
    names = [name for name in dict.fromkeys((*mine, *yours)) if mine.get(name) != yours.get(name)]
    names.sort(key=lambda name: list(_WORDS).index(name) if name in _WORDS else len(_WORDS))
    told = [f"{_in_words(name)} ({_both(mine.get(name), yours.get(name))})" for name in names[:_MOST_DIFFERENCES]]
    more = len(names) - len(told)
    return [*told, f"{more} more"] if more else told


def check_one_protocol(records: Sequence[Record]) -> None:
    """Refuse records of one dataset and task that were made under different protocols.

    Raises:
        UserError: The dataset, the task and the hashes are named.
    """
    found: dict[ProtocolKey, dict[str, None]] = {}
    for record in records:
        found.setdefault((record.dataset, record.task), {})[record.protocol_hash] = None
    for (dataset, task), hashes in found.items():
        if len(hashes) > 1:
            told = ", ".join(text or "none" for text in hashes)
            raise UserError(
                f"dataset {dataset}, task {task}: numbers of {len(hashes)} protocols (hashes {told}) cannot stand in "
                "one table; give their run folders one by one to be told what differs, or --mix"
            )


def _in_words(name: str) -> str:
    if name in _WORDS:
        return _WORDS[name]
    group, _, rest = name.partition(".")
    kinds = {"rain": "the rain's", "scoring": "the scoring's", "judge": "the model's"}
    return f"{kinds.get(group, group)} {rest.replace('parameters.', '') or 'settings'}"


def _both(ours: object, theirs: object) -> str:
    if isinstance(ours, str) and isinstance(theirs, str) and ";" in ours + theirs:
        mine, yours = ours.split("; "), theirs.split("; ")
        ours = "; ".join(part for part in mine if part not in yours) or "nothing more"
        theirs = "; ".join(part for part in yours if part not in mine) or "nothing more"
    return f"{_short(ours)} and {_short(theirs)}"


def _short(value: object) -> str:
    if value is None:
        return "not set"
    if isinstance(value, list | tuple):
        return f"{len(value)} values"
    text = str(value)
    if len(text) in (32, 64) and all(digit in "0123456789abcdef" for digit in text):
        return text[:HASH_DIGITS]
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _flat(parts: ProtocolParts, before: str = "") -> Iterator[tuple[str, object]]:
    for name, value in parts.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield before + name, list(value) if isinstance(value, tuple) else value


def _json_or_text(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text
