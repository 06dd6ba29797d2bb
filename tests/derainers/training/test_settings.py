import math

import pytest
from pydantic import ValidationError

from bench.io.training.settings import rate_at
from derainers.training.settings import DerainerSettings


def settings(**changes) -> DerainerSettings:
    return DerainerSettings(**({"network": "mspfn", "steps": 100_000} | changes))


def test_defaults_are_the_papers():
    # Jiang et al., CVPR 2020, section 4.1: Adam, 2e-4, halved every 20,000 steps down to 1e-6, batches of 8
    assert settings().batch == 8
    assert [rate_at(settings(), step) for step in (0, 19_999, 20_000, 40_000)] == [2e-4, 2e-4, 1e-4, 5e-5]
    assert rate_at(settings(steps=1_000_000), 900_000) == 1e-6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": "prenett"}, "prenett"),
        ({"steps": 0}, "steps"),
        ({"batch": 6, "crops_per_photograph": 4}, "multiple"),
        ({"crop": 98}, "multiple of 4"),
        ({"crop": 10**9}, "crop"),
        ({"learning_rate": math.nan}, "learning_rate"),
        ({"learning_rate": math.inf}, "learning_rate"),
        ({"learning_rate": -1.0}, "learning_rate"),
        ({"precision": "fp16"}, "precision"),
        ({"seed": -1}, "seed"),
        ({"pickle": "x"}, "pickle"),
    ],
)
def test_wrong_settings_are_refused_by_name(changes, message):
    with pytest.raises(ValidationError, match=message):
        settings(**changes)
