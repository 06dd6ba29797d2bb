"""A watch keeps the weights of the checkpoint that it judges best, through stops, and changes no weight."""

import copy
import math
from dataclasses import replace

import pytest
import torch

pytest.importorskip("lightning_fabric")

from bench.errors import UserError
from derainers.training.guide import Guide
from derainers.training.loop import TrainingMachine, train
from derainers.training.watch import Watch
from tests.derainers.training.test_guide import TwoLevels
from tests.derainers.training.test_loop import job, weights
from tests.stopped_training import StoppedError, stop_after

SCORES = {2: 10.0, 4: 30.0, 6: 20.0}


def rows(*scores):
    return [{"step": float(2 * place + 2), "AP": score} for place, score in enumerate(scores)]


class ScriptedScore:
    """Scores from a list, of which the first is that of a given step; keeps what was restored."""

    def __init__(self, rainy, first=2):
        self.rainy, self.step, self.seen = rainy, first, []

    def __call__(self, restore):
        self.seen.append(restore(self.rainy))
        self.step += 2
        return SCORES[self.step - 2]


def watched(settings, trainee, stream, folder, first=2, guide=None):
    watch = Watch("AP", ScriptedScore(stream(7)[0], first), copy.deepcopy(trainee.network))
    plain = job(settings, trainee, stream, folder)
    return replace(plain, guide=guide, watch=watch)


@pytest.mark.parametrize(
    ("scores", "best"),
    [((1.0,), 2), ((1.0, 3.0, 2.0), 4), ((3.0, 3.0), 2), ((math.nan, 0.0), 4), ((math.nan, math.nan), 2)],
)
def test_the_best_row_is_the_first_with_the_highest_score(scores, best):
    watch = Watch("AP", ScriptedScore(None), torch.nn.Linear(1, 1))
    assert watch.best_row(rows(*scores))["step"] == best


def test_weights_are_copied_when_the_last_row_is_the_best():
    network = torch.nn.Linear(2, 2)
    watch = Watch("AP", ScriptedScore(None), torch.nn.Linear(2, 2))
    watch.keep_best(network, rows(1.0, 3.0))
    assert torch.equal(watch.best.weight, network.weight)
    before = watch.best.weight.clone()
    torch.nn.init.zeros_(network.weight)
    watch.keep_best(network, rows(1.0, 3.0, 2.0))
    assert torch.equal(watch.best.weight, before)


def test_the_best_weights_survive_a_stop_and_the_last_ones_are_those_without_a_watch(
    settings, stream, new_trainee, tmp_path
):
    plain, at = new_trainee("mspfn-light"), {}
    train(
        job(settings, plain, stream, tmp_path / "plain"),
        TrainingMachine(),
        lambda done, _: at.update({done: weights(plain)}),
    )
    whole = watched(settings, new_trainee("mspfn-light"), stream, tmp_path / "whole")
    progress = train(whole, TrainingMachine())
    assert [row["AP"] for row in progress.log] == [10, 30, 20]
    with pytest.raises(StoppedError):
        train(
            watched(settings, new_trainee("mspfn-light"), stream, tmp_path / "parts"), TrainingMachine(), stop_after(5)
        )
    resumed = watched(settings, new_trainee("mspfn-light"), stream, tmp_path / "parts", first=6)
    assert train(resumed, TrainingMachine()).log == progress.log
    for done in (whole, resumed):
        assert all(torch.equal(value, at[6][name]) for name, value in done.trainee.network.state_dict().items())
        assert all(torch.equal(value, at[4][name]) for name, value in done.watch.best.state_dict().items())
    lines = (tmp_path / "parts/log.csv").read_text().splitlines()
    assert (lines[0], lines[2].rpartition(",")[2]) == ("step,loss,rate,psnr,AP", "30")
    first, second, _ = whole.watch.score.seen
    assert first.shape == stream(7)[0].shape
    assert (first != second).any()  # each time by the weights of the moment


def test_a_guided_training_is_watched_and_stopped_alike(settings, stream, new_trainee, tmp_path):
    def start(folder, first=2):
        guide = Guide(TwoLevels(), 0.3, 1)
        return watched(settings, new_trainee("mspfn-light"), stream, tmp_path / folder, first, guide)

    whole = start("whole")
    progress = train(whole, TrainingMachine())
    with pytest.raises(StoppedError):
        train(start("parts"), TrainingMachine(), stop_after(5))
    resumed = start("parts", first=6)
    assert train(resumed, TrainingMachine()).log == progress.log
    for one, other in ((resumed.watch.best, whole.watch.best), (resumed.trainee.network, whole.trainee.network)):
        assert all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())


@pytest.mark.parametrize("part", [None, {}, {"last.weight": torch.zeros(1)}])
def test_a_checkpoint_without_the_best_weights_is_refused(part, settings, stream, new_trainee, tmp_path):
    short = settings.model_copy(update={"steps": 2})
    train(watched(short, new_trainee("mspfn-light"), stream, tmp_path), TrainingMachine())
    path = tmp_path / "checkpoint.pt"
    torch.save(torch.load(path, weights_only=True) | {"best": part}, path)
    with pytest.raises(UserError, match=r"checkpoint\.pt"):
        train(watched(short, new_trainee("mspfn-light"), stream, tmp_path), TrainingMachine())
