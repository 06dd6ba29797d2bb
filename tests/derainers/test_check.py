"""The contract test finds what it is meant to find."""

import socket
import sys

import numpy as np
import pytest

from bench.contract import Options, Traits
from bench.io.isolation import GuestRoom
from bench.runner.guests import GuestDerainer
from derainers.check import BatchTrial, check_derainer, trial_image
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
        (
            lambda rainy: rainy[:-1],
            "same shape, uint8",
            "expected (64, 96, 3) uint8, got (63, 96, 3) uint8. Crop padding",
        ),
        (lambda rainy: rainy / 255, "same shape, uint8", "float64"),
        (lambda rainy: None, "same shape, uint8", "got None;"),
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


def leave(rainy):
    sys.exit(0)


def test_what_ends_the_program_is_named_by_a_plug_in_s_room():
    finding = check_derainer(GuestDerainer(leave, GuestRoom()))[0]
    assert (finding.passed, finding.detail) == (False, "SystemExit: 0")


def nearly(rainy):
    return np.clip(rainy * 0.93 + 2, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        (lambda x: x[..., ::-1].copy(), "BGR"),
        (lambda x: (x / 255).astype(np.uint8), "0..1 in place of 0..255"),
        (lambda x: (np.clip(x * 255.0, 0, 1) * 255).astype(np.uint8), "given 0..255 in place of 0..1"),
        (lambda x: (np.clip(x / 127.5 - 1, 0, 1) * 255).astype(np.uint8), "-1..1 taken for 0..1"),
        (lambda x: ((x / 255 + 1) * 127.5).astype(np.uint8), "0..1 taken for -1..1"),
        (lambda x: 255 - x, "negative"),
        (lambda x: x.copy(), ""),
        (lambda x: np.clip(x * 1.2, 0, 255).astype(np.uint8), ""),
        (lambda x: np.full_like(x, 127), ""),
        (lambda x: np.random.default_rng(1).integers(0, 256, x.shape).astype(np.uint8), ""),
    ],
)
def test_a_wrong_convention_is_a_doubt_and_no_fault(mistake, words):
    finding = check_derainer(lambda rainy: mistake(nearly(rainy)))[-1]
    assert finding.rule == "result resembles its input"
    assert finding.passed
    assert words in finding.detail
    assert bool(finding.detail) is bool(words)


def test_trial_images_have_channels_of_their_own():
    image = trial_image(64, 96).astype(float)
    assert np.abs(image[..., 0] - image[..., 2]).mean() > 30


class OneLevelOff:
    """Gives one pixel of every image of a batch another level, as a GPU's kernels may, always the same."""

    traits = Traits()

    def __init__(self, levels=1):
        self.levels = levels

    def __call__(self, rainy):
        return self.restore_batch([rainy])[0]

    def restore_batch(self, rainy):
        restored = [image // 2 for image in rainy]
        for image in restored:
            image[0, 0] += self.levels * (len(rainy) > 1)
        return restored


RUNS = (BatchTrial((48, 64), 4), BatchTrial((30, 50), 2))


def found(derainer, batches):
    return {finding.rule: finding for finding in check_derainer(derainer, batches)}


def test_a_batch_that_rounds_otherwise_is_a_doubt_where_runs_keep_to_their_batches():
    assert not found(OneLevelOff(), ())["a batch gives the bytes of single images"].passed
    findings = found(OneLevelOff(), RUNS)
    assert "a batch gives the bytes of single images" not in findings
    assert all(finding.passed for finding in findings.values())
    assert findings["in a batch neighbours change nothing"].detail == ""
    detail = findings["a batch resembles single images"].detail
    assert detail.startswith("4 at 64x48: up to 1 levels in 0.033 % of values; 2 at 50x30: up to 1 levels")
    assert detail.endswith("runs keep to these batches")


def test_more_than_rounding_in_a_batch_is_a_fault_and_so_are_neighbours():
    assert "up to 3 levels" in (fault := found(OneLevelOff(3), RUNS)["a batch resembles single images"]).detail
    assert not fault.passed
    fault = found(Batched(), RUNS)["in a batch neighbours change nothing"]
    assert not fault.passed
    assert fault.detail.startswith("batches of 4 at 64x48: ")


def test_batches_are_not_tried_of_what_takes_one_image_at_a_time():
    assert all(finding.passed for finding in check_derainer(rain(Options()), RUNS))
