"""A run that has to be whole ends at its first failure."""

from __future__ import annotations

import pytest

from bench.contract import Failure
from bench.errors import UserError
from bench.runs.result import raise_first


def test_without_failures_nothing_is_raised() -> None:
    raise_first([])


def test_the_first_failure_is_named_with_its_place_and_reason() -> None:
    failures = [
        Failure("street", "prenet", "", "007", "restore", "ValueError: too dark"),
        Failure("street", "prenet", "detection", "008", "judge", "no"),
    ]
    with pytest.raises(UserError) as told:
        raise_first(failures)
    assert str(told.value) == "could not restore street prenet 007: ValueError: too dark"
