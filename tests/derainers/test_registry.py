"""The table of names and the table of weights fit together, and looking at them imports no framework."""

import subprocess
import sys
from functools import partial

import pytest

from derainers import DERAINERS
from derainers.facts import facts_table
from derainers.networks.mspfn.designs import DESIGNS
from derainers.networks.prenet.designs import PUBLISHED
from derainers.training.networks import NETWORKS
from derainers.weights import unpinned_table, weights_of, weights_table


@pytest.mark.parametrize("name", DERAINERS.entries())
def test_every_name_leads_to_a_documented_factory(name):
    factory = DERAINERS.load(DERAINERS.find(name))
    function = factory.func if isinstance(factory, partial) else factory
    assert function.__doc__


def test_every_row_of_weights_belongs_to_a_name():
    assert set(weights_table()) | set(unpinned_table()) <= set(DERAINERS.entries())
    # InstructIR's own files have digests, those of its text encoder do not.
    assert set(weights_table()) & set(unpinned_table()) == {"instructir"}


def test_weights_of_a_derainer_without_weights_are_none():
    assert weights_of("rain") == ()
    assert weights_of("prenet")[0].trained_on == "Rain1400"


def test_names_and_weights_are_known_without_importing_torch():
    program = (
        "import sys; from derainers import DERAINERS; from derainers.weights import weights_of; "
        "DERAINERS.entries(); weights_of('prenet'); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_line_among_the_designs_makes_a_derainer_a_trainable_network_and_a_row_of_facts():
    for name in DESIGNS:
        assert name in DERAINERS.targets
        assert name in NETWORKS
        assert name in facts_table()
        assert (name in weights_table()) != (name in unpinned_table())
    for name in PUBLISHED:
        assert name in DERAINERS.targets
        assert name in facts_table()
        assert name in weights_table()


def test_every_name_has_a_target_of_its_own():
    """A restored image is kept under what follows the target's colon: two names must not share it."""
    ends = [target.rpartition(":")[2] for target in DERAINERS.targets.values()]
    assert len(set(ends)) == len(ends)
