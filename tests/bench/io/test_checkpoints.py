from __future__ import annotations

import argparse
import io
import pickle
import re
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import UserError
from bench.io.checkpoints import find_state, load_state, network_state, read_checkpoint

torch = pytest.importorskip("torch")


class Payload:
    """Unpickled without care, it makes a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.target,)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))


def test_the_payload_is_live(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(Payload(tmp_path / "made")))
    pickle.loads((tmp_path / "a.pkl").read_bytes())  # noqa: S301
    assert (tmp_path / "made").exists()


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("form", ["zip", "legacy", "pickle"])
def test_a_checkpoint_that_would_run_code_is_refused_and_runs_none(form: str, tmp_path: Path) -> None:
    content = {"weight": torch.zeros(2), "extra": Payload(tmp_path / "made")}
    path = tmp_path / "hostile.pth"
    if form == "pickle":
        path.write_bytes(pickle.dumps(Payload(tmp_path / "made")))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=form == "zip")
    with pytest.raises(UserError, match=r"hostile\.pth: refused: .*could run code"):
        read_checkpoint(path)
    assert not (tmp_path / "made").exists()


def test_a_whole_module_is_refused(network, tmp_path: Path) -> None:
    torch.save(network, tmp_path / "net.pt")
    with pytest.raises(UserError, match=r"net\.pt: refused.*Ask its author for a state dict"):
        read_checkpoint(tmp_path / "net.pt")


@pytest.mark.parametrize("form", ["zip", "legacy"])
def test_a_word_that_pytorch_would_quote_for_minutes_is_refused_at_once(form: str, tmp_path: Path) -> None:
    path = tmp_path / "long.pth"
    torch.save({"text": "a text of many words " * 9000}, path, _use_new_zipfile_serialization=form == "zip")
    assert len(str(read_checkpoint(path)["text"])) > 150_000
    long_name = b"c" + b"os." + b"x" * 300_000 + b"\nsystem\n."  # a GLOBAL that no allow-list has
    if form == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", b"\x80\x02" + long_name)
            archive.writestr("archive/version", b"3\n")
    else:
        magic, version, system, _ = pickled_parts(path.read_bytes())
        path.write_bytes(magic + version + system + b"\x80\x02" + long_name)
    started = time.process_time()
    with pytest.raises(UserError, match=r"long\.pth: refused: it has a word of more than 4096 characters"):
        read_checkpoint(path)
    assert time.process_time() - started < 5, "PyTorch alone takes half an hour"


def test_a_tar_of_old_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "net.pth", "w") as archive:
        archive.add(__file__, "storages")
    with pytest.raises(UserError, match=r"net\.pth: refused: a checkpoint of PyTorch before 0\.1\.10"):
        read_checkpoint(tmp_path / "net.pth")


def pickled_parts(content: bytes) -> list[bytes]:
    """The first three pickles of a file, and what follows them."""
    file = io.BytesIO(content)
    ends = [0]
    for _ in range(3):
        pickle.load(file)  # noqa: S301
        ends.append(file.tell())
    return [content[start:end] for start, end in zip(ends, [*ends[1:], len(content)], strict=True)]


@pytest.mark.parametrize("keep", [0, 10, 200, 0.5, 0.99])
def test_a_truncated_file_is_no_checkpoint(keep: float, network, tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    torch.save(network.state_dict(), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content)) if isinstance(keep, float) else keep])
    with pytest.raises(UserError, match=r"net\.pth: (not a readable checkpoint|refused)"):
        read_checkpoint(path)


@pytest.mark.parametrize("content", [[1, 2], torch.zeros(3), "text"])
def test_anything_but_a_dictionary_is_refused(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "net.pth")
    with pytest.raises(UserError, match=r"expected a dictionary of tensors, found (list|Tensor|str)"):
        read_checkpoint(tmp_path / "net.pth")


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_tensors_come_back_and_load_exactly(suffix: str, network, tmp_path: Path) -> None:
    path = tmp_path / f"net.{suffix}"
    if suffix == "safetensors":
        pytest.importorskip("safetensors.torch").save_file(network.state_dict(), path)
    else:
        torch.save(network.state_dict(), path)
    fresh = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    load_state(fresh, read_checkpoint(path), str(path))
    for name, tensor in network.state_dict().items():
        assert torch.equal(fresh.state_dict()[name], tensor)


def test_a_damaged_safetensors_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "net.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(UserError, match=r"net\.safetensors: not a readable checkpoint"):
        read_checkpoint(tmp_path / "net.safetensors")


def test_the_prefix_of_data_parallelism_is_dropped(network) -> None:
    state = {f"module.{name}": value + 1 for name, value in network.state_dict().items()}
    expected = network.state_dict()["0.weight"] + 1
    load_state(network, state, "file")
    assert torch.equal(network.state_dict()["0.weight"], expected)


def spoilt(state: dict[Any, Any], how: str) -> dict[Any, Any]:
    state = {name: value.clone() for name, value in state.items()}
    if how == "shape":
        state["0.weight"] = torch.zeros(4, 3, 5, 5)
    elif how in ("nan", "inf"):
        state["0.bias"][1] = float(how)
    elif how == "missing":
        del state["1.running_mean"]
    elif how == "unknown":
        state["2.weight"] = torch.zeros(1)
    elif how == "no tensor":
        state["0.bias"] = [0.0] * 4
    else:
        state[7] = torch.zeros(1)
    return state


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("shape", r"'0\.weight' has shape \(4, 3, 5, 5\), expected \(4, 3, 3, 3\)"),
        ("nan", r"'0\.bias' holds NaN or infinite"),
        ("inf", r"'0\.bias' holds NaN or infinite"),
        ("missing", r"lacks 1 of the 7 tensors of Sequential, first '1\.running_mean'"),
        ("unknown", r"has unknown 1 .*first '2\.weight' of shape \(1,\); it belongs to another network"),
        ("no tensor", r"'0\.bias' is a list, expected a tensor"),
        ("number as key", r"has the key 7, expected names"),
    ],
)
def test_a_state_that_does_not_fit_is_named_and_changes_nothing(how: str, message: str, network) -> None:
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(UserError, match=f"here.pth: {message}"):
        load_state(network, spoilt(before, how), "here.pth")
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


HEAD = "head.bias"


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "net.", "_orig_mod.", "model.module.", "model._orig_mod."])
@pytest.mark.parametrize("place", [(), ("state_dict",), ("model",), ("network", "params")])
def test_a_state_dict_is_found_as_people_save_it(prefix: str, place: tuple[str, ...]) -> None:
    state: dict[str, object] = {f"{prefix}head.bias": 1, f"{prefix}body.weight": 2}
    content: dict[str, object] = dict(state)
    for name in reversed(place):
        content = {"epoch": 3, name: content, "optimizer": {"state": {}}}
    assert find_state(content, ("other.bias", HEAD)) == {"head.bias": 1, "body.weight": 2}


def test_what_lies_beside_a_prefixed_network_is_left_out() -> None:
    content: dict[str, object] = {"model.head.bias": 1, "mean": 2, "loss.weight": 3, "ema.model.head.bias": 4}
    assert find_state(content, (HEAD,)) == {"head.bias": 1}
    assert find_state({"forehead.bias": 1}, (HEAD,)) is None


@pytest.mark.parametrize("name", ["namespace", "path"])
def test_plain_values_beside_the_tensors_are_read(tmp_path: Path, name: str) -> None:
    value = {"namespace": argparse.Namespace(lr=1), "path": tmp_path}[name]
    torch.save({"model": {"weight": torch.zeros(2)}, "args": value}, tmp_path / "net.pth")
    assert set(read_checkpoint(tmp_path / "net.pth")) == {"model", "args"}


def test_a_refused_class_is_named_with_the_way_out(tmp_path: Path) -> None:
    torch.save({"state_dict": {}, "best": np.float64(0.3)}, tmp_path / "net.pth")
    with pytest.raises(UserError) as caught:
        read_checkpoint(tmp_path / "net.pth")
    text = str(caught.value)
    assert re.search(r"it holds numpy\.\S+scalar, which is no tensor", text)
    assert "as torch.save(network.state_dict(), 'weights.pth') writes it" in text
    assert "\x1b" not in text


KNOWN = ("head.bias", "body.weight", "body.head.bias")


@pytest.mark.parametrize("prefix", ["", "module.", "net.generator."])
def test_a_known_network_is_found_where_most_of_its_names_are(prefix: str) -> None:
    other = {"decoder.head.bias": 7}
    state = {prefix + name: place for place, name in enumerate(KNOWN)}
    content = {"discriminator": other, "g": {"weights": state}, "epoch": 3}
    assert network_state(content, KNOWN) == {name: place for place, name in enumerate(KNOWN)}


def test_of_two_alike_the_moving_average_counts_then_the_shorter_prefix() -> None:
    one, two = {"head.bias": 1}, {"head.bias": 2}
    assert network_state({"params": one, "params_ema": two}, KNOWN) == two
    assert network_state({"schema": one, "z": two}, KNOWN) == one, "no name of a moving average"
    assert network_state({"model.head.bias": 1, "model_ema.head.bias": 2}, KNOWN) == two
    assert network_state({"student.old.head.bias": 1, "net.head.bias": 2}, KNOWN) == two


def test_strays_with_the_prefix_are_kept_for_the_refusal_and_others_left_out() -> None:
    content = {"net.head.bias": 1, "net.tail.bias": 2, "loss.weight": 3, 4: 5}
    assert network_state(content, KNOWN) == {"head.bias": 1, "tail.bias": 2}


def test_a_file_of_another_network_is_given_as_it_is() -> None:
    state = {"trunk.weight": torch.zeros(2)}
    assert network_state({"epoch": 3, "state_dict": state, "optimizer": {}}, KNOWN) == state
    assert network_state({}, KNOWN) == {}
