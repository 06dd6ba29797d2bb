"""Where models of transformers come from: folders, the hub's cache, and what is refused. No test uses the network."""

import json
import shutil
import socket
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from bench.contract import Options
from bench.errors import MissingExtraError, UserError
from tasks.models import hub, transformers
from tasks.models.transformers import find_transformers
from tests.tasks.tiny_transformers import detr, eomt, oneformer, rt_detr_v2, save, torch

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAME = f"nobody/tiny-detector@{COMMIT}"
SUFFIXES = ("ForObjectDetection",)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("made") / "tiny", rt_detr_v2())


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "tiny")


@pytest.fixture
def snapshot(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The model as the hub's library keeps it; whoever tries to connect is told off."""
    constants = pytest.importorskip("huggingface_hub.constants")

    def refuse(*_: object) -> NoReturn:
        raise AssertionError("the network was used")

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("DERAINBENCH_OFFLINE", raising=False)
    return shutil.copytree(made, tmp_path / "models--nobody--tiny-detector" / "snapshots" / COMMIT)


def change(folder: Path, **settings: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **settings}))


def test_a_folder_loads_and_its_digest_follows_every_file(folder: Path) -> None:
    model = find_transformers(str(folder), SUFFIXES, False, "detection")
    assert model.load(Options(), "").device == "cpu"
    assert find_transformers(str(folder), SUFFIXES, False, "detection") == model
    digests = {model.digest}
    for name in ("config.json", "preprocessor_config.json"):
        (folder / name).write_text((folder / name).read_text() + "\n")
        digests.add(find_transformers(str(folder), SUFFIXES, False, "detection").digest)
    assert len(digests) == 3


@pytest.mark.parametrize(
    ("make", "suffix"),
    [(detr, "ForObjectDetection"), (oneformer, "ForUniversalSegmentation"), (eomt, "ForUniversalSegmentation")],
)
def test_a_batch_gives_the_outputs_of_single_images(make, suffix: str, tmp_path: Path, image_of) -> None:
    folder = save(tmp_path / "net", make(split=True) if make is eomt else make())
    loaded = find_transformers(str(folder), (suffix,), False, "x").load(Options(), "semantic")
    images = [image_of(75, 110, seed) for seed in range(3)]
    read = loaded.processor.post_process_object_detection if make is detr else None
    read = read or loaded.processor.post_process_semantic_segmentation
    sizes = {"target_sizes": [(75, 110)] * 3}
    together = read(loaded.forward(images), **sizes)
    for image, beside in zip(images, together, strict=True):
        [alone] = read(loaded.forward([image]), target_sizes=[(75, 110)])
        if make is detr:
            torch.testing.assert_close(beside["boxes"], alone["boxes"], atol=1e-3, rtol=0)
            torch.testing.assert_close(beside["scores"], alone["scores"], atol=1e-5, rtol=0)
        else:
            assert (beside == alone).float().mean() > 0.999


def test_a_hub_name_in_the_cache_needs_no_network(snapshot: Path) -> None:
    model = find_transformers(NAME, SUFFIXES, False, "detection")
    assert (model.label, model.digest) == ("tiny-detector@0123456", NAME)
    assert model.space is not None
    model.load(Options(), "")
    model.load(Options(offline=True), "")


@pytest.mark.parametrize("forbidden", ["HF_HUB_OFFLINE", "DERAINBENCH_OFFLINE"])
def test_a_hub_name_that_is_not_here_is_refused_offline(
    snapshot: Path, forbidden: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(forbidden, "1")
    shutil.rmtree(snapshot)
    with pytest.raises(UserError, match=r"could not be fetched from the hub \(not in its cache, and --offline"):
        find_transformers(NAME, SUFFIXES, False, "detection")


def test_a_half_fetched_model_is_refused_offline(snapshot: Path) -> None:
    model = find_transformers(NAME, SUFFIXES, False, "detection")
    (snapshot / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"has no model\.safetensors"):
        model.load(Options(offline=True), "")


def test_telemetry_is_off(snapshot: Path) -> None:
    from huggingface_hub import constants

    hub.hub_file("nobody/tiny-detector", COMMIT, "config.json")
    assert constants.HF_HUB_DISABLE_TELEMETRY


@pytest.mark.parametrize(
    "text", ["nobody/tiny-detector", "nobody/tiny-detector@main", f"nobody/a@{COMMIT[:12]}", "a/b/c"]
)
def test_what_is_not_pinned_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="OWNER/NAME@COMMIT with the 40 digits"):
        find_transformers(text, SUFFIXES, False, "detection")


def test_weights_in_a_pickle_are_refused_unless_trusted(folder: Path) -> None:
    from safetensors.torch import load_file

    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(
        UserError, match=r"refused: its weights are a pickle, pytorch_model\.bin.*trust_checkpoint = true"
    ):
        find_transformers(str(folder), SUFFIXES, False, "detection")
    find_transformers(str(folder), SUFFIXES, True, "detection").load(Options(), "")
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(UserError, match=r"has no model\.safetensors"):
        find_transformers(str(folder), SUFFIXES, True, "detection")


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("evil-was-here"),)  # type: ignore[return-value]


def test_even_a_trusted_pickle_runs_no_code(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "model.safetensors").unlink()
    torch.save({"weight": Evil()}, folder / "pytorch_model.bin")
    with pytest.raises(UserError, match="cannot be loaded"):
        find_transformers(str(folder), SUFFIXES, True, "detection").load(Options(), "")
    assert not Path("evil-was-here").exists()


def test_remote_code_is_never_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "evil.py").write_text("import pathlib; pathlib.Path('evil-was-here').touch()\n")
    change(folder, architectures=["EvilForObjectDetection"], auto_map={"AutoModel": "evil.EvilForObjectDetection"})
    with pytest.raises(UserError, match=r"cannot be loaded .*has no attribute EvilForObjectDetection"):
        find_transformers(str(folder), SUFFIXES, False, "detection").load(Options(), "")
    assert not Path("evil-was-here").exists()


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"architectures": None}, "expected one name in 'architectures'"),
        (
            {"architectures": ["SegformerForSemanticSegmentation"]},
            "is a SegformerForSemanticSegmentation, expected a ...",
        ),
        ({"architectures": ["os.system; ForObjectDetection"]}, "expected a class such as"),
        ({"id2label": ["car"]}, "not the settings of a model"),
    ],
)
def test_damaged_settings_are_refused_by_name(folder: Path, settings: dict[str, object], reason: str) -> None:
    change(folder, **settings)
    with pytest.raises(UserError, match=reason.replace(".", r"\.")):
        find_transformers(str(folder), SUFFIXES, False, "detection")


def test_damaged_weights_are_refused_by_name(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    model = find_transformers(str(folder), SUFFIXES, False, "detection")
    state = load_file(folder / "model.safetensors")
    name = min(name for name in state if state[name].dim() > 1)
    save_file({**state, name: torch.full_like(state[name], torch.nan)}, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match="holds NaN or infinite values"):
        model.load(Options(), "")
    save_file({key: state[key] for key in state if key != name}, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match="lacks 1 tensors of RTDetrV2ForObjectDetection"):
        model.load(Options(), "")
    (folder / "model.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(UserError, match=r"cannot be loaded \(SafetensorError"):
        model.load(Options(), "")


def test_a_missing_library_is_told_with_its_extra(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'derainbench\[hf\]'"):
        transformers.find_transformers(str(folder), SUFFIXES, False, "detection").load(Options(), "")
