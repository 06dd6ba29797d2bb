"""A derainer may be a plain function."""

from __future__ import annotations

from dataclasses import dataclass

from bench.contract import Image, Traits
from bench.protocols import traits_of


@dataclass
class OnClean:
    traits: Traits

    def __call__(self, rainy: Image, /) -> Image:
        return rainy


def test_traits_are_those_stated_or_the_defaults() -> None:
    assert traits_of(lambda rainy: rainy) == Traits()
    stated = Traits(reads="clean")
    assert traits_of(OnClean(stated)) is stated
