"""Loaders give the batches of the steps in order, and one line where there is none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass

import pytest

torch = pytest.importorskip("torch")

from bench.errors import UserError  # noqa: E402
from bench.io.training.loaders import batches_ahead  # noqa: E402


@dataclass(frozen=True)
class Squares:
    """The square of a step; some steps are refused, or end their process."""

    refused: int = -1
    deadly: int = -1
    parent: int = 0

    def __call__(self, step: int, /) -> torch.Tensor:
        if step == self.refused:
            raise UserError(f"step {step}: no photograph")
        if step == self.deadly and os.getpid() != self.parent:
            os.kill(os.getpid(), signal.SIGKILL)
        return torch.tensor([step**2, os.getpid()])


@pytest.mark.parametrize("loaders", [0, 1, 3])
def test_batches_come_in_the_order_of_their_steps(loaders: int) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    with batches_ahead(Squares(), range(3, 11), loaders) as batches:
        found = torch.stack(list(batches))
    assert found[:, 0].tolist() == [step**2 for step in range(3, 11)]
    makers = set(found[:, 1].tolist())
    assert len(makers) == max(1, loaders)
    assert (os.getpid() in makers) is (loaders == 0)
    assert torch.equal(torch.get_rng_state(), before)  # a training draws from it


@pytest.mark.parametrize("loaders", [0, 2])
def test_a_refusal_comes_at_its_step_and_is_one_line(loaders: int) -> None:
    seen = []

    def take_all() -> None:
        with batches_ahead(Squares(refused=4), range(8), loaders) as batches:
            for batch in batches:
                seen.append(int(batch[0]))

    with pytest.raises(UserError, match=r"^step 4: no photograph$"):
        take_all()
    assert seen == [0, 1, 4, 9]


@pytest.mark.parametrize("loaders", [1, 3])
def test_a_lost_loader_is_one_line_with_advice_and_is_forgotten(loaders: int) -> None:
    lost = rf"--loaders {loaders}: a process that makes batches was lost .*fewer loaders"
    with (
        pytest.raises(UserError, match=lost) as caught,
        batches_ahead(Squares(deadly=2, parent=os.getpid()), range(6), loaders) as batches,
    ):
        list(batches)
    assert "\n" not in str(caught.value)
    for _ in range(3):  # PyTorch raises at the end of a child process while it counts on a loader that is lost
        subprocess.run([sys.executable, "-c", ""], check=True)


def test_nothing_to_do_starts_nothing() -> None:
    with batches_ahead(Squares(), range(4, 4), 2) as batches:
        assert list(batches) == []
