"""A training guided by a model that comes along, from the command line to the card."""

import json

import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")
pytest.importorskip("segmentation_models_pytorch")

from typer.testing import CliRunner

from bench.cli import app
from bench.errors import UserError
from bench.training.derainer_config import changes_of, load_training
from bench.training.derainers import Material, plan_derainer, train_derainer
from bench.training.guides import open_guide, with_short_guide

TINY = """
network = "prenet-small"
steps = 2
batch = 2
crop = 32
every = 1
learning_rate = 1e-3
[rain]
presets = ["coco350_y"]
"""
UNET = "shipped:streets-unet"


@pytest.fixture
def material(photographs):
    return Material([photographs])


@pytest.fixture
def tiny(tmp_path):
    (tmp_path / "tiny.toml").write_text(TINY)
    return str(tmp_path / "tiny.toml")


def test_the_card_names_guide_digest_share_and_the_weight_that_was_found(tiny, material, tmp_path):
    words = ["train", tiny, "--photographs", str(material.photographs[0]), "--out", str(tmp_path / "out")]
    words += ["--device", "cpu", "--loaders", "0", "--guide", UNET, "--guide-share", "0.5", "--guide-after", "1"]
    CliRunner().invoke(app, words, catch_exceptions=False)
    card = json.loads((tmp_path / "out/tiny.json").read_text())
    guide = card["guide"]
    assert (guide["model"], guide["share"], guide["after"]) == (UNET, 0.5, 1)
    assert len(guide["sha256"]) == 64
    assert guide["weight"] > 0
    assert card["training"]["guide"] == UNET
    again = CliRunner().invoke(app, words, catch_exceptions=False)  # from the checkpoint, which holds the weight
    assert again.exit_code == 0
    assert json.loads((tmp_path / "out/tiny.json").read_text())["guide"] == guide
    other = CliRunner().invoke(app, [*words, "--guide", "shipped:streets-yolo"])
    assert "other settings or photographs" in str(other.exception)


def test_the_control_has_the_bytes_of_a_training_without_a_guide(tiny, material, tmp_path):
    control = train_derainer(load_training(tiny, {"guide": UNET, "guide_share": 0.0}), material, tmp_path / "control")
    plain = train_derainer(load_training(tiny), material, tmp_path / "plain")
    guided = train_derainer(load_training(tiny, {"guide": UNET}), material, tmp_path / "guided")
    assert control["sha256"] == plain["sha256"] != guided["sha256"]
    assert control["guide"]["weight"] == 0
    assert "guide" not in json.dumps(plain)


def test_the_command_in_the_card_names_the_guide():
    training = load_training("prenet-small", {"guide": UNET, "guide_share": 0.5})
    assert changes_of(training) == {"guide": UNET, "guide-share": 0.5}


def test_the_speed_of_guided_steps_is_planned_with(tiny, material, tmp_path):
    changes = {"guide": UNET, "guide_after": 1, "schedule": "cosine"}
    plan = plan_derainer(load_training(tiny, changes), material, tmp_path / "out", 3.0)
    assert plan.speed.timed_steps >= 3


def test_a_file_is_named_without_whose_machine_it_is_on(tmp_path):
    file = tmp_path / "models/net.pth"
    file.parent.mkdir()
    file.touch()
    changes = {"network": "prenet-small"}
    for given, named in (
        (f"refinenet:{file}", "refinenet:models/net.pth"),
        (f"torchvision:fcn_resnet50@{file}", "torchvision:fcn_resnet50@models/net.pth"),
        (UNET, UNET),
    ):
        assert with_short_guide(load_training("prenet-small", {**changes, "guide": given})).guide == named
    assert with_short_guide(load_training("prenet-small")).guide == ""


def test_a_model_that_cannot_guide_ends_the_command_before_any_step(tiny, material):
    assert open_guide(load_training(tiny)) == (None, {})
    with pytest.raises(UserError, match="expected a model whose gradients PyTorch computes"):
        train_derainer(load_training(tiny, {"guide": "onnx:net.onnx"}), material, material.photographs[0] / "out")


@pytest.mark.shared
def test_a_folder_of_smps_guides_a_training(shared, tiny, material, tmp_path):
    guide = f"smp:{shared / 'models/semantic/camvid_fpn'}"
    card = train_derainer(load_training(tiny, {"guide": guide, "precision": "bf16"}), material, tmp_path / "out")
    assert card["guide"]["model"] == "smp:semantic/camvid_fpn"
    assert str(shared.parent) not in json.dumps(card)
    assert card["guide"]["weight"] > 0
