"""Which photographs of a source become a dataset: a choice that depends on names and a seed, never on order."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bench.contract import Source
from bench.errors import ImageError, UserError
from bench.files import key_of
from synth.reading import Described


@dataclass(frozen=True)
class Policy:
    """How photographs are chosen.

    Attributes:
        count: How many; None for all that fit.
        size: ``WIDTHxHEIGHT``, which both orientations fit, or ``any``. Nothing is resized.
        seed: Another seed is another choice.
        objects: Least number of labelled objects, crowds not counted.
        only: ``attribute=value`` pairs that a photograph must have, such as ``timeofday=night``.
        without: Pairs that it must not have, such as ``weather=rainy``.
    """

    count: int | None = None
    size: str = "any"
    seed: int = 0
    objects: int = 0
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.count is not None and self.count < 1) or self.objects < 0:
            raise UserError(f"expected a count of at least 1 image and 0 objects, got {self.count} and {self.objects}")
        parse_size(self.size)
        for pair in (*self.only, *self.without):
            if "=" not in pair:
                raise UserError(f"expected attribute=value, got {pair!r}; for example weather=rainy")


def parse_size(text: str) -> tuple[int, int] | None:
    """(width, height) of ``WIDTHxHEIGHT``; None for ``any``.

    Raises:
        UserError: The text is neither.
    """
    if text == "any":
        return None
    match = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", text)
    if not match:
        raise UserError(f"expected a size such as 640x480, or any; got {text!r}")
    return int(match[1]), int(match[2])


def choose(source: Source, policy: Policy) -> tuple[str, ...]:
    """The chosen ids, in the source's order.

    Every id has a rank of its own, drawn from the seed and its name; the first ``count`` that fit are taken. So
    the choice is the same in any order of the files, and a larger count keeps what a smaller one chose.

    Raises:
        UserError: Fewer photographs fit than are wanted.
    """
    chosen: set[str] = set()
    for id in sorted(source.ids, key=lambda id: (key_of("choice", policy.seed, id), id)):
        if _fits(source, id, policy):
            chosen.add(id)
            if len(chosen) == policy.count:
                break
    if len(chosen) < (policy.count or 1):
        raise UserError(
            f"{source.name}: {len(chosen)} of {len(source.ids)} photographs fit ({_shown(policy)}), "
            f"{policy.count or 'at least one'} wanted. "
            f"Ask for {f'--count {len(chosen)}' if chosen else 'less'}, or choose a wider policy such as --size any"
        )
    return tuple(id for id in source.ids if id in chosen)


def _fits(source: Source, id: str, policy: Policy) -> bool:
    wanted = parse_size(policy.size)
    if wanted is not None and _size(source, id) not in (None, wanted, wanted[::-1]):
        return False
    if not (policy.objects or policy.only or policy.without):
        return True
    if not isinstance(source, Described):
        raise UserError(f"{source.name} does not know its photographs' objects and attributes; leave them unasked")
    pairs = {f"{name}={value}" for name, value in source.attributes(id).items()}
    return source.objects(id) >= policy.objects and pairs.issuperset(policy.only) and pairs.isdisjoint(policy.without)


def _size(source: Source, id: str) -> tuple[int, int] | None:
    """(width, height); None for a damaged image, which is kept so that it is reported rather than hidden."""
    size = source.size(id)
    if size is None:
        try:
            size = source.load(id).truth.size
        except ImageError:
            return None
    return size[1], size[0]


def _shown(policy: Policy) -> str:
    parts = [f"size {policy.size}"]
    parts += [f"at least {policy.objects} objects"] if policy.objects else []
    parts += [*policy.only, *[f"not {pair}" for pair in policy.without]]
    return ", ".join(parts)
