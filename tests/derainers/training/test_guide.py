"""A frozen model guides a training: the term, its weight, and the same bytes stopped or not."""

import shutil

import pytest
import torch
from pydantic import ValidationError
from torch import nn

pytest.importorskip("lightning_fabric")

from bench.errors import UserError
from bench.io.training.state import TrainingProgress
from derainers.training.checkpoints import load_progress, save_progress
from derainers.training.guide import Guide, as_rgb, excess
from derainers.training.loop import DerainerJob, TrainingMachine, train
from derainers.training.settings import DerainerSettings
from tests.stopped_training import StoppedError, stop_after


class TwoLevels(nn.Module):
    """Features that a small frozen network has at a half and a quarter of the size."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(5)
            self.fine = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.ReLU())
            self.coarse = nn.Conv2d(4, 6, 3, 2, 1)

    def forward(self, images):
        fine = self.fine(images)
        return [fine, self.coarse(fine)]


def job(settings, trainee, stream, folder, guide=None, **identity) -> DerainerJob:
    return DerainerJob(settings, trainee, stream, [], folder, {"photographs": "stripes"} | identity, guide)


def weights(trainee):
    return {name: value.clone() for name, value in trainee.network.state_dict().items()}


def equal(trainee, other):
    return all(torch.equal(value, weights(other)[name]) for name, value in weights(trainee).items())


@pytest.fixture
def crops():
    random = torch.Generator().manual_seed(2)
    return torch.rand((2, 3, 16, 16), generator=random), torch.rand((2, 3, 16, 16), generator=random)


def test_gradients_reach_the_restored_crops_and_not_the_guide(crops, new_trainee):
    restored, clean = (side.requires_grad_() for side in crops)
    guide = Guide(TwoLevels(), 0.3)
    before = {name: value.clone() for name, value in guide.features.state_dict().items()}
    guide.distance(restored, clean, new_trainee("prenet-small")).backward()
    assert restored.grad.abs().sum() > 0
    assert clean.grad is None
    assert all(parameter.grad is None for parameter in guide.features.parameters())
    assert all(torch.equal(value, before[name]) for name, value in guide.features.state_dict().items())


def test_the_distance_is_the_mean_over_levels_of_the_mean_difference(crops, new_trainee):
    guide = Guide(TwoLevels(), 0.3)
    levels = [(guide.features(crops[0])[level] - guide.features(crops[1])[level]).abs().mean() for level in (0, 1)]
    distance = guide.distance(*crops, new_trainee("prenet-small"))
    assert float(distance) == pytest.approx(float(sum(levels)) / 2)


@pytest.mark.parametrize("name", ["mspfn-light", "prenet-small"])
def test_the_guide_is_shown_rgb_from_0_to_1_whatever_the_derainer_takes(name, new_trainee):
    trainee = new_trainee(name)
    red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)
    low, high = trainee.value_range
    own = (red.flip(1) if trainee.order == "bgr" else red) * (high - low) + low
    assert torch.equal(as_rgb(own, trainee), red)


@pytest.mark.parametrize("name", ["mspfn-light", "prenet-small"])
def test_the_pixel_term_of_a_perfect_restoration_is_zero(name, crops, new_trainee):
    trainee = new_trainee(name)
    assert excess(crops[1], crops[1], trainee) == 0
    assert excess(*crops, trainee) > 0.05


def test_the_weight_makes_the_term_its_share_of_the_pixel_term():
    guide = Guide(TwoLevels(), 0.25)
    guide.weigh(0.08, 0.5)
    assert guide.weight * 0.5 == pytest.approx(0.25 * 0.08)


@pytest.mark.parametrize(("pixel", "distance"), [(0.1, 0.0), (float("nan"), 1.0), (0.1, float("nan")), (0.0, 1.0)])
def test_what_cannot_be_weighed_is_refused(pixel, distance):
    with pytest.raises(UserError, match="cannot be weighed"):
        Guide(TwoLevels(), 0.25).weigh(pixel, distance)


def test_the_first_guided_loss_holds_the_term_in_its_ratio(settings, stream, new_trainee, tmp_path):
    plain = settings.model_copy(update={"every": 1, "steps": 1, "batch": 4})
    guide, trainee = Guide(TwoLevels(), 2.0), new_trainee("mspfn-light")
    guided = train(job(plain, trainee, stream, tmp_path / "guided", guide), TrainingMachine())
    alone = train(job(plain, new_trainee("mspfn-light"), stream, tmp_path / "alone"), TrainingMachine())
    pixel, total = alone.log[0]["loss"], guided.log[0]["loss"]
    assert (total - pixel) / pixel == pytest.approx(2.0, rel=0.25)  # of one batch; the weight is of eight


def test_a_share_of_nothing_leaves_the_bytes_of_a_training_without_a_guide(settings, stream, new_trainee, tmp_path):
    alone, control = new_trainee("mspfn-light"), new_trainee("mspfn-light")
    train(job(settings, alone, stream, tmp_path / "alone"), TrainingMachine())
    train(job(settings, control, stream, tmp_path / "control", Guide(TwoLevels(), 0.0)), TrainingMachine())
    assert equal(alone, control)
    assert (tmp_path / "alone/log.csv").read_bytes() == (tmp_path / "control/log.csv").read_bytes()


def test_the_guide_comes_in_after_its_warm_up(settings, stream, new_trainee, tmp_path):
    trainees = [new_trainee("mspfn-light") for _ in range(3)]
    guides = [None, Guide(TwoLevels(), 0.5, after=4), Guide(TwoLevels(), 0.5)]
    logs = [
        train(job(settings, trainee, stream, tmp_path / str(number), guide), TrainingMachine()).log
        for number, (trainee, guide) in enumerate(zip(trainees, guides, strict=True))
    ]
    alone, late, early = ([row["loss"] for row in log] for log in logs)
    assert alone[:2] == late[:2]
    assert alone[2] < late[2]
    assert alone[0] < early[0]
    assert not equal(trainees[0], trainees[1])


@pytest.mark.parametrize(("precision", "stopped"), [("fp32", 3), ("bf16", 5)])
def test_stopped_before_or_after_the_guide_comes_in_the_weights_are_the_same(
    precision, stopped, settings, stream, new_trainee, tmp_path
):
    settings = settings.model_copy(update={"precision": precision})
    whole, guide = new_trainee("mspfn-light"), Guide(TwoLevels(), 0.5, after=3)
    train(job(settings, whole, stream, tmp_path / "whole", guide), TrainingMachine())
    parts = tmp_path / "parts"
    first = job(settings, new_trainee("mspfn-light"), stream, parts, Guide(TwoLevels(), 0.5, after=3))
    with pytest.raises(StoppedError):
        train(first, TrainingMachine(), stop_after(stopped))
    resumed, again = new_trainee("mspfn-light"), Guide(TwoLevels(), 0.5, after=3)
    train(job(settings, resumed, stream, parts, again), TrainingMachine(loaders=1))
    assert again.weight == guide.weight
    assert equal(resumed, whole)
    assert (tmp_path / "whole/log.csv").read_bytes() == (parts / "log.csv").read_bytes()


def test_another_guides_checkpoint_is_refused(settings, stream, new_trainee, tmp_path):
    short = settings.model_copy(update={"steps": 1})
    one = job(short, new_trainee("mspfn-light"), stream, tmp_path, Guide(TwoLevels(), 0.5), model="a")
    train(one, TrainingMachine())
    other = job(short, new_trainee("mspfn-light"), stream, tmp_path, Guide(TwoLevels(), 0.5), model="b")
    with pytest.raises(UserError, match="other settings or photographs"):
        train(other, TrainingMachine())


def test_a_checkpoint_with_a_weight_that_is_none_is_damaged(settings, stream, new_trainee, tmp_path):
    trainee, guide = new_trainee("mspfn-light"), Guide(TwoLevels(), 0.5)
    guide.weight = "heavy"
    adam = torch.optim.Adam(trainee.network.parameters())
    row = {"step": 1, "loss": 0.1, "rate": 0.1, "psnr": 20.0}
    save_progress(tmp_path, "one", trainee.network, adam, TrainingProgress((row,), 1.0), guide=guide)
    with pytest.raises(UserError, match=r"damaged .*weight: expected a number, got 'heavy'"):
        load_progress(tmp_path, "one", trainee.network, adam, guide=Guide(TwoLevels(), 0.5))


def test_settings_without_a_guide_are_written_as_before_there_were_guides():
    plain = DerainerSettings(network="prenet", steps=5)
    assert not {"guide", "guide_share", "guide_after"} & plain.model_dump().keys()
    guided = DerainerSettings(network="prenet", steps=5, guide="shipped:streets-unet", guide_after=2)
    assert DerainerSettings.of(guided) == guided
    assert guided.model_dump(mode="json")["guide_share"] == 0.3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"guide_share": 0.5}, "guide_share: there is no guide"),
        ({"guide": "smp:x", "guide_after": 5}, "leaves none"),
        ({"guide": "smp:x", "guide_share": -1}, "guide_share"),
    ],
)
def test_guides_that_would_do_nothing_are_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        DerainerSettings(**{"network": "prenet", "steps": 5} | changes)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_a_compiled_guided_training_follows_the_plain_one(settings, stream, new_trainee, tmp_path):
    settings = settings.model_copy(update={"precision": "bf16", "steps": 2})
    plain, faster = Guide(TwoLevels(), 0.5, after=1), Guide(TwoLevels(), 0.5, after=1)
    log = train(job(settings, new_trainee("prenet-small"), stream, tmp_path / "plain", plain), TrainingMachine()).log
    settings = settings.model_copy(update={"compile": True})
    compiled = job(settings, new_trainee("prenet-small"), stream, tmp_path / "compiled", faster)
    assert train(compiled, TrainingMachine()).log[0]["loss"] == pytest.approx(log[0]["loss"], abs=1e-2)
    assert faster.weight == pytest.approx(plain.weight, rel=0.02)
