"""Every derainer with published weights against outputs of its official code, and against the contract.

Spot values are raw outputs of the official code and weights for rainy image 1 of Rain100H at pixel (10, 10), and
the mean of the whole output.
"""

import numpy as np
import pytest

from bench.checkpoints import load_state, read_checkpoint
from bench.contract import Options
from bench.errors import UserError
from bench.images import read_image
from derainers import DERAINERS
from derainers.check import check_derainer
from derainers.table import weights_table

torch = pytest.importorskip("torch")

from derainers.brn import BRN, state_from_official  # noqa: E402
from derainers.rescan import Rescan  # noqa: E402
from derainers.semi import Semi  # noqa: E402
from derainers.table import load_official  # noqa: E402
from derainers.umrl import UMRL, normalise_with_the_image, umrl  # noqa: E402

# 412,518 are in BRN's file; the two rain residuals that are never used hold 4 x 9,248 of them.
PARAMETERS = {
    "brn": (BRN, 412_518 - 4 * 9_248),
    "rescan": (Rescan, 149_823),
    "umrl": (UMRL, 984_356),
    "semi": (Semi, 57_369),
}


@pytest.fixture
def options(shared):
    return Options(weights_dirs=(shared / "models",), offline=True)


@pytest.fixture
def rainy(shared):
    return read_image(shared / "data" / "rain100h" / "rainy" / "1.png")


def tensor_of(image):
    return torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize("name", PARAMETERS)
def test_numbers_of_parameters(name):
    network, expected = PARAMETERS[name]
    assert sum(parameter.numel() for parameter in network().parameters()) == expected


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(weights_table()))
def test_it_keeps_the_contract(options, name):
    derainer = DERAINERS.load(DERAINERS.find(name))(options)
    assert [finding for finding in check_derainer(derainer) if not finding.passed] == []


@pytest.mark.shared
@pytest.mark.slow
def test_brn_gives_the_official_output(shared, rainy):
    path = shared / "models" / "brn" / "brn-rain100h.pth"
    network = BRN()
    load_state(network, state_from_official(read_checkpoint(path), str(path)), str(path))
    with torch.inference_mode():
        y = network(tensor_of(rainy))
    assert y[0, :, 10, 10].tolist() == pytest.approx([0.500564, 0.565490, 0.521525], abs=5e-6)
    assert y.mean().item() == pytest.approx(0.352054, abs=5e-6)


@pytest.mark.shared
def test_rescan_gives_the_official_output(options, rainy):
    network = Rescan()
    load_official(network, "rescan-rainheavy", options, part="net")
    with torch.inference_mode():
        y = network(tensor_of(rainy).flip(1))
    assert y[0, :, 10, 10].tolist() == pytest.approx([0.508171, 0.551033, 0.487179], abs=5e-6)
    assert y.mean().item() == pytest.approx(0.348210, abs=5e-6)


@pytest.mark.shared
def test_umrl_gives_the_official_output(options, rainy):
    network = UMRL()
    load_official(network, "umrl", options)
    normalise_with_the_image(network)
    with torch.inference_mode():
        y = network((tensor_of(rainy) - 0.5) / 0.5)
    assert y[0, :, 10, 10].tolist() == pytest.approx([-0.026054, 0.106539, 0.003288], abs=1e-5)
    expected = [-0.904659, 0.852723, -0.308049]
    assert [y.min().item(), y.max().item(), y.mean().item()] == pytest.approx(expected, abs=1e-5)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("id", "stretched", "plain"),
    [("1", 28.178, 29.381), ("2", 26.426, 26.861), ("3", 22.497, 21.905), ("4", 27.755, 26.803)],
)
def test_umrl_scores_on_rain100h_are_the_official_ones(shared, options, id, stretched, plain):
    """RGB PSNR of the official code with its contrast stretch, and with (x + 1) / 2 instead."""
    pairs = shared / "data" / "rain100h"
    clean = read_image(pairs / "clean" / f"{id}.png").astype(np.float64)
    rainy = read_image(pairs / "rainy" / f"{id}.png")
    for stretch, expected in ((True, stretched), (False, plain)):
        restored = umrl(options, stretch)(rainy)
        psnr = 10 * np.log10(255**2 / np.mean((restored - clean) ** 2))
        assert psnr == pytest.approx(expected, abs=0.005)


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize(("name", "id"), [("semi", "1"), ("derainnet", "1"), ("derainnet", "2")])
def test_tensorflow_models_give_the_official_images(shared, options, name, id):
    """Float32 sums differ in the last bits, so that few values fall on the other side of a whole number."""
    expected = read_image(shared / "reference" / f"{name}_rain100h_{id}.png").astype(int)
    restored = DERAINERS.load(DERAINERS.find(name))(options)(
        read_image(shared / "data" / "rain100h" / "rainy" / f"{id}.png")
    )
    difference = np.abs(restored.astype(int) - expected)
    assert difference.max() <= 1
    assert np.mean(difference > 0) < 0.0005


def test_a_foreign_file_is_not_taken_for_brn():
    with pytest.raises(UserError, match=r"'conv0\.weight' is no tensor of BRN"):
        state_from_official({"conv0.weight": torch.zeros(1)}, "x")
    with pytest.raises(UserError, match="lacks the gate 'conv_f' of the rain branch"):
        state_from_official({"conv_i_r.0.weight": torch.zeros(1)}, "x")
