"""Running a suite through the library: the keys under which results are kept."""

from __future__ import annotations

import pytest

from bench.api.derainers import NamedRow
from bench.api.run import _derainer_work
from bench.contract import Options
from bench.runner.batches import ONE
from derainers import DERAINERS
from derainers.networks.mspfn.designs import DESIGNS


def test_derainers_of_one_factory_do_not_share_restored_images() -> None:
    """Untrained members have code, factory and (absent) weights in common: the name has to tell them apart."""
    pytest.importorskip("torch")
    options = Options(offline=True, allow_random_weights=True)
    names = [name for name in DESIGNS if name not in ("mspfn", "mspfn-light")]
    entries = [DERAINERS.named(name) for name in names]
    assert len({entry.code_version() for entry in entries}) == 1
    works = [_derainer_work(NamedRow(entry.name, entry, False), options, ONE) for entry in entries]
    assert len({work.fingerprint for work in works}) == len(names)
