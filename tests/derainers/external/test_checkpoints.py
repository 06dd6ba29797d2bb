"""A checkpoint of one's own for a registered network, as people save it: ``mine=prenet@net.pth``."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from bench.contract import Image, Options
from bench.errors import UserError
from derainers import DERAINERS
from derainers.check import check_derainer
from derainers.external.plugins import CheckpointEntry, find_derainer, find_derainers
from derainers.facts import networks
from derainers.weights import own_files

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402

from derainers.networks.brn import BRN  # noqa: E402
from derainers.networks.mspfn.designs import Design  # noqa: E402
from derainers.networks.mspfn.mspfn import MSPFN  # noqa: E402
from derainers.networks.mspfn.tensorflow import variables_of  # noqa: E402
from derainers.networks.prenet.designs import PReNetDesign  # noqa: E402
from derainers.networks.prenet.prenet import PReNet  # noqa: E402
from derainers.networks.restormer import Restormer, RestormerDesign  # noqa: E402

State = dict[str, Tensor]


def restored(spec: str, image: Image) -> Image:
    return DERAINERS.load(find_derainer(spec))(Options(offline=True))(image)


def state_of(design: PReNetDesign | None = None) -> State:
    torch.manual_seed(5)
    return PReNet(design or PReNetDesign()).state_dict()


def prefixed(state: State, prefix: str) -> State:
    return {prefix + name: value for name, value in state.items()}


def wrapped(state: State) -> dict[str, dict[str, object]]:
    """The same network as trainings save it."""
    zeros = {name: torch.zeros_like(value) for name, value in state.items()}
    momentum = {"state": {0: {"momentum": torch.zeros(7)}}}
    names = ("module.", "model.", "net.", "generator.", "netG.", "_orig_mod.", "model.module.")
    return {
        **{name: dict(prefixed(state, name)) for name in names},
        "params": {"params": state},
        "state_dict": {"epoch": 3, "state_dict": state, "optimizer": momentum},
        "params_ema": {"params": zeros, "params_ema": state},
        "ema": {"model": zeros, "model_ema": state, "step": 4},
        "Lightning": {
            "epoch": 1,
            "state_dict": {**prefixed(state, "model."), "loss.vgg.weight": torch.zeros(3)},
            "hyper_parameters": {"rate": 1e-3},
        },
        "deep": {"network": {"params": prefixed(state, "module.")}},
    }


@pytest.mark.parametrize("how", wrapped(state_of()))
def test_a_network_is_the_same_however_it_was_saved(how: str, tmp_path: Path, image_of: Callable[..., Image]) -> None:
    image = image_of(20, 24)
    torch.save(state_of(), tmp_path / "plain.pth")
    torch.save(wrapped(state_of())[how], tmp_path / "saved.pth")
    expected = restored(f"mine=prenet@{tmp_path}/plain.pth", image)
    assert np.array_equal(restored(f"mine=prenet@{tmp_path}/saved.pth", image), expected)
    assert not np.array_equal(expected, image)


@pytest.mark.shared
def test_the_published_file_gives_the_bytes_of_the_registered_name(
    shared: Path, tmp_path: Path, image_of: Callable[..., Image]
) -> None:
    image, file = image_of(20, 24), shared / "models" / "prenet" / "prenet-rain100h.pth"
    options = Options(weights_dirs=(file.parent,), offline=True)
    expected = DERAINERS.load(DERAINERS.find("prenet-rain100h"))(options)(image)
    assert np.array_equal(restored(f"mine=prenet@{file}", image), expected)
    for how, content in wrapped(torch.load(file, map_location="cpu", weights_only=True)).items():
        torch.save(content, tmp_path / "saved.pth")
        assert np.array_equal(restored(f"mine=prenet@{tmp_path}/saved.pth", image), expected), how


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("brn-rain100h", "brn/brn-rain100h.pth"),
        ("rescan", "rescan/rescan-general.pth"),
        ("umrl", "umrl/Net_JORDER.pth"),
        ("spanet", "spanet/spanet-general.pth"),
        ("semi", "semi/model.index"),
        ("derainnet", "derainnet/model.index"),
        ("ddn", "ddn/network.mat"),
    ],
)
def test_every_official_layout_gives_the_bytes_of_its_name(
    name: str, file: str, shared: Path, image_of: Callable[..., Image]
) -> None:
    image, path = image_of(48, 64), shared / "models" / file
    expected = DERAINERS.load(DERAINERS.find(name))(Options(weights_dirs=(path.parent,), offline=True))(image)
    assert np.array_equal(restored(f"mine={name}@{path}", image), expected)


NO_FILE = {
    "rain": "has no weights",
    "clean": "has no weights",
    "classical": "has no weights",
    "didmdn": "has 3 files",
    "instructir": "has 2 files",
}
OTHER_LAYOUT = {"brn": "pth", "brn-rain100h": "pth", "semi": "index", "derainnet": "index", "ddn": "mat"}


@pytest.mark.parametrize("name", DERAINERS.targets)
def test_every_name_takes_a_file_or_says_why_not(name: str, tmp_path: Path) -> None:
    file = tmp_path / f"own.{OTHER_LAYOUT.get(name, 'pth')}"
    torch.save({"stranger.weight": torch.zeros(2)}, file)
    file.with_suffix(".data-00000-of-00001").write_bytes(b"")
    with pytest.raises(UserError, match=NO_FILE.get(name, rf"{file.name}: (lacks|not|'stranger)")):
        DERAINERS.load(find_derainer(f"{name}@{file}"))(Options(offline=True, allow_random_weights=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(networks().keys() - OTHER_LAYOUT.keys() - NO_FILE.keys()))
def test_every_network_of_our_layout_loads_its_own(name: str, tmp_path: Path, image_of: Callable[..., Image]) -> None:
    (counted,) = networks()[name]()
    network = counted.network if name.startswith("mspfn") else counted.stored or counted.network
    torch.save({"params_ema": prefixed(network.state_dict(), "module.")}, tmp_path / "net.pth")
    image = image_of(17, 19)
    derainer = DERAINERS.load(find_derainer(f"mine={name}@{tmp_path}/net.pth"))(Options(offline=True))
    assert derainer(image).shape == image.shape
    if name.startswith("pr"):  # other names have the contract tried with their own files, or files like them
        assert [finding for finding in check_derainer(derainer) if not finding.passed] == []


@pytest.mark.parametrize("memory", [True, False])
@pytest.mark.parametrize("shared_branch", [True, False])
def test_names_tell_which_prenet_it_is(memory: bool, shared_branch: bool, tmp_path: Path) -> None:
    torch.save(state_of(PReNetDesign(memory=memory, shared=shared_branch)), tmp_path / "net.pth")
    derainer = DERAINERS.load(find_derainer(f"prenet@{tmp_path}/net.pth"))(Options())
    assert (derainer.network.gates is not None) is memory
    assert torch.equal(derainer.network.inner[0].weight, derainer.network.inner[1].weight) is shared_branch


def test_shapes_tell_which_restormer_it_is(tmp_path: Path) -> None:
    design = RestormerDesign(width=8, blocks=(1, 2, 1, 1), refinement=3)
    torch.save({"params": Restormer(design).state_dict()}, tmp_path / "net.pth")
    derainer = DERAINERS.load(find_derainer(f"restormer@{tmp_path}/net.pth"))(Options())
    assert derainer.network.patch_embed.proj.out_channels == 8
    assert [len(derainer.network.encoder_level2), len(derainer.network.refinement)] == [2, 3]


def test_a_design_beyond_all_memory_is_refused_by_a_name(tmp_path: Path) -> None:
    state = Restormer(RestormerDesign(8, (1, 1, 1, 1), 1)).state_dict()
    torch.save({**state, "patch_embed.proj.weight": torch.zeros(200_000, 3, 3, 3)}, tmp_path / "net.pth")
    with pytest.raises(UserError, match=r"net\.pth: '\S+' has shape .*, expected .*200000"):
        restored(f"restormer@{tmp_path}/net.pth", np.zeros((8, 8, 3), np.uint8))


def test_a_tensorflow_checkpoint_of_mspfn_says_its_design(
    tmp_path: Path, write_tensorbundle: Callable[..., None], image_of: Callable[..., Image]
) -> None:
    network = MSPFN(Design(modules=1))
    state, arrays = network.state_dict(), {}
    for variable in variables_of(Design(modules=1)):
        value = state[variable.key]
        if variable.layout in ("gates", "gate biases"):  # with the forget gate and the rows that multiply zeros
            gates = value.movedim(0, -1).movedim(0, -2) if value.ndim == 4 else value
            write, candidate, output = value.chunk(3, dim=0)
            full = torch.cat([write, candidate, torch.zeros_like(write), output])
            if value.ndim == 4:
                full = full.permute(2, 3, 1, 0)
                full = torch.cat([full, torch.zeros(3, 3, gates.shape[-1] // 3, full.shape[3])], dim=2)
            value = full
        elif variable.layout == "turned":
            value = value.permute(2, 3, 0, 1).flip(0, 1)
        elif variable.layout != "vector":
            value = value.permute(2, 3, 1, 0)
        arrays[f"generator/{variable.name}"] = value.contiguous().numpy()
    write_tensorbundle(tmp_path / "epoch44", arrays)
    torch.save({"params": state}, tmp_path / "ours.pth")
    image = image_of(16, 20)
    with pytest.raises(UserError, match=r"ours\.pth: lacks .* tensors of MSPFN, first 'fine\.1\."):
        restored(f"mine=mspfn@{tmp_path}/ours.pth", image)
    derainer = DERAINERS.load(find_derainer(f"mine=mspfn@{tmp_path}/epoch44.index"))(Options())
    for name, value in state.items():
        assert torch.equal(derainer.network.state_dict()[name], value), name


def test_trained_weights_are_known_by_what_they_say(tmp_path: Path, image_of: Callable[..., Image]) -> None:
    from safetensors.torch import save_file

    image, state = image_of(16, 20), state_of(PReNetDesign(stages=3))
    save_file(state, tmp_path / "gpu.safetensors", metadata={"network": "prenet-small", "stages": "3"})
    expected = restored(f"trained:{tmp_path}/gpu.safetensors", image)
    assert np.array_equal(restored(f"prenet-small@{tmp_path}/gpu.safetensors", image), expected)
    with pytest.raises(UserError, match=r"says that it holds prenet-small, not prenet; name it prenet-small@"):
        find_derainer(f"prenet@{tmp_path}/gpu.safetensors")
    torch.save({"state_dict": prefixed(state, "net.")}, tmp_path / "gpu.pth")
    assert np.array_equal(restored(f"prenet-small@{tmp_path}/gpu.pth", image), expected)
    (tmp_path / "bad.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(UserError, match=r"bad\.safetensors: not a readable"):
        find_derainer(f"prenet@{tmp_path}/bad.safetensors")


def test_a_design_that_an_mspfn_file_states_counts(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    design = Design(modules=1, channels=16, memory=(8, 8, 8), narrow=8)
    save_file(
        MSPFN(design).state_dict(), tmp_path / "small.safetensors", metadata={"design": json.dumps(asdict(design))}
    )
    derainer = DERAINERS.load(find_derainer(f"mspfn@{tmp_path}/small.safetensors"))(Options())
    assert len(derainer.network.fine) == 1
    with pytest.raises(UserError, match="holds another design than mspfn-m6n3"):
        DERAINERS.load(find_derainer(f"mspfn-m6n3@{tmp_path}/small.safetensors"))(Options())


def damaged(how: str) -> dict[str, object]:
    state: dict[str, object] = dict(state_of())
    if how == "shape":
        state["conv0.0.weight"] = torch.zeros(32, 3, 3, 3)
    elif how == "missing":
        del state["conv.0.bias"]
    elif how == "unknown":
        state["body.weight"] = torch.zeros(4)
    elif how == "other":
        state = {f"trunk.{name}": value for name, value in BRN().state_dict().items()}
    else:
        state["conv.0.bias"] = torch.full((3,), torch.nan)
    return state


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("shape", r"'conv0\.0\.weight' has shape \(32, 3, 3, 3\), expected \(32, 6, 3, 3\)"),
        ("missing", r"lacks 1 of the 32 tensors of PReNet, first 'conv\.0\.bias' of shape \(3,\)"),
        ("unknown", r"has unknown 1 .*'body\.weight' of shape \(4,\)"),
        ("other", r"lacks 32 .*'conv0\.0\.weight' of shape \(32, 6, 3, 3\), and has 'trunk\.rain\..*instead"),
        ("nan", r"'conv\.0\.bias' holds NaN"),
    ],
)
def test_a_wrong_file_is_told_by_the_first_key_that_does_not_fit(how: str, words: str, tmp_path: Path) -> None:
    torch.save({"state_dict": damaged(how)}, tmp_path / "net.pth")
    with pytest.raises(UserError, match=rf"net\.pth: .*{words}"):
        DERAINERS.load(find_derainer(f"prenet@{tmp_path}/net.pth"))(Options())


class Payload:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.target,)


def test_a_hostile_file_runs_nothing(tmp_path: Path) -> None:
    torch.save({**state_of(), "more": Payload(tmp_path / "made")}, tmp_path / "net.pth")
    with pytest.raises(UserError, match="refused"):
        DERAINERS.load(find_derainer(f"prenet@{tmp_path}/net.pth"))(Options())
    assert not (tmp_path / "made").exists()


class TestEntry:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        torch.save(state_of(), tmp_path / "net.pth")
        return tmp_path / "net.pth"

    def test_it_has_its_own_row_and_key(self, file: Path, tmp_path: Path) -> None:
        entry = find_derainer(f"mine=prenet@{file}")
        assert isinstance(entry, CheckpointEntry)
        assert (entry.name, entry.network, entry.is_guest) == ("mine", "prenet", False)
        assert find_derainer(f"prenet@{file}").name == "net"
        assert pickle.loads(pickle.dumps(entry)) == entry  # noqa: S301
        before = entry.code_version()
        assert before != DERAINERS.find("prenet").code_version()
        assert before == find_derainer(f"other=prenet@{file}").code_version()
        torch.save({**state_of(), "conv.0.bias": torch.zeros(3)}, file)
        assert entry.code_version() != before
        assert set(entry.digests()) == {"net.pth"}

    def test_the_name_is_known_to_the_list(self, file: Path) -> None:
        names = [entry.name for entry in find_derainers(["mine", f"mine=prenet@{file}", f"prenet-r@{file}", "net"])]
        assert names == ["mine", "mine", "net", "net"]

    @pytest.mark.parametrize(
        ("spec", "words"),
        [
            ("prenet=prenet@{file}", "'prenet' exists already; give yours a name of its own: my-prenet=prenet@"),
            ("prenett@{file}", "unknown derainer 'prenett'. Did you mean prenet"),
            ("prenet@{file}x", "no such file"),
            ("semi@{file}", "reads a pair of files; name the first of net.index and net.data-00000-of-00001"),
        ],
    )
    def test_what_cannot_work_is_refused_at_once(self, spec: str, words: str, file: Path) -> None:
        with pytest.raises(UserError, match=words):
            find_derainer(spec.format(file=file))

    def test_a_python_file_with_an_at_in_its_name_is_still_one(self, tmp_path: Path) -> None:
        (tmp_path / "a@b.py").write_text("def build(options):\n    return lambda image: image\n")
        assert find_derainer(f"mine={tmp_path}/a@b.py:build").origin == "file"

    def test_a_half_of_a_pair_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "model.index").write_bytes(b"")
        with pytest.raises(UserError, match=r"no such file .*model\.data-00000-of-00001"):
            own_files("semi", tmp_path / "model.index")

    def test_random_weights_do_not_take_its_place(self, file: Path, image_of: Callable[..., Image]) -> None:
        options = replace(Options(), allow_random_weights=True)
        image = image_of(12, 13)
        mine = DERAINERS.load(find_derainer(f"prenet@{file}"))(options)(image)
        assert np.array_equal(mine, restored(f"prenet@{file}", image))
