import json
import shutil
from dataclasses import replace

import pytest
import torch

pytest.importorskip("lightning_fabric")

from bench.errors import MissingExtraError, UserError
from derainers.training.loop import DerainerJob, TrainingMachine, train
from derainers.training.settings import DerainerSettings
from derainers.training.validation import psnr_of
from tests.stopped_training import StoppedError, stop_after


def job(settings, trainee, stream, folder, **changes) -> DerainerJob:
    return DerainerJob(settings, trainee, stream, [stream(1000)], folder, {"photographs": "stripes"} | changes)


def weights(trainee):
    return {name: value.clone() for name, value in trainee.network.state_dict().items()}


@pytest.mark.parametrize("name", ["mspfn-light", "prenet-small"])
def test_loss_falls_and_held_out_images_get_better(name, settings, stream, new_trainee, tmp_path):
    longer = settings.model_copy(update={"network": name, "steps": 40, "every": 10, "learning_rate": 2e-3})
    progress = train(job(longer, new_trainee(name), stream, tmp_path), TrainingMachine())
    losses = [row["loss"] for row in progress.log]
    assert [row["step"] for row in progress.log] == [10, 20, 30, 40]
    assert losses[-1] < losses[0] - 0.05
    assert progress.log[-1]["psnr"] > psnr_of(*stream(1000)) + 1
    assert progress.seconds > 0


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(precision, settings, stream, new_trainee, tmp_path):
    settings = settings.model_copy(update={"precision": precision})
    whole = new_trainee("mspfn-light")
    uninterrupted = train(job(settings, whole, stream, tmp_path / "whole"), TrainingMachine())
    with pytest.raises(StoppedError):  # in step 5: step 4 has its checkpoint, step 5 is lost and done again
        train(job(settings, new_trainee("mspfn-light"), stream, tmp_path / "parts"), TrainingMachine(), stop_after(5))
    resumed = replace(new_trainee("mspfn-light"))
    torch.nn.init.ones_(resumed.network.last.weight)  # whatever the network starts with, the checkpoint counts
    steps = []
    progress = train(
        job(settings, resumed, stream, tmp_path / "parts"), TrainingMachine(), lambda done, _: steps.append(done)
    )
    assert steps == [5, 6]
    assert progress.log == uninterrupted.log
    expected = weights(whole)
    assert all(torch.equal(value, expected[name]) for name, value in weights(resumed).items())
    assert (tmp_path / "whole/log.csv").read_bytes() == (tmp_path / "parts/log.csv").read_bytes()


def test_loaders_change_no_weight_stopped_or_not(settings, stream, new_trainee, tmp_path):
    expected = new_trainee("mspfn-light")
    train(job(settings, expected, stream, tmp_path / "none"), TrainingMachine())
    with pytest.raises(StoppedError):
        train(
            job(settings, new_trainee("mspfn-light"), stream, tmp_path / "1"), TrainingMachine(loaders=1), stop_after(3)
        )
    for loaders, folder in ((3, "3"), (1, "1")):
        trainee = new_trainee("mspfn-light")
        train(job(settings, trainee, stream, tmp_path / folder), TrainingMachine(loaders=loaders))
        assert all(torch.equal(value, weights(expected)[name]) for name, value in weights(trainee).items())
        assert (tmp_path / folder / "log.csv").read_bytes() == (tmp_path / "none/log.csv").read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_a_compiled_training_follows_the_plain_one(settings, stream, new_trainee, tmp_path):
    plain = train(job(settings, new_trainee("prenet-small"), stream, tmp_path / "plain"), TrainingMachine())
    faster = settings.model_copy(update={"compile": True})
    trainee = new_trainee("prenet-small")
    compiled = train(job(faster, trainee, stream, tmp_path / "compiled"), TrainingMachine())
    for row, expected in zip(compiled.log, plain.log, strict=True):
        assert row == pytest.approx(expected, abs=1e-3)
    assert set(weights(trainee)) == set(weights(new_trainee("prenet-small")))  # no names of the compiler's


def test_a_finished_training_is_not_done_again(settings, stream, new_trainee, tmp_path):
    first = new_trainee("mspfn-light")
    train(job(settings, first, stream, tmp_path), TrainingMachine())
    again = new_trainee("mspfn-light")

    def no_more(number):
        raise AssertionError("nothing is left to train on")

    train(DerainerJob(settings, again, no_more, [], tmp_path, {"photographs": "stripes"}), TrainingMachine())
    assert all(torch.equal(value, weights(first)[name]) for name, value in weights(again).items())


def test_another_trainings_folder_is_refused(settings, stream, new_trainee, tmp_path):
    short = settings.model_copy(update={"steps": 2})
    train(job(short, new_trainee("mspfn-light"), stream, tmp_path), TrainingMachine())
    with pytest.raises(UserError, match="other settings or photographs"):
        train(job(settings, new_trainee("mspfn-light"), stream, tmp_path), TrainingMachine())
    with pytest.raises(UserError, match="other settings or photographs"):
        train(job(short, new_trainee("mspfn-light"), stream, tmp_path, photographs="others"), TrainingMachine())


def test_a_diverging_training_stops_and_keeps_the_last_good_checkpoint(settings, stream, new_trainee, tmp_path):
    wild = settings.model_copy(update={"clip": 0.0, "learning_rate": 1.0, "steps": 60, "warm_up": 0})
    trainee = new_trainee("mspfn-light")

    def loss(restored, clean):
        return (restored - clean).exp().exp().mean()

    with pytest.raises(UserError, match=r"the loss is .*lower learning_rate"):
        train(job(wild, replace(trainee, loss=loss), stream, tmp_path), TrainingMachine())


def test_a_batch_that_devices_cannot_share_is_refused(settings, stream, new_trainee, tmp_path):
    with pytest.raises(UserError, match="3 devices"):
        train(job(settings, new_trainee("mspfn-light"), stream, tmp_path), TrainingMachine(devices=3))


def test_tensorboard_is_written_or_asked_for(settings, stream, new_trainee, tmp_path):
    trainee = job(settings, new_trainee("mspfn-light"), stream, tmp_path)
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        with pytest.raises(MissingExtraError, match="TensorBoard"):
            train(trainee, TrainingMachine(tensorboard=True))
    else:
        train(trainee, TrainingMachine(tensorboard=True))
        assert list(tmp_path.rglob("events.out.tfevents*"))


def test_the_log_is_a_table(settings, stream, new_trainee, tmp_path):
    train(job(settings, new_trainee("mspfn-light"), stream, tmp_path), TrainingMachine())
    lines = (tmp_path / "log.csv").read_text().splitlines()
    assert lines[0] == "step,loss,rate,psnr"
    assert [line.split(",")[0] for line in lines[1:]] == ["2", "4", "6"]


def test_settings_survive_json():
    made = DerainerSettings(network="prenet", steps=5)
    assert DerainerSettings.model_validate(json.loads(made.model_dump_json())) == made


def test_a_gpu_that_is_named_is_the_one_that_trains() -> None:
    assert TrainingMachine("cuda:1").fabric_devices() == ("cuda", [1])
    assert TrainingMachine("cuda", 2).fabric_devices() == ("cuda", 2)
    assert TrainingMachine().fabric_devices() == ("cpu", 1)
    with pytest.raises(UserError, match="cuda:1 is one device, not 2; say cuda for 2"):
        TrainingMachine("cuda:1", 2).fabric_devices()
