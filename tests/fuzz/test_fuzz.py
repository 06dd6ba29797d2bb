"""A few damaged files for every reader, the same each time; ``python -m tests.fuzz.fuzz`` goes on from there."""

import pytest

from tests.fuzz.fuzz import CORPUS, kept, known_readers, mutate

INPUTS = 60


@pytest.mark.parametrize("name", known_readers())
def test_damaged_files_are_read_or_refused(name: str) -> None:
    tally = mutate(name, INPUTS, seed=1)
    assert tally.findings == {}
    assert tally.inputs >= INPUTS
    assert tally.answered, "the seeds themselves are read"


def test_every_kept_input_belongs_to_a_reader() -> None:
    assert sum(len(kept(name)) for name in known_readers()) == len(list(CORPUS.iterdir()))
