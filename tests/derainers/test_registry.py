"""The table of names and the table of weights fit together, and looking at them imports no framework."""

import subprocess
import sys

import pytest

from derainers import DERAINERS
from derainers.weights import unpinned_table, weights_of, weights_table


@pytest.mark.parametrize("name", DERAINERS.entries())
def test_every_name_leads_to_a_documented_factory(name):
    factory = DERAINERS.load(DERAINERS.find(name))
    assert factory.__doc__


def test_every_row_of_weights_belongs_to_a_name():
    assert set(weights_table()) | set(unpinned_table()) <= set(DERAINERS.entries())
    assert not set(weights_table()) & set(unpinned_table())


def test_weights_of_a_derainer_without_weights_are_none():
    assert weights_of("rain") == ()
    assert weights_of("prenet")[0].trained_on == "Rain1400"


def test_names_and_weights_are_known_without_importing_torch():
    program = (
        "import sys; from derainers import DERAINERS; from derainers.weights import weights_of; "
        "DERAINERS.entries(); weights_of('prenet'); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
