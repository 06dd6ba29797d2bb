import numpy as np
import pytest

from bench.errors import UserError
from derainers.training.crops import batch_at
from derainers.training.settings import DerainerSettings


class Numbered:
    """Pairs whose pixels say which pair and where they are; the rainy image is the clean one plus 100."""

    def __init__(self, size=(40, 60)):
        self.size = size
        self.asked = []

    def __call__(self, number):
        self.asked.append(number)
        height, width = self.size
        rows, columns = np.mgrid[:height, :width]
        clean = np.stack([rows, columns, np.full_like(rows, number % 100)], axis=-1).astype(np.uint8)
        return clean + 100, clean


def settings(**changes) -> DerainerSettings:
    return DerainerSettings(**({"network": "mspfn-light", "steps": 10, "batch": 4, "crop": 16} | changes))


def test_a_step_has_its_own_pairs_and_rainy_and_clean_show_the_same_place():
    stream = Numbered()
    rainy, clean = batch_at(stream, settings(), step=3)
    assert rainy.shape == clean.shape == (4, 16, 16, 3)
    assert rainy.dtype == clean.dtype == np.uint8
    assert stream.asked == [12, 13, 14, 15]
    assert np.array_equal(rainy, clean + 100)
    assert clean[:, 0, 0, 2].tolist() == [12, 13, 14, 15]


def test_crops_are_windows_mirrored_or_not():
    seen = set()
    for step in range(20):
        _, clean = batch_at(Numbered(), settings(), step)
        for crop in clean.astype(int):
            assert (np.diff(crop[:, :, 0], axis=0) == 1).all()
            across = np.diff(crop[:, :, 1], axis=1)
            assert len(set(across.ravel())) == 1
            seen.add(int(across[0, 0]))
            assert crop[:, :, 0].max() < 40
            assert crop[:, :, 1].max() < 60
    assert seen == {1, -1}


def test_all_eight_flips_and_turns():
    seen = set()
    for step in range(40):
        _, clean = batch_at(Numbered(), settings(augment="all"), step)
        for crop in clean.astype(int):
            assert crop.shape == (16, 16, 3)
            seen.add((crop[1, 0, 0] - crop[0, 0, 0], crop[1, 0, 1] - crop[0, 0, 1], crop[0, 1, 0] - crop[0, 0, 0]))
    assert len(seen) >= 6


def test_several_crops_of_one_photograph_render_it_once():
    stream = Numbered()
    _, clean = batch_at(stream, settings(crops_per_photograph=2), step=1)
    assert stream.asked == [2, 3]
    assert clean[:, 0, 0, 2].tolist() == [2, 2, 3, 3]
    assert not np.array_equal(clean[0], clean[1])


def test_devices_share_exactly_the_batch_of_one():
    whole, _ = batch_at(Numbered(), settings(), step=5)
    parts = [batch_at(Numbered(), settings(), 5, rank, 2)[0] for rank in range(2)]
    assert np.array_equal(whole, np.concatenate(parts))


def test_steps_do_not_depend_on_what_came_before():
    stream = Numbered()
    first = batch_at(stream, settings(), step=7)[0]
    batch_at(stream, settings(), step=1)
    assert np.array_equal(first, batch_at(stream, settings(), step=7)[0])
    assert not np.array_equal(first, batch_at(stream, settings(seed=1), step=7)[0])


def test_photographs_smaller_than_a_crop_are_refused():
    with pytest.raises(UserError, match=r"16x16.*60x12.*lower crop"):
        batch_at(Numbered((12, 60)), settings(), step=0)
