"""Which features a backbone gives, and that nothing but the images receives gradients."""

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from bench.errors import UserError
from tasks.backbones.network import Backbone, Chain, last_of_each_stride
from tasks.semantic.segmenter import IMAGENET, NO_NORMALISATION


def halving(inner, outer):
    return nn.Conv2d(inner, outer, 3, 2, 1)


@pytest.fixture
def chain():
    same = nn.Conv2d(8, 8, 3, 1, 1)
    return Chain(
        [halving(3, 4), halving(4, 8), same, halving(8, 16), halving(16, 8), halving(8, 8), nn.Upsample(None, 2)]
    )


@pytest.mark.parametrize(
    ("strides", "places"),
    [
        ([1, 2, 4, 8, 16, 32], (2, 3, 4)),
        ([2, 2, 4, 4, 8, 8, 8], (3, 6)),
        ([2, 4, 8, 16, 16, 32, 16], (1, 2, 4)),  # what comes after the coarsest is no backbone
        ([1, 2], ()),
    ],
)
def test_the_last_features_of_a_quarter_an_eighth_and_a_sixteenth_are_chosen(strides, places):
    assert last_of_each_stride(strides) == places


def test_a_chain_is_cut_behind_its_last_feature(chain):
    backbone = Backbone(chain, NO_NORMALISATION, "chain")
    features = backbone(torch.zeros(2, 3, 48, 80))
    assert [tuple(feature.shape) for feature in features] == [(2, 8, 12, 20), (2, 16, 6, 10), (2, 8, 3, 5)]
    assert len(backbone.trunk.layers) == 5


def test_images_are_normalised_and_the_network_stays_frozen(chain):
    plain, normalised = Backbone(chain, NO_NORMALISATION, "chain"), Backbone(chain, IMAGENET, "chain")
    images = torch.rand(1, 3, 32, 32, requires_grad=True)
    mean, deviation = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET.mean, IMAGENET.deviation))
    for one, other in zip(normalised(images), plain((images - mean) / deviation), strict=True):
        assert torch.allclose(one, other)
    sum(feature.sum() for feature in normalised(images)).backward()
    assert images.grad.abs().sum() > 0
    assert not any(parameter.requires_grad for parameter in normalised.parameters())
    assert not normalised.train().training


def test_a_network_without_such_features_is_refused():
    with pytest.raises(UserError, match="guide flat: its backbone has no features"):
        Backbone(Chain([nn.Conv2d(3, 3, 1)]), NO_NORMALISATION, "flat")
