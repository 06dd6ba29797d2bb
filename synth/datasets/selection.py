"""Choose the photographs of a dataset by their names and a seed, whatever order the source lists them in."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bench.errors import ImageError, UserError
from bench.io.files import key_of
from bench.protocols import Source
from synth.sources.reading import Described, parse_size


@dataclass(frozen=True)
class Policy:
    """Rules by which photographs are chosen.

    Attributes:
        count: How many; None for all that fit.
        size: ``WIDTHxHEIGHT``, which both orientations fit, or ``any``. Nothing is resized.
        seed: Another seed is another choice.
        objects: Least number of labelled objects, crowds not counted.
        only: ``attribute=value`` pairs that a photograph must have, such as ``timeofday=night``.
        without: Pairs that it must not have, such as ``weather=rainy``.
        share: How much of the choice must have a pair, such as ``timeofday=night:0.3``; the rest must not. Needs a
            count. Empty for as it comes.
    """

    count: int | None = None
    size: str = "any"
    seed: int = 0
    objects: int = 0
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    share: str = ""

    def __post_init__(self) -> None:
        if (self.count is not None and self.count < 1) or self.objects < 0:
            raise UserError(f"expected a count of at least 1 image and 0 objects, got {self.count} and {self.objects}")
        parse_size(self.size)
        self.quotas()
        for pair in (*self.only, *self.without):
            if "=" not in pair:
                raise UserError(f"expected attribute=value, got {pair!r}; for example weather=rainy")

    def quotas(self) -> tuple[str, int, int]:
        """The pair of the share, and how many photographs must and must not have it; the pair is empty for none.

        Raises:
            UserError: The share is no pair with a number from 0 to 1, or there is no count.
        """
        if not self.share:
            return "", 0, 0
        match = re.fullmatch(r"(.+=.+):(0(?:\.\d+)?|1(?:\.0+)?)", self.share)
        if not match or self.count is None:
            raise UserError(
                f"expected a share such as timeofday=night:0.3 and a count, got {self.share!r} and count {self.count}"
            )
        having = round(float(match[2]) * self.count)
        return match[1], having, self.count - having


def choose(source: Source, policy: Policy) -> tuple[str, ...]:
    """Choose the photographs of a source that become a dataset; ids in the source's order.

    Every id has a rank of its own, drawn from the seed and its name; the first ``count`` that fit are taken. So
    the choice is the same in any order of the files, and a larger count keeps what a smaller one chose.

    Raises:
        UserError: Fewer photographs fit than are wanted.
    """
    chosen: set[str] = set()
    pair, having, lacking = policy.quotas()
    left = {True: having, False: lacking}
    for image_id in sorted(source.ids, key=lambda image_id: (key_of("choice", policy.seed, image_id), image_id)):
        if not _fits(source, image_id, policy):
            continue
        if pair:
            has = pair in _facts(source, image_id)
            if not left[has]:
                continue
            left[has] -= 1
        chosen.add(image_id)
        if len(chosen) == policy.count:
            break
    if len(chosen) < (policy.count or 1):
        raise UserError(
            f"{source.name}: {len(chosen)} of {len(source.ids)} photographs fit ({_shown(policy)}), "
            f"{policy.count or 'at least one'} wanted. {_way_out(policy, len(chosen))}"
        )
    return tuple(image_id for image_id in source.ids if image_id in chosen)


def _fits(source: Source, image_id: str, policy: Policy) -> bool:
    wanted = parse_size(policy.size)
    if wanted is not None and _size(source, image_id) not in (None, wanted, wanted[::-1]):
        return False
    if not (policy.objects or policy.only or policy.without):
        return True
    pairs = _facts(source, image_id)
    enough = not policy.objects or (isinstance(source, Described) and source.objects(image_id) >= policy.objects)
    return enough and pairs.issuperset(policy.only) and pairs.isdisjoint(policy.without)


def _facts(source: Source, image_id: str) -> set[str]:
    if not isinstance(source, Described):
        raise UserError(f"{source.name} does not know its photographs' objects and attributes; leave them unasked")
    return {f"{name}={value}" for name, value in source.attributes(image_id).items()}


def _size(source: Source, image_id: str) -> tuple[int, int] | None:
    """Read (width, height); None for a damaged image, which is kept so that it is reported rather than hidden."""
    size = source.size(image_id)
    if size is None:
        try:
            size = source.load(image_id).truth.size
        except ImageError:
            return None
    return size[1], size[0]


def _way_out(policy: Policy, fitting: int) -> str:
    """Say what to ask for instead, of that which is asked for now."""
    fewer = f"Ask for --count {fitting}" if fitting else ""
    wider = "choose a wider policy such as --size any" if policy.size != "any" else ""
    conditions = policy.objects or policy.only or policy.without or policy.share
    if conditions and not wider:
        wider = "ask for fewer conditions in the suite (objects, only, without, share)"
    ways = [way for way in (fewer, wider) if way]
    text = ", or ".join(ways) or "Give a folder with photographs"
    return text[0].upper() + text[1:]


def _shown(policy: Policy) -> str:
    parts = [f"size {policy.size}"]
    parts += [f"at least {policy.objects} objects"] if policy.objects else []
    parts += [*policy.only, *[f"not {pair}" for pair in policy.without]]
    parts += [f"share {policy.share}"] if policy.share else []
    return ", ".join(parts)
