"""MSPFN against the unmodified official graph, and the official checkpoint format."""

import zlib
from pathlib import Path

import numpy as np
import pytest

from bench.contract import Options
from bench.errors import UserError

torch = pytest.importorskip("torch")

from derainers.check import check_derainer  # noqa: E402
from derainers.networks.mspfn.designs import DESIGNS, FULL, LIGHT, Design  # noqa: E402
from derainers.networks.mspfn.family import member  # noqa: E402
from derainers.networks.mspfn.layers import FirstStepConvLSTM, FullConvLSTM  # noqa: E402
from derainers.networks.mspfn.mspfn import MSPFN  # noqa: E402
from derainers.networks.mspfn.single_scale import member_of  # noqa: E402
from derainers.networks.mspfn.tensorflow import state_from_tensorflow, variables_of  # noqa: E402
from derainers.networks.mspfn.weights import import_mspfn  # noqa: E402

SMALL = Design(modules=2, attention=(1, 2, 1))
REFERENCE = Path(__file__).parents[1] / "data" / "mspfn_m17n1.npz"
"""Derained outputs of the official graph (TensorFlow 1.12, TEST_MSPFN_M17N1) with the weights made below."""


def official_shape(variable, ours, hidden):
    """The TensorFlow shape of a variable whose tensor in our network has the shape ``ours``."""
    if variable.layout == "vector":
        return ours
    if variable.layout == "gate biases":
        return (4 * hidden,)
    if variable.layout == "gates":
        return (3, 3, ours[1] + hidden, 4 * hidden)
    return (*ours[2:], ours[0], ours[1]) if variable.layout == "turned" else (*ours[2:], ours[1], ours[0])


def official_value(name, shape):
    """Weights as a function of their name, with which the reference was computed."""
    rng = np.random.RandomState(zlib.crc32(name.encode()) & 0xFFFFFFFF)
    leaf = name.rpartition("/")[2]
    if leaf == "alpha":
        value = 0.25 + 0.05 * rng.standard_normal(shape)
    elif leaf in ("bias", "biases"):
        value = 0.05 * rng.standard_normal(shape)
    else:
        value = rng.standard_normal(shape) / np.sqrt(shape[0] * shape[1] * max(shape[2:]))
    return value.astype(np.float32)


def official_variables(design, block="BCM", scope="generator"):
    ours = {key: tuple(tensor.shape) for key, tensor in MSPFN(design).state_dict().items()}
    variables = {}
    for variable in variables_of(design, block):
        hidden = ours[variable.key][0] // 3 if variable.layout.startswith("gate") else 0
        name = f"{scope}/{variable.name}"
        variables[name] = official_value(name, official_shape(variable, ours[variable.key], hidden))
    return variables


@pytest.fixture(scope="module")
def official():
    design, state = state_from_tensorflow(official_variables(FULL), "test")
    network = MSPFN(design).eval()
    network.load_state_dict(state)
    return network


def test_the_official_graph_has_859_variables_of_15823424_values():
    variables = official_variables(FULL)
    assert len(variables) == 859
    assert sum(value.size for value in variables.values()) == 15_823_424


@pytest.mark.parametrize("height_width", [(64, 64), (60, 52)])
def test_output_is_that_of_the_official_graph(official, height_width):
    """60x52 has coarse sizes of 15 and 13: TensorFlow pads odd sizes otherwise."""
    height, width = height_width
    x = np.random.RandomState(20200616 + 1000 * height + width).uniform(-1, 1, (1, height, width, 3))
    x = torch.from_numpy(x.astype(np.float32)).permute(0, 3, 1, 2)
    expected = np.load(REFERENCE)[f"{height}x{width}_output_derained"]
    with torch.inference_mode():
        found = official(x).permute(0, 2, 3, 1).numpy()
    assert np.abs(found - expected).max() <= 5e-6


def parameters_of(design, in_full=False):
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in member_of(design, in_full).parameters())


@pytest.mark.parametrize(("design", "live", "in_full"), [(FULL, 12_597_376, 15_823_424), (LIGHT, 1_527_984, 1_666_320)])
def test_numbers_of_parameters(design, live, in_full):
    assert parameters_of(design) == live
    assert parameters_of(design, in_full=True) == in_full


@pytest.mark.parametrize(
    ("name", "modules", "units"),
    [("m30n1", 30, 1), ("m17n2", 17, 2), ("m13n2", 13, 2), ("m10n3", 10, 3), ("m8n5", 8, 5), ("m6n3", 6, 3)],
)
def test_the_papers_designs_have_the_sizes_counted_for_them(name, modules, units):
    """Counted by hand: M17N1 with narrow memories, a fine fusion module, and an attention block.

    The paper prints 21.81, 17.20, 13.63, 13.22, 14.56 and 8.45 million, which no one formula gives.
    """
    base, module, unit = 13_113_024, 671_136, 76_064
    expected = base + (modules - 17) * module + 3 * modules * (units - 1) * unit
    assert parameters_of(DESIGNS[f"mspfn-{name}"], in_full=True) == expected


@pytest.mark.parametrize(
    "name", ["mspfn-light", "mspfn-m6n3", "mspfn-single-scale", "mspfn-without-cfm", "mspfn-without-ffm"]
)
def test_every_design_runs_at_even_and_odd_coarse_sizes(name):
    torch.manual_seed(1)
    network = member_of(DESIGNS[name]).eval()
    with torch.inference_mode():
        for height, width in ((16, 24), (20, 12)):
            x = torch.rand(1, 3, height, width)
            assert network(x).shape == x.shape


def test_the_training_graph_has_the_published_number_of_parameters():
    """MSPFN.py: three attention blocks at the two finer scales; 1,539 variables, 20,995,776 values."""
    design = Design(attention=(1, 3, 3))
    assert parameters_of(design, in_full=True) == 20_995_776
    assert len(list(variables_of(design, "URAB"))) == 1539


def test_leaving_out_what_multiplies_zeros_changes_nothing():
    torch.manual_seed(1)
    full, live = FullConvLSTM(8, 5), FirstStepConvLSTM(8, 5)
    write, candidate, _, output = full.gates.weight[:, :8].chunk(4)
    biases = full.gates.bias.chunk(4)
    live.load_state_dict(
        {"gates.weight": torch.cat([write, candidate, output]), "gates.bias": torch.cat([biases[i] for i in (0, 1, 3)])}
    )
    x = torch.randn(2, 8, 9, 11) * 3
    assert (full(x) - live(x)).abs().max() < 1e-6


@pytest.mark.parametrize(("scope", "block"), [("generator", "BCM"), ("model", "URAB")])
def test_an_official_checkpoint_is_imported_exactly_and_restores(tmp_path, write_tensorbundle, scope, block):
    variables = official_variables(SMALL, block, scope)
    slots = {f"{name}/Adam": value for name, value in list(variables.items())[:3]}
    write_tensorbundle(tmp_path / "epoch44", variables | slots | {"beta1_power": np.float32(0.5)})
    written = import_mspfn(tmp_path / "epoch44", tmp_path / "weights")
    from safetensors.torch import load_file

    found, expected = load_file(written), state_from_tensorflow(variables, "test")[1]
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], expected[key]) for key in found)
    derainer = member("mspfn", Options(weights_dirs=(tmp_path / "weights",)))
    assert [finding for finding in check_derainer(derainer) if not finding.passed] == []


def test_the_command_imports_where_the_derainer_finds_it(tmp_path, monkeypatch, write_tensorbundle):
    from typer.testing import CliRunner

    from bench.cli import app

    for module in ("bench.io.weights", "derainers.networks.mspfn.weights"):
        monkeypatch.setattr(f"{module}.cache_dir", lambda: tmp_path / "cache")
    write_tensorbundle(tmp_path / "epoch44", official_variables(SMALL))
    done = CliRunner().invoke(app, ["weights", "import", "mspfn", str(tmp_path / "epoch44.index")])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "cache/mspfn.safetensors").is_file()
    image = np.zeros((8, 12, 3), np.uint8)
    assert member("mspfn", Options(offline=True))(image).shape == image.shape
    assert isinstance(
        CliRunner().invoke(app, ["weights", "import", "mspfn", str(tmp_path / "epoch45")]).exception, UserError
    )


def test_missing_and_foreign_variables_are_named(tmp_path, write_tensorbundle):
    variables = official_variables(SMALL)
    lacking = {name: value for name, value in variables.items() if not name.endswith("up2_1/alpha")}
    with pytest.raises(UserError, match=r"lacks 1 of the .* first 'up2_1/alpha'"):
        state_from_tensorflow(lacking, "x")
    with pytest.raises(UserError, match=r"unknown 1 of the .* first 'stranger'"):
        state_from_tensorflow(variables | {"generator/stranger": np.zeros(3, np.float32)}, "x")
    write_tensorbundle(tmp_path / "nan", variables | {"generator/rnn1/alpha": np.full(64, np.nan, np.float32)})
    with pytest.raises(UserError, match=r"'stems\.2\.act\.weight' holds NaN"):
        import_mspfn(tmp_path / "nan.index", tmp_path)


def test_without_weights_it_says_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.io.weights.cache_dir", lambda: tmp_path)
    monkeypatch.delenv("DERAINBENCH_WEIGHTS", raising=False)
    with pytest.raises(UserError, match="weights import mspfn"):
        member("mspfn", Options(weights_dirs=(tmp_path,)))
    (tmp_path / "mspfn.safetensors").write_bytes(b"version https://git-lfs")
    with pytest.raises(UserError, match="not a file of MSPFN weights"):
        member("mspfn", Options(weights_dirs=(tmp_path,)))
