"""The mean of first and last weights, against PyTorch's own averaging."""

import copy

import pytest

pytest.importorskip("torch")

import torch

from derainers.training.start_share import mix_in


def network(seed):
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)).double()


def test_the_mean_is_that_of_pytorchs_averaged_model():
    first, last = network(1), network(2)
    averaged = torch.optim.swa_utils.AveragedModel(
        copy.deepcopy(first), avg_fn=lambda one, two, _: 0.25 * one + 0.75 * two
    )
    for model in (first, last):
        averaged.update_parameters(model)
    mix_in(last, first.state_dict(), 0.25)
    for mixed, expected in zip(last.parameters(), averaged.module.parameters(), strict=True):
        torch.testing.assert_close(mixed, expected)


def test_no_share_changes_nothing_and_counts_stay():
    last = network(2)
    last(torch.ones(1, 3, 5, 5).double())
    before = copy.deepcopy(last.state_dict())
    mix_in(last, network(1).state_dict(), 0.0)
    assert all(torch.equal(value, before[name]) for name, value in last.state_dict().items())
    mix_in(last, network(1).state_dict(), 0.5)
    assert last[1].num_batches_tracked == 1
    assert not torch.equal(last[0].weight, before["0.weight"])
