"""TensorFlow checkpoints are read without TensorFlow, and damaged ones refused."""

import contextlib

import numpy as np
import pytest

from bench.errors import UserError
from derainers.tensorflow_checkpoint import read_tensorbundle


@pytest.fixture
def bundle(tmp_path, write_tensorbundle):
    rng = np.random.default_rng(1)
    arrays = {f"scope/layer_{n}/weight": rng.normal(size=(3, 3, n + 1, 2)).astype(np.float32) for n in range(9)}
    arrays["step"] = np.array(300, dtype=np.int64)
    write_tensorbundle(tmp_path / "model", arrays, per_block=4)
    return tmp_path, arrays


def files(folder):
    return folder / "model.index", folder / "model.data-00000-of-00001"


def test_what_was_written_is_read_exactly(bundle):
    folder, arrays = bundle
    found = read_tensorbundle(*files(folder))
    assert found.keys() == arrays.keys()
    assert all(
        np.array_equal(found[name], array) and found[name].dtype == array.dtype for name, array in arrays.items()
    )


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda index, data: index.write_bytes(b"<html>not found</html>"), "last eight bytes"),
        (lambda index, data: index.write_bytes(index.read_bytes()[100:]), "damaged"),
        (lambda index, data: data.write_bytes(data.read_bytes()[:-9]), "ends too early"),
        (lambda index, data: data.unlink(), "cannot read"),
        (lambda index, data: index.unlink(), "cannot read"),
    ],
)
def test_damage_is_named(bundle, damage, reason):
    index, data = files(bundle[0])
    damage(index, data)
    with pytest.raises(UserError, match=reason):
        read_tensorbundle(index, data)


def test_no_damage_of_one_byte_ends_in_anything_but_a_user_error(bundle):
    index, data = files(bundle[0])
    whole = index.read_bytes()
    rng = np.random.default_rng(2)
    for place in rng.integers(0, len(whole), 150):
        spoilt = bytearray(whole)
        spoilt[place] ^= int(rng.integers(1, 256))
        index.write_bytes(bytes(spoilt))
        with contextlib.suppress(UserError):
            read_tensorbundle(index, data)


@pytest.mark.shared
@pytest.mark.parametrize(("model", "variables"), [("semi", 548), ("derainnet", 6)])
def test_official_checkpoints_are_read_whole(shared, model, variables):
    assert len(read_tensorbundle(*files(shared / "models" / model))) == variables
