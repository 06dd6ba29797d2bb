"""Networks whose published files are not here: equal to the official code at seeded weights, and fit for their files.

The outputs kept were computed by the authors' code in float64, with the weights and the input of ``seeded.py`` (the
last bit of a float32 would change Histoformer's order of pixels): swz30/MPRNet at 43feb2a, swz30/Restormer at df766d5,
dronefreak/clearview at 5bc036b (both NAFNets and restormer-small), zhangyi-3/KBNet at ec33fb3,
sunshangquan/Histoformer at 1f045f0, mv-lab/InstructIR at 3c0299f, cschenxiang/NeRD-Rain at 295f4fd (its small variant),
c-yn/AdaIR at ccb8b98, UCLA-VMG/GT-RAIN at c0f8499. NeRD-Rain and AdaIR are without what their authors' code never uses.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest

from bench.contract import Options
from bench.errors import UserError
from bench.io.files import sha256_of
from derainers import DERAINERS
from derainers.check import check_derainer
from derainers.facts import facts_table
from derainers.weights import unpinned_table, weights_of, weights_table

torch = pytest.importorskip("torch")

from derainers.networks import nafnet  # noqa: E402
from derainers.networks.adair import AdaIR, split_frequencies  # noqa: E402
from derainers.networks.gt_rain import GTRain, deformed  # noqa: E402
from derainers.networks.histoformer import Histoformer, steady_mish  # noqa: E402
from derainers.networks.instructir import REMOVE_THE_RAIN, InstructionHead, InstructIR, TextEncoder  # noqa: E402
from derainers.networks.kbnet import KBNet, mixed_kernels  # noqa: E402
from derainers.networks.mprnet import MPRNet  # noqa: E402
from derainers.networks.nerd_rain import NeRDRain  # noqa: E402
from derainers.networks.restormer import Restormer  # noqa: E402
from tests.derainers.networks.seeded import PARITY, kept, seeded_input, seeded_state  # noqa: E402


@dataclass(frozen=True)
class Published:
    """A network, the key of its file under which the tensors are, and how many numbers the official one has."""

    make: Callable[[], torch.nn.Module]
    part: str
    parameters: int


NETWORKS = {
    "mprnet": Published(MPRNet, "state_dict", 3_637_249),
    "restormer": Published(Restormer, "params", 26_126_644),
    "nafnet-small": Published(partial(nafnet.NAFNet, nafnet.SMALL), "model_state_dict", 1_137_203),
    "nafnet-mid": Published(partial(nafnet.NAFNet, nafnet.MIDDLE), "model_state_dict", 14_344_483),
    "restormer-small": Published(partial(Restormer, nafnet.RESTORMER_SMALL), "model_state_dict", 2_278_027),
    "kbnet": Published(KBNet, "params", 29_568_100),
    "histoformer": Published(Histoformer, "params", 16_615_100),
    "instructir": Published(InstructIR, "", 15_843_363),
    "nerd-rain-s": Published(NeRDRain, "state_dict", 10_530_314 - 3_776),
    "adair": Published(AdaIR, "state_dict", 28_784_824 - 18_738),
    "gt-rain": Published(GTRain, "state_dict", 12_901_993),
}


def seeded_instruction():
    """(256,) float64 of length 1."""
    values = torch.from_numpy(np.random.RandomState(11).standard_normal(256))
    return values / values.norm()


@pytest.fixture
def with_a_file(tmp_path, monkeypatch):
    """``with_a_file(name)`` gives the options with which a derainer finds a file of its official layout."""

    def write(name, more=None):
        rows = weights_of(name)
        files = {rows[0].file if rows else f"{name}.pth": (NETWORKS[name].make(), more or {})}
        if name == "instructir":
            files |= {rows[1].file: (InstructionHead(), {"fc2.weight": torch.zeros(7, 256)})}
            files |= {"instructir-text.pth": (TextEncoder(), {"pooler.dense.bias": torch.zeros(384)})}
        for file, (network, further) in files.items():
            tensors = {**network.state_dict(), **seeded_state(network), **further}
            part = NETWORKS[name].part
            torch.save({part: tensors, "epoch": 3} if part else tensors, tmp_path / file)
        found = tuple(replace(row, sha256=sha256_of(tmp_path / row.file), bytes=0) for row in rows)
        if rows:
            monkeypatch.setattr("derainers.weights.weights_table", lambda: {**weights_table(), name: found})
        return Options(weights_dirs=(tmp_path,), offline=True)

    return write


@pytest.mark.parametrize("name", NETWORKS)
def test_it_has_as_many_numbers_as_the_official_network(name):
    with torch.device("meta"):
        network = NETWORKS[name].make()
    assert sum(parameter.numel() for parameter in network.parameters()) == NETWORKS[name].parameters
    assert facts_table()[name][0] == NETWORKS[name].parameters


@pytest.mark.parametrize("name", NETWORKS)
def test_output_is_that_of_the_official_code(name):
    network = NETWORKS[name].make().eval()
    network.load_state_dict({**network.state_dict(), **seeded_state(network)})
    network.double()
    if name == "instructir":
        network.instruction.copy_(seeded_instruction())
    with torch.inference_mode():
        output = network(seeded_input().double())
    with np.load(PARITY / f"{name}.npz") as file:
        expected = file["output"]
    assert np.std(kept(output) - kept(seeded_input())) > 0.01  # far from doing nothing
    assert np.abs(kept(output) - expected).max() <= 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_a_published_file_is_loaded_by_its_name_and_keeps_the_contract(name, with_a_file):
    derainer = DERAINERS.load(DERAINERS.find(name))(with_a_file(name))
    assert [finding for finding in check_derainer(derainer) if not finding.passed] == []


@pytest.mark.parametrize("name", NETWORKS)
def test_without_weights_it_says_where_they_are(name, tmp_path, monkeypatch):
    monkeypatch.setattr("bench.io.weights.cache_dir", lambda: tmp_path)
    monkeypatch.delenv("DERAINBENCH_WEIGHTS", raising=False)
    by_hand = unpinned_table().get(name)
    where = by_hand.how if by_hand else weights_of(name)[0].url
    with pytest.raises(UserError) as raised:
        DERAINERS.load(DERAINERS.find(name))(Options(offline=True))
    assert where in str(raised.value)
    assert "--weights-dir FOLDER" in str(raised.value)


@pytest.mark.parametrize("name", NETWORKS)
def test_its_row_says_who_made_it_and_what_it_was_trained_on(name):
    row = next(iter(weights_of(name)), unpinned_table().get(name))
    assert row.paper
    assert row.licence
    assert row.trained_on


class Payload:
    """Runs a command when it is unpickled."""

    def __reduce__(self):
        import os

        return os.system, ("echo payload ran > payload-ran",)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"more": Payload()}, "refused"),
        ({"tail.weight": torch.zeros(3, 56, 1, 1)}, r"'tail\.weight' has shape"),
        ({"tail.weight": torch.full((3, 56, 3, 3), torch.nan)}, "NaN"),
        ({"stranger": torch.zeros(1)}, "first 'stranger'"),
        ({"tail.weight": 3}, r"'tail\.weight' is a int, expected a tensor"),
    ],
)
def test_hostile_and_damaged_files_are_refused_by_name(with_a_file, tmp_path, monkeypatch, more, reason):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=reason):
        DERAINERS.load(DERAINERS.find("mprnet"))(with_a_file("mprnet", more))
    assert not (tmp_path / "payload-ran").exists()


def test_a_file_without_one_tensor_is_refused(with_a_file, tmp_path, monkeypatch):
    options = with_a_file("mprnet")
    state = torch.load(tmp_path / "mprnet.pth", weights_only=True)
    del state["state_dict"]["tail.weight"]
    torch.save(state, tmp_path / "mprnet.pth")
    entry = replace(weights_of("mprnet")[0], sha256=sha256_of(tmp_path / "mprnet.pth"), bytes=0)
    monkeypatch.setattr("derainers.weights.weights_table", lambda: {"mprnet": (entry,)})
    with pytest.raises(UserError, match=r"lacks 1 of the 316 tensors of MPRNet, first 'tail\.weight'"):
        DERAINERS.load(DERAINERS.find("mprnet"))(options)


def test_a_pinned_name_takes_no_other_file_than_the_one_with_its_digest(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.io.weights.cache_dir", lambda: tmp_path / "cache")
    torch.save({"params": {}}, tmp_path / "restormer.pth")
    reason = r"--offline is set\. Found instead: .*restormer\.pth has another digest"
    with pytest.raises(UserError, match=reason):
        DERAINERS.load(DERAINERS.find("restormer"))(Options(weights_dirs=(tmp_path,), offline=True))


def test_steady_mish_is_mish():
    x = torch.linspace(-100, 100, 20_001)
    assert torch.allclose(steady_mish(x), torch.nn.functional.mish(x.double()).float(), rtol=1e-5, atol=1e-7)


def test_histoformer_sorts_sizes_that_its_heads_do_not_divide():
    """Golden: the official code. Pixels of a bin are padded with zeros: 5 x 7 at the coarsest level in 8 bins."""
    network = Histoformer().eval()
    network.load_state_dict(seeded_state(network))
    x = torch.from_numpy(np.random.RandomState(3).uniform(0, 1, (1, 3, 40, 56)).astype(np.float32))
    with torch.inference_mode():
        output = network.double()(x.double())
    assert [output.mean().item(), output.std().item()] == pytest.approx([0.5055906742, 0.2867606741], abs=1e-7)


@pytest.mark.parametrize(("height", "width"), [(3, 5), (4, 4)])
def test_kernels_mixed_at_every_pixel_are_those_of_plain_loops(height, width):
    rng = np.random.default_rng(5)
    channels, bases = 4, 3
    x, shares = rng.normal(size=(channels, height, width)), rng.normal(size=(bases, height, width))
    basis, biases = rng.normal(size=(bases, channels * 2 * 9)), rng.normal(size=(bases, channels))
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    expected = np.empty_like(x)
    for channel in range(channels):
        first = channel // 2 * 2
        for row in range(height):
            for column in range(width):
                kernel = (shares[:, row, column] @ basis).reshape(channels, 2, 3, 3)[channel]
                seen = padded[first : first + 2, row : row + 3, column : column + 3]
                expected[channel, row, column] = (kernel * seen).sum() + shares[:, row, column] @ biases[:, channel]
    mixed = mixed_kernels(*(torch.from_numpy(part)[None] for part in (x, shares, basis, biases)))
    assert np.abs(mixed[0].numpy() - expected).max() < 1e-12


def test_a_sentence_is_read_as_by_the_reference():
    """Golden: BertModel of transformers 5.24 with the seeded weights in float64, mean over the words, length 1."""
    encoder = TextEncoder()
    encoder.load_state_dict(seeded_state(encoder))
    with torch.inference_mode():
        sentence = encoder.double()(torch.tensor(REMOVE_THE_RAIN))
    expected = [-0.03855001836785834, 0.06935423098656913, 0.04263893186721276, 0.009995202676139502]
    assert sentence[:4].tolist() == pytest.approx(expected, abs=1e-9)
    assert sentence[-2:].tolist() == pytest.approx([0.054795424297718824, -0.0016532807115976944], abs=1e-9)


@pytest.mark.parametrize(("height", "width"), [(512, 384), (391, 517)])
def test_frequencies_are_split_as_by_a_mask_in_the_middle(height, width):
    """The paper's wording: shift frequency 0 to the middle, cut out a rectangle, shift back."""
    x = np.random.default_rng(1).normal(size=(2, 3, height, width))
    shares = np.array([[0.9, 0.5], [0.3, 1.0]])
    expected_low, expected_high = np.empty_like(x), np.empty_like(x)
    for image in range(2):
        rows, columns = (int(size // 128 * share) for size, share in zip((height, width), shares[image], strict=True))
        mask = np.zeros((height, width))
        mask[height // 2 - rows : height // 2 + rows, width // 2 - columns : width // 2 + columns] = 1
        middle = np.fft.fftshift(np.fft.fft2(x[image]), axes=(1, 2))
        expected_low[image] = np.abs(np.fft.ifft2(np.fft.ifftshift(middle * mask, axes=(1, 2))))
        expected_high[image] = np.abs(np.fft.ifft2(np.fft.ifftshift(middle * (1 - mask), axes=(1, 2))))
    high, low = split_frequencies(torch.from_numpy(x), torch.from_numpy(shares))
    assert expected_low[0].max() > 0
    assert np.abs(low.numpy() - expected_low).max() < 1e-9
    assert np.abs(high.numpy() - expected_high).max() < 1e-9


@pytest.mark.parametrize(("height", "width"), [(4, 6), (5, 3)])
def test_a_deformable_convolution_is_torchvision_s(height, width):
    ops = pytest.importorskip("torchvision.ops")
    rng = np.random.default_rng(2)
    x, kernel = rng.normal(size=(2, 3, height + 2, width + 2)), rng.normal(size=(4, 3, 3, 3))
    offsets, shares = rng.normal(size=(2, 18, height, width)) * 3, rng.uniform(size=(2, 9, height, width))
    x, kernel, offsets, shares = (torch.from_numpy(part) for part in (x, kernel, offsets, shares))
    expected = ops.deform_conv2d(x, offsets, kernel, mask=shares)
    assert torch.allclose(deformed(x, offsets, shares, kernel), expected, atol=1e-12)


def test_a_large_image_is_restored_in_the_authors_windows(monkeypatch):
    """Windows of 256 from the left upper corner; the last of a row or column is shifted in and gives only its end."""
    network = NeRDRain()
    seen = []

    def restore(self, window):
        seen.append(tuple(window.shape[2:]))
        return window + len(seen)

    monkeypatch.setattr(NeRDRain, "restore_window", restore)
    restored = network(torch.zeros(1, 3, 300, 530))[0, 0]
    assert seen == [(256, 256)] * 6
    expected = [[1, 2, 3], [4, 5, 6]]
    for row, (top, bottom) in enumerate([(0, 256), (256, 300)]):
        for column, (left, right) in enumerate([(0, 256), (256, 512), (512, 530)]):
            assert (restored[top:bottom, left:right] == expected[row][column]).all()
    seen.clear()
    network(torch.zeros(1, 3, 100, 300))
    assert seen == [(100, 256)] * 2
