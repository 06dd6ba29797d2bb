import numpy as np
import pytest
import torch

from bench.contract import Options
from derainers.networks.mspfn.designs import DESIGNS
from derainers.networks.mspfn.family import member
from derainers.networks.mspfn.weights import read_design
from derainers.trained import trained, trained_file
from derainers.training.checkpoints import save_weights
from derainers.training.networks import NETWORKS, network_of


def test_every_member_of_the_family_has_a_name():
    assert set(NETWORKS) == {*DESIGNS, "prenet", "prenet-small"}


@pytest.mark.parametrize("name", DESIGNS)
def test_a_member_starts_from_the_rainy_image(name):
    trainee = network_of(name)
    rainy = torch.rand(1, 3, 8, 12) * 2 - 1
    assert torch.equal(trainee.network(rainy), rainy)


def test_what_is_trained_by_name_runs_by_name(tmp_path, photograph):
    torch.manual_seed(4)
    trainee = network_of("mspfn-without-ffm")
    torch.nn.init.normal_(trainee.network.last.weight, std=0.4)
    save_weights(tmp_path, "mspfn-without-ffm", trainee, {})
    file = tmp_path / "mspfn-without-ffm.safetensors"
    assert read_design(file) == DESIGNS["mspfn-without-ffm"]
    expected = trained(trainee)(photograph).astype(int)
    assert np.abs(expected - photograph).max() > 10
    restored = member("mspfn-without-ffm", Options(weights_dirs=(tmp_path,)))(photograph)
    # Weights are kept in half precision; the member truncates as the official code does, the training rounds.
    assert np.abs(restored - expected).max() <= 2
    assert np.abs(trained_file(str(file), Options())(photograph) - expected).max() <= 1
