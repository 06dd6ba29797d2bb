"""What a lower precision changes is measured on the first image and kept in the card; it is part of the key."""

import json

import numpy as np
import pytest

from bench.api.run import run_suite
from bench.contract import Options
from bench.runner.precision import differences, reduced_precision
from bench.suites.suite import parse_suite

torch = pytest.importorskip("torch")

SUITE = """
derainers = ["rain", "half={file}:build", "clean+again={file}:build"]
[datasets.streets]
source = "streets"
rain = "streets_y"
count = 2
[tasks.quality]
"""
PLUGIN = """
import torch
from bench.contract import Traits
from derainers.torch_derainer import TorchDerainer


def build(options):
    torch.manual_seed(3)
    network = torch.nn.Conv2d(3, 3, kernel_size=5, padding=2)
    return TorchDerainer(network, Traits(quantisation="round"), options)
"""


@pytest.fixture
def suite(tmp_path):
    file = tmp_path / "half.py"
    file.write_text(PLUGIN)
    return parse_suite(SUITE.format(file=file), "half", "half")


def test_the_card_tells_what_half_precision_changes_and_nothing_is_reused(suite, tmp_path):
    run = tmp_path / "run"
    exact = run_suite(suite, run, options=Options())
    assert "numerics" not in json.loads((run / "card.json").read_text())
    half = run_suite(suite, run, options=Options(precision="bf16"))
    card = json.loads((run / "card.json").read_text())
    noted = card["numerics"]
    assert (noted["precision"], noted["compile"]) == ("bf16", False)
    assert noted["rows"]["rain"] == {"largest": 0, "mean": 0}
    assert 0 < noted["rows"]["half"]["mean"] < noted["rows"]["half"]["largest"] <= 3
    assert set(noted["rows"]) == {"rain", "half"}
    psnr = [[r.value for r in run.records if (r.derainer, r.metric) == ("half", "psnr_y")] for run in (exact, half)]
    assert psnr[0] != psnr[1]


def test_differences_do_not_wrap():
    assert differences(np.uint8([[250]]), np.uint8([[5]])) == {"largest": 245, "mean": 245}


def test_plain_float32_is_what_all_is_compared_with():
    assert reduced_precision(Options()) is None
    assert reduced_precision(Options(compile=True)) == ("fp32", True)
