"""Every derainer with published weights against outputs of its official code, and against the contract.

Spot values are raw outputs of the official code and weights for rainy image 1 of Rain100H at pixel (10, 10), and
the mean of the whole output.
"""

import numpy as np
import pytest

from bench.contract import Options
from bench.errors import UserError
from bench.io.checkpoints import load_state, read_checkpoint
from bench.io.images import read_image
from bench.io.weights import find_weights
from derainers import DERAINERS
from derainers.check import check_derainer
from derainers.weights import weights_of, weights_table

torch = pytest.importorskip("torch")

from derainers.networks.brn import BRN, state_from_official  # noqa: E402
from derainers.networks.ddn import DDN, ddn, read_network_mat  # noqa: E402
from derainers.networks.derainnet import DerainNet  # noqa: E402
from derainers.networks.rescan import Rescan  # noqa: E402
from derainers.networks.semi import Semi  # noqa: E402
from derainers.networks.spanet import SPANet, spanet, swept  # noqa: E402
from derainers.networks.umrl import UMRL, normalise_with_the_image, umrl  # noqa: E402
from derainers.weights import load_official  # noqa: E402

# 412,518 are in BRN's file; the two rain residuals that are never used hold 4 x 9,248 of them.
PARAMETERS = {
    "brn": (BRN, 412_518 - 4 * 9_248),
    "ddn": (DDN, 57_369),
    "derainnet": (DerainNet, 754_691),
    "rescan": (Rescan, 149_823),
    "umrl": (UMRL, 984_356),
    "semi": (Semi, 57_369),
    "spanet": (SPANet, 283_716 - 7_012),  # without the direction weights that are never applied,
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
    if any(find_weights(entry, options) is None for entry in weights_of(name)):
        pytest.skip("its weights are not in the developers' folder")
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
def test_spanet_gives_the_official_output(options, rainy):
    """The official network with its CUDA kernel's recurrence written in NumPy, on the left upper 128x96 pixels."""
    network = spanet(options).network
    with torch.inference_mode():
        y = network(tensor_of(rainy).flip(1)[:, :, :96, :128])
    assert y[0, :, 10, 10].tolist() == pytest.approx([0.513160, 0.575320, 0.506384], abs=5e-6)
    assert y.mean().item() == pytest.approx(0.377028, abs=5e-6)


def test_a_sweep_is_the_recurrence_pixel_by_pixel():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(1, 2, 3, 5)).astype(np.float32)
    step = torch.nn.Conv2d(2, 2, 1, groups=2)
    weight, bias = step.weight.detach().numpy().ravel(), step.bias.detach().numpy()
    expected = np.zeros_like(x)
    for channel in range(2):
        for row in range(3):
            before = 0.0
            for column in range(5):
                first = column == 0
                sum_ = x[0, channel, row, column] + (0 if first else before * weight[channel] + bias[channel])
                before = expected[0, channel, row, column] = max(sum_, 0)
    with torch.inference_mode():
        assert np.abs(swept(torch.from_numpy(x), 3, step).numpy() - expected).max() < 1e-6


@pytest.mark.shared
def test_ddn_takes_rain_off(shared, options, rainy):
    """On the authors' three examples it gives 30.27, 27.74 and 25.98 dB; they are not in the developers' folder."""
    clean = read_image(shared / "data" / "rain100h" / "clean" / "1.png").astype(float)
    before, after = (np.mean((image - clean) ** 2) for image in (rainy, ddn(options)(rainy)))
    assert after < before / 2.5


def test_what_is_no_matlab_file_is_refused(tmp_path):
    (tmp_path / "network.mat").write_bytes(b"<html>" * 100)
    with pytest.raises(UserError, match=r"not DDN's network\.mat"):
        read_network_mat(tmp_path / "network.mat")


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
@pytest.mark.slow
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
