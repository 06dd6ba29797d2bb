"""Derainers whose weights a person has to fetch: equal to the official code under seeded weights."""

import json
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
from derainers.weights import (  # noqa: E402
    has_weights,
    require_weights,
    unpinned_table,
    weights_key,
    weights_page_only,
    weights_table,
)
from tests.derainers.networks.seeded import seeded_state  # noqa: E402
from tests.derainers.networks.test_parity import NETWORKS  # noqa: E402


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


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(DERAINERS.targets.keys() - weights_table().keys() - NETWORKS.keys()))
def test_it_keeps_the_contract_with_random_weights(name):
    """All other names do it with published files, or files like them, in ``networks/``."""
    derainer = DERAINERS.load(DERAINERS.find(name))(Options(offline=True, allow_random_weights=True))
    assert [finding for finding in check_derainer(derainer) if not finding.passed] == []


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
