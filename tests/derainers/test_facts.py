"""The table of sizes is what counting gives."""

import csv

import pytest

from derainers import DERAINERS
from derainers.facts import FACTS, count, facts_table, origins_table
from derainers.weights import unpinned_table, weights_of, weights_table

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("name", ["ddn", "prenet-small", "mspfn-light", "mspfn-single-scale", "umrl", "didmdn"])
def test_a_count_gives_the_row_of_the_table(name):
    assert count(name) == facts_table()[name]


def test_operations_are_those_of_the_layers():
    """DDN: 26 convolutions 3x3 over 640x480 pixels, of which 24 are 16 to 16 and two have three channels."""
    assert facts_table()["ddn"][1] == 2 * 9 * (24 * 16 * 16 + 2 * 16 * 3) * 640 * 480


def test_published_numbers_of_parameters():
    published = {"prenet": 168_963, "prenet-r": 94_979, "prn-rain100h": 95_107, "prn-r-rain100h": 21_123}
    published |= {"mspfn": 15_823_424, "rescan": 149_823, "umrl": 984_356, "semi": 57_369, "derainnet": 754_691}
    assert {name: facts_table()[name][0] for name in published} == published


def test_every_network_that_can_be_named_has_a_row():
    with FACTS.open(newline="") as file:
        rows = [row["name"] for row in csv.DictReader(file)]
    assert rows == sorted(set(rows))
    networks = {*weights_table(), *unpinned_table()} - {"classical"}
    assert networks & set(DERAINERS.entries()) <= set(rows)


def test_three_times_the_pixels_take_three_times_the_operations():
    assert count("prenet-small", 720, 1280)[1] == 3 * count("prenet-small")[1]


def test_every_name_has_a_year_and_a_kind():
    origins = origins_table()
    assert set(origins) == set(DERAINERS.targets)
    assert {origin.kind for origin in origins.values()} <= {"control", "derain only", "all-in-one", "real rain"}
    for name, origin in origins.items():
        row = next(iter(weights_of(name)), unpinned_table().get(name))
        assert origin.year == (row.paper[-4:] if row else ""), name
        assert (origin.kind == "control") == (row is None)
        assert (origin.kind == "real rain") == (row is not None and "real rain" in row.trained_on)
