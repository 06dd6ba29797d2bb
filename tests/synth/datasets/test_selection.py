from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from bench.contract import Classes, Photograph, Truth
from bench.errors import ImageError, UserError
from synth.datasets.selection import Policy, choose
from synth.sources.reading import parse_size

SIZES = {"a": (480, 640), "b": (640, 480), "c": (427, 640), "d": None, "e": (480, 640), "f": (480, 640)}


@dataclass(frozen=True)
class Album:
    """Photographs that are described but never decoded; ``d`` is damaged."""

    ids: Sequence[str] = tuple(SIZES)
    name: str = "album"
    classes: Classes = field(default_factory=Classes)

    def size(self, id: str, /) -> tuple[int, int] | None:
        return SIZES[id]

    def load(self, id: str, /) -> Photograph:
        if SIZES[id] is None:
            raise ImageError(f"{id}: damaged")
        return Photograph(id, None, None, Truth((1, 1)))

    def attributes(self, id: str, /) -> Mapping[str, str]:
        return {"weather": "rainy" if id in "ae" else "clear", "timeofday": "night" if id in "ab" else "daytime"}

    def objects(self, id: str, /) -> int:
        return "abcdef".index(id)


def test_sizes() -> None:
    assert parse_size("640x480") == (640, 480)
    assert parse_size("any") is None
    for wrong in ("640", "640x", "0x480", "-1x5", "640X480", "999999x1"):
        with pytest.raises(UserError, match="640x480, or any"):
            parse_size(wrong)


def test_either_orientation_fits_and_damaged_images_are_not_hidden() -> None:
    assert choose(Album(), Policy(size="640x480")) == ("a", "b", "d", "e", "f")


def test_the_choice_does_not_depend_on_order_and_grows() -> None:
    few = set(choose(Album(), Policy(count=2, seed=5)))
    assert set(choose(Album(tuple("fedcba")), Policy(count=2, seed=5))) == few
    assert few < set(choose(Album(), Policy(count=4, seed=5)))
    assert len({choose(Album(), Policy(count=3, seed=seed)) for seed in range(10)}) > 3


def test_the_order_is_the_source_s() -> None:
    assert choose(Album(tuple("fedcba")), Policy()) == tuple("fedcba")


def test_facts_about_photographs() -> None:
    assert choose(Album(), Policy(without=("weather=rainy",))) == ("b", "c", "d", "f")
    assert choose(Album(), Policy(only=("timeofday=night",))) == ("a", "b")
    assert choose(Album(), Policy(objects=4)) == ("e", "f")


def test_a_share_of_the_choice() -> None:
    for seed in range(5):
        chosen = choose(Album(), Policy(count=4, seed=seed, share="timeofday=night:0.25"))
        assert len(set(chosen) & {"a", "b"}) == 1
        assert len(chosen) == 4
    assert choose(Album(), Policy(count=2, share="timeofday=night:1")) == ("a", "b")
    with pytest.raises(UserError, match="4 of 6"):
        choose(Album(), Policy(count=5, share="timeofday=night:0"))


def test_too_few_photographs() -> None:
    with pytest.raises(UserError, match=r"5 of 6 photographs fit \(size 640x480\), 9 wanted.*--count 5"):
        choose(Album(), Policy(count=9, size="640x480"))
    with pytest.raises(UserError, match="0 of 6"):
        choose(Album(), Policy(size="100x100", only=("weather=foggy",)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"count": 0},
        {"count": -1},
        {"objects": -1},
        {"only": ("night",)},
        {"share": "timeofday=night:0.5"},
        {"count": 2, "share": "night"},
    ],
)
def test_impossible_policies(wrong: dict[str, object]) -> None:
    with pytest.raises(UserError, match="expected"):
        Policy(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (Policy(count=9), "Ask for --count 6$"),
        (Policy(count=9, size="640x480"), "Ask for --count 5, or choose a wider policy such as --size any$"),
        (Policy(count=9, objects=3), r"Ask for --count 3, or ask for fewer conditions in the suite"),
        (Policy(size="10x10", only=("weather=snowy",)), "Choose a wider policy such as --size any$"),
    ],
)
def test_what_is_offered_is_not_what_was_asked_for(policy: Policy, said: str) -> None:
    with pytest.raises(UserError, match=said):
        choose(Album(), policy)
