"""Checkpoints of the library spandrel's networks: its own result, and refusals by name. Weights are random."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.contract import Image, Options
from bench.errors import UserError
from derainers import DERAINERS
from derainers.check import check_derainer
from derainers.external.plugins import find_derainer

torch = pytest.importorskip("torch")
spandrel = pytest.importorskip("spandrel", reason="needs pip install 'derainbench[spandrel]'")

from torch import nn  # noqa: E402


def nafnet(channels: int = 3) -> nn.Module:
    from spandrel.architectures.NAFNet import NAFNet

    torch.manual_seed(3)
    return NAFNet(img_channel=channels, width=8, middle_blk_num=1, enc_blk_nums=[1, 1], dec_blk_nums=[1, 1])


@pytest.mark.parametrize("how", ["plain", "params", "module"])
def test_a_file_gives_what_the_library_gives(how: str, tmp_path: Path, image_of: Callable[..., Image]) -> None:
    state, image = nafnet().state_dict(), image_of(21, 27)
    saved = {"plain": state, "params": {"params": state}, "module": {f"module.{k}": v for k, v in state.items()}}[how]
    torch.save(saved, tmp_path / "net.pth")
    derainer = DERAINERS.load(find_derainer(f"spandrel:{tmp_path}/net.pth"))(Options())
    found = spandrel.ModelLoader(device="cpu").load_from_state_dict(state)
    y = found(torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255)
    expected = (y[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
    assert np.abs(derainer(image).astype(int) - expected).max() <= 1  # memory of another order rounds otherwise
    assert not np.array_equal(derainer(image), image)


def test_it_keeps_the_contract(tmp_path: Path) -> None:
    torch.save(nafnet().state_dict(), tmp_path / "net.pth")
    derainer = DERAINERS.load(find_derainer(f"mine=spandrel:{tmp_path}/net.pth"))(Options())
    assert [finding for finding in check_derainer(derainer) if not finding.passed] == []


def test_what_is_no_derainer_is_refused_by_name(tmp_path: Path) -> None:
    grey = nafnet(1).state_dict()
    for content, words in (
        ({"stranger.weight": torch.zeros(2)}, "knows no network with the names in it, first 'stranger.weight'"),
        (grey, "NAFNet: has 1 channels in and 1 out"),
        ({**nafnet().state_dict(), "intro.weight": torch.zeros(9, 3, 3, 3)}, "not a whole checkpoint"),
        ({"a": print}, "refused"),
    ):
        torch.save(content, tmp_path / "net.pth")
        with pytest.raises(UserError, match=rf"net\.pth: .*{words}"):
            DERAINERS.load(find_derainer(f"spandrel:{tmp_path}/net.pth"))(Options())
