import json
import os
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open

from bench.contract import Options
from bench.errors import UserError
from bench.io.files import sha256_of
from bench.io.training.state import TrainingProgress
from derainers.external.plugins import find_derainer
from derainers.trained import trained, trained_file
from derainers.training.checkpoints import load_progress, save_progress, save_weights

ROW = {"step": 2.0, "loss": 0.5, "rate": 1e-3, "psnr": 20.0}


class Payload:
    def __reduce__(self):
        return os.system, ("exit 3",)


def adam(trainee):
    return torch.optim.Adam(trainee.network.parameters(), lr=1e-3)


def saved(folder, trainee, **changes):
    save_progress(folder, "same", trainee.network, adam(trainee), TrainingProgress((ROW,), 1.0))
    if changes:
        path = folder / "checkpoint.pt"
        torch.save(torch.load(path, weights_only=True) | changes, path)


def test_without_a_checkpoint_nothing_is_done_yet(new_trainee, tmp_path):
    trainee = new_trainee("mspfn-light")
    assert load_progress(tmp_path, "same", trainee.network, adam(trainee)).step == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": 3}, "not a checkpoint"),
        ({"network": {}}, "lacks"),
        ({"optimizer": {}}, "damaged"),
        ({"optimizer": {"state": {}, "param_groups": []}}, "damaged"),
        ({"log": [{"step": "many"}]}, "damaged"),
        ({"log": [7]}, "damaged"),
        ({"log": [ROW | {"step": -5.0}]}, "damaged"),
        ({"log": [ROW | {"step": float("nan")}]}, "damaged"),
        ({"seconds": float("nan")}, "damaged"),
        ({"seconds": "long"}, "not a checkpoint"),
        ({"identity": None}, "other settings"),
    ],
)
def test_hostile_checkpoints_are_refused(changes, message, new_trainee, tmp_path):
    trainee = new_trainee("mspfn-light")
    saved(tmp_path, trainee, **changes)
    with pytest.raises(UserError, match=message):
        load_progress(tmp_path, "same", trainee.network, adam(trainee))


@pytest.mark.parametrize(("before", "today"), [("32-true", "fp32"), ("bf16-mixed", "bf16")])
def test_a_training_that_was_begun_when_precisions_had_other_names_goes_on(before, today, new_trainee, tmp_path):
    trainee = new_trainee("mspfn-light")
    identity = json.dumps(
        [{"network": "mspfn-light", "precision": before, "seed": 0}, {"training": {"precision": before}}]
    )
    saved(tmp_path, trainee, identity=identity)
    for word, goes_on in ((today, True), ("fp16", False)):
        wanted = identity.replace(before, word)
        if goes_on:
            assert load_progress(tmp_path, wanted, trainee.network, adam(trainee)).step == 2
        else:
            with pytest.raises(UserError, match="other settings"):
                load_progress(tmp_path, wanted, trainee.network, adam(trainee))


def test_a_pickled_program_does_not_run(new_trainee, tmp_path):
    trainee = new_trainee("mspfn-light")
    torch.save({"network": Payload()}, tmp_path / "checkpoint.pt")
    with pytest.raises(UserError, match="refused"):
        load_progress(tmp_path, "same", trainee.network, adam(trainee))


@pytest.mark.parametrize("name", ["mspfn-light", "prenet-small"])
def test_weights_are_read_back_by_what_they_say_of_themselves(name, new_trainee, tmp_path, photograph):
    trainee = new_trainee(name)
    for parameter in trainee.network.parameters():
        parameter.data = parameter.data.half().float()
    card = save_weights(tmp_path, "mine", trainee, {"steps": 7})
    path = tmp_path / "mine.safetensors"
    assert card == json.loads((tmp_path / "mine.json").read_text())
    assert (card["steps"], card["sha256"], card["bytes"]) == (7, sha256_of(path), path.stat().st_size)
    restored = trained_file(str(path), Options())(photograph)
    assert (restored == trained(trainee)(photograph)).all()
    entry = find_derainer(f"trained:{path}")
    assert entry.name == "mine"
    assert (entry.load()(Options())(photograph) == restored).all()


def test_equal_weights_make_equal_files(new_trainee, tmp_path):
    """The library of safetensors writes metadata in an order of its own, another one every time."""
    trainee = replace(new_trainee("prenet-small"), metadata={name: name for name in "dbcaegf"})
    digests = {save_weights(tmp_path / str(number), "mine", trainee, {})["sha256"] for number in range(4)}
    assert len(digests) == 1
    with safe_open(tmp_path / "0/mine.safetensors", framework="pt") as file:
        assert dict(file.metadata()) == trainee.metadata
        for name, value in trainee.network.state_dict().items():
            assert torch.equal(file.get_tensor(name), value.half())


def test_weights_that_are_no_numbers_are_not_written(new_trainee, tmp_path):
    trainee = new_trainee("prenet-small")
    trainee.network.conv[0].weight.data[0] = 1e6
    with pytest.raises(UserError, match=r"conv\.0\.weight"):
        save_weights(tmp_path, "mine", trainee, {})
    assert not list(tmp_path.iterdir())


def test_files_of_other_origin_are_refused(tmp_path):
    from safetensors.torch import save_file

    (tmp_path / "a.safetensors").write_bytes(b"no tensors")
    with pytest.raises(UserError, match=r"not a readable \.safetensors"):
        trained_file(str(tmp_path / "a.safetensors"), Options())
    save_file({"x": torch.zeros(1)}, tmp_path / "b.safetensors")
    with pytest.raises(UserError, match="which network"):
        trained_file(str(tmp_path / "b.safetensors"), Options())
    save_file({"x": torch.zeros(1)}, tmp_path / "c.safetensors", metadata={"network": "os:system"})
    with pytest.raises(UserError, match="unknown network"):
        trained_file(str(tmp_path / "c.safetensors"), Options())
    save_file({"x": torch.zeros(1)}, tmp_path / "d.safetensors", metadata={"network": "prenet-small"})
    with pytest.raises(UserError, match="lacks"):
        trained_file(str(tmp_path / "d.safetensors"), Options())
