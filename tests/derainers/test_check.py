"""The contract test finds what it is meant to find."""

import socket

import numpy as np
import pytest

from bench.contract import Options, Traits
from derainers.check import check_derainer
from derainers.classical import classical
from derainers.controls import rain


class Batched:
    """Adds the batch's mean: the result depends on the neighbours."""

    traits = Traits()

    def __call__(self, rainy):
        return self.restore_batch([rainy])[0]

    def restore_batch(self, rainy):
        return [np.clip(image + np.mean(rainy) / 10, 0, 255).astype(np.uint8) for image in rainy]


def in_place(rainy):
    rainy //= 2
    return rainy


def calls_home(rainy):
    with socket.socket() as line:
        line.connect(("192.0.2.1", 80))
    return rainy.copy()


def even_only(rainy):
    if rainy.shape[0] % 2:
        raise ValueError("odd height")
    return rainy.copy()


def random(rainy):
    return rainy ^ np.random.default_rng().integers(0, 2, rainy.shape, dtype=np.uint8)


class Reuses:
    def __init__(self):
        self.memory = {}

    def __call__(self, rainy):
        memory = self.memory.setdefault(rainy.shape, np.empty_like(rainy))
        memory[:] = rainy
        return memory


@pytest.mark.parametrize("build", [rain, classical])
def test_sound_derainers_pass(build):
    assert all(finding.passed for finding in check_derainer(build(Options())))


@pytest.mark.parametrize(
    ("derainer", "rule", "detail"),
    [
        (lambda rainy: rainy[:-1], "same shape, uint8", "(64, 96, 3) uint8 became (63, 96, 3)"),
        (lambda rainy: rainy / 255, "same shape, uint8", "float64"),
        (lambda rainy: None, "same shape, uint8", "got NoneType"),
        (even_only, "any size, odd ones too", "97x63: ValueError: odd height"),
        (in_place, "leaves its input alone", "overwritten"),
        (random, "same input, same bytes", "differ the second time"),
        (Reuses(), "result is its own memory", "overwrote"),
        (Batched(), "a batch gives the bytes of single images", "values differ"),
        (calls_home, "no network while restoring", "192.0.2.1"),
    ],
)
def test_each_fault_is_found_and_named(derainer, rule, detail):
    finding = next(finding for finding in check_derainer(derainer) if finding.rule == rule)
    assert not finding.passed
    assert detail in finding.detail
