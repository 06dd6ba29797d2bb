from __future__ import annotations

import pytest

from bench.runs.rows import kind_of


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("rain", "rain"),
        ("clean", "clean"),
        ("clean+prenet", "harm test"),
        ("clean+rain", "harm test"),
        ("cleaner", "derainer"),
        ("rainy", "derainer"),
        ("prenet", "derainer"),
        ("clean+wild", "untrained"),
        ("wild", "untrained"),
    ],
)
def test_the_kind_of_a_row_is_told_by_its_name(name: str, kind: str) -> None:
    assert kind_of(name, ["wild", "clean+wild"]) == kind


def test_no_row_is_untrained_unless_the_run_says_so() -> None:
    assert kind_of("wild") == "derainer"
