"""Derainers whose weights a person has to fetch: equal to the official code under seeded weights."""

import json
import zlib
from dataclasses import asdict

import numpy as np
import pytest

from bench.contract import Options
from bench.errors import UserError
from derainers import DERAINERS

torch = pytest.importorskip("torch")

from derainers.check import check_derainer, trial_image  # noqa: E402
from derainers.networks.dense_blocks import normalise_with_the_image  # noqa: E402
from derainers.networks.didmdn.didmdn import DIDMDN  # noqa: E402
from derainers.networks.didmdn.networks import DensityAwareDerain, RainDensity, RainResidual  # noqa: E402
from derainers.networks.mprnet import MPRNet  # noqa: E402
from derainers.networks.restormer import Restormer  # noqa: E402
from derainers.weights import has_weights, require_weights, unpinned_table, weights_key, weights_page_only  # noqa: E402

NETWORKS = {"mprnet": (MPRNet, "state_dict"), "restormer": (Restormer, "params")}


def seeded_state(network):
    """Weights as a function of their official names, with which the golden values were computed."""
    state = {}
    for name, tensor in network.state_dict().items():
        if not tensor.is_floating_point() or "running" in name:
            continue
        rng = np.random.RandomState(zlib.crc32(name.encode()) & 0xFFFFFFFF)
        if tensor.ndim <= 1 or name.endswith("temperature"):
            value = 1 + 0.1 * rng.standard_normal(tensor.shape)
        else:
            value = 0.5 * rng.standard_normal(tensor.shape) / np.sqrt(np.prod(tensor.shape[1:]))
        state[name] = torch.from_numpy(value.astype(np.float32))
    shared_slope = state.get("shallow_feat1.1.body.1.weight")
    return {name: shared_slope if value.numel() == 1 and value.ndim == 1 and shared_slope is not None else value
            for name, value in state.items()}  # fmt: skip


@pytest.mark.parametrize(("name", "expected"), [("mprnet", 3_637_249), ("restormer", 26_126_644)])
def test_numbers_of_parameters(name, expected):
    with torch.device("meta"):
        network = NETWORKS[name][0]()
    assert sum(parameter.numel() for parameter in network.parameters()) == expected


@pytest.mark.parametrize(
    ("name", "pixel", "mean", "deviation"),
    [
        ("mprnet", [0.507484, 0.123687, 0.531254], 0.504053, 0.300889),
        ("restormer", [0.328124, 0.264598, 0.540186], 0.464116, 0.293998),
    ],
)
def test_output_is_that_of_the_official_code(name, pixel, mean, deviation):
    """Golden: the official network (MPRNet at 43feb2a, Restormer at df766d5) with the weights of ``seeded_state``."""
    network = NETWORKS[name][0]().eval()
    network.load_state_dict(seeded_state(network))
    x = torch.from_numpy(np.random.RandomState(7).uniform(0, 1, (1, 3, 48, 64)).astype(np.float32))
    with torch.inference_mode():
        y = network(x)
    assert y[0, :, 10, 10].tolist() == pytest.approx(pixel, abs=1e-5)
    assert [y.mean().item(), y.std().item()] == pytest.approx([mean, deviation], abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_a_published_file_is_loaded_by_its_name_and_keeps_the_contract(tmp_path, name):
    network, part = NETWORKS[name]
    torch.save({part: network().state_dict(), "epoch": 3}, tmp_path / f"{name}.pth")
    derainer = DERAINERS.load(DERAINERS.find(name))(Options(weights_dirs=(tmp_path,), offline=True))
    assert [finding for finding in check_derainer(derainer) if not finding.passed] == []


@pytest.mark.parametrize("name", NETWORKS)
def test_without_weights_it_says_where_they_are(tmp_path, name, monkeypatch):
    monkeypatch.setattr("bench.io.weights.cache_dir", lambda: tmp_path)
    with pytest.raises(UserError, match=f"save them as {name}.pth"):
        DERAINERS.load(DERAINERS.find(name))(Options(offline=True))


def test_a_derainer_without_weights_runs_only_where_random_ones_are_allowed(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.io.weights.cache_dir", lambda: tmp_path)
    monkeypatch.delenv("DERAINBENCH_WEIGHTS", raising=False)
    build = DERAINERS.load(DERAINERS.find("mspfn-m6n3"))
    with pytest.raises(UserError, match=r"nobody publishes weights of mspfn-m6n3.*--allow-random-weights"):
        build(Options(offline=True))
    options = Options(offline=True, allow_random_weights=True)
    image = trial_image(20, 24)
    first, second = build(options)(image), build(options)(image)
    assert np.array_equal(first, second)
    assert not np.array_equal(first, image)
    require_weights("mspfn-m6n3", options)
    assert not has_weights("mspfn-m6n3", options)
    for name in unpinned_table():
        if weights_page_only(name):
            with pytest.raises(UserError, match=name):
                require_weights(name, Options(offline=True))


def test_saved_weights_of_a_design_are_found_by_its_name(tmp_path):
    from safetensors.torch import save_file

    from derainers.networks.mspfn.designs import DESIGNS
    from derainers.networks.mspfn.single_scale import member_of

    options = Options(weights_dirs=(tmp_path,), offline=True)
    before = weights_key("mspfn-single-scale", options)
    save_file(member_of(DESIGNS["mspfn-single-scale"]).state_dict(), tmp_path / "mspfn-single-scale.safetensors")
    assert weights_key("mspfn-single-scale", options) != before
    assert has_weights("mspfn-single-scale", options)
    image = trial_image(20, 24)
    assert DERAINERS.load(DERAINERS.find("mspfn-single-scale"))(options)(image).shape == image.shape
    card = {"design": json.dumps(asdict(DESIGNS["mspfn-m6n3"]))}
    save_file(member_of(DESIGNS["mspfn-m6n3"]).state_dict(), tmp_path / "mspfn-m8n5.safetensors", metadata=card)
    with pytest.raises(UserError, match="another design than mspfn-m8n5"):
        DERAINERS.load(DERAINERS.find("mspfn-m8n5"))(options)
    torch.save(member_of(DESIGNS["mspfn-without-ffm"]).state_dict(), tmp_path / "mspfn-without-ffm.pth")
    assert DERAINERS.load(DERAINERS.find("mspfn-without-ffm"))(options)(image).shape == image.shape


def uniform(seed, shape):
    return torch.from_numpy(np.random.RandomState(seed).uniform(-1, 1, shape).astype(np.float32))


@pytest.mark.parametrize(
    ("network", "arguments", "pixel", "mean", "deviation"),
    [
        (RainResidual, (), [0.951251, 0.242718, 0.433735], 0.662098, 0.226558),
        (DensityAwareDerain, (3,), [0.686812, 0.816420, 0.895862], 0.744530, 0.128656),
    ],
)
def test_didmdn_gives_the_output_of_the_official_code(network, arguments, pixel, mean, deviation):
    """Golden: the official networks (DID-MDN at 44bb9e8, made to run on a CPU) in training mode, weights seeded."""
    network = normalise_with_the_image(network())
    network.load_state_dict(seeded_state(network))
    with torch.inference_mode():
        y = network.eval()(uniform(7, (1, 3, 64, 96)), *arguments)
    assert y[0, :, 10, 10].tolist() == pytest.approx(pixel, abs=2e-5)
    assert [y.mean().item(), y.std().item()] == pytest.approx([mean, deviation], abs=1e-5)


@pytest.mark.slow
def test_didmdn_classifies_as_the_official_code():
    network = normalise_with_the_image(RainDensity())
    network.load_state_dict(seeded_state(network))
    with torch.inference_mode():
        scores = network.eval()(uniform(8, (1, 3, 512, 512)))
    assert scores[0].tolist() == pytest.approx([1.305500, 0.833839, 0.001420, 0.952337], abs=2e-5)


@pytest.mark.slow
def test_didmdn_is_built_of_three_files(tmp_path):
    """The official files hold tensors that are never used."""
    network = DIDMDN()
    for part in ("residual", "density", "derain"):
        state = {f"module.{key}": value for key, value in getattr(network, part).state_dict().items()}
        torch.save(state | {"module.never_used": torch.zeros(3)}, tmp_path / f"didmdn-{part}.pth")
    options = Options(weights_dirs=(tmp_path,), offline=True)
    assert has_weights("didmdn", options)
    assert len(weights_key("didmdn", options)) > 3 * 64
    image = trial_image(50, 75)
    derainer = DERAINERS.load(DERAINERS.find("didmdn"))(options)
    assert derainer(image).shape == image.shape
    with torch.inference_mode():
        assert 1 <= derainer.network.network.density_of(uniform(1, (1, 3, 64, 64))) <= 4


class Payload:
    """Runs a command when it is unpickled."""

    def __reduce__(self):
        import os

        return os.system, ("echo payload ran > payload-ran",)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda state: {"state_dict": state, "more": Payload()}, "refused"),
        (lambda state: {"state_dict": dict(list(state.items())[1:])}, "lacks 1 of the 316 tensors of MPRNet"),
        (lambda state: {"state_dict": state | {"tail.weight": torch.zeros(3, 56, 1, 1)}}, r"'tail\.weight' has shape"),
        (lambda state: {"state_dict": state | {"tail.weight": torch.full((3, 56, 3, 3), torch.nan)}}, "NaN"),
        (lambda state: {"state_dict": state | {"stranger": torch.zeros(1)}}, "first 'stranger'"),
    ],
)
def test_hostile_and_damaged_checkpoints_are_refused_by_name(tmp_path, monkeypatch, spoil, reason):
    monkeypatch.chdir(tmp_path)
    torch.save(spoil(MPRNet().state_dict()), tmp_path / "mprnet.pth")
    with pytest.raises(UserError, match=reason):
        DERAINERS.load(DERAINERS.find("mprnet"))(Options(weights_dirs=(tmp_path,), offline=True))
    assert not (tmp_path / "payload-ran").exists()
