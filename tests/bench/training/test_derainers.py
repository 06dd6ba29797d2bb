"""Training as a whole: photographs and published pairs in, weights and card out."""

import json
import os
import pickle
import subprocess
import sys
from dataclasses import asdict, replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from bench.cli import app
from bench.contract import Options
from bench.errors import UserError
from bench.io.images import write_png
from bench.training.config import usual_loaders
from bench.training.derainer_config import changes_of
from bench.training.derainers import (
    Material,
    RainMixture,
    TrainingMachine,
    held_out_pairs,
    load_training,
    open_stream,
    plan_derainer,
    train_derainer,
    training_names,
)
from derainers.trained import trained_file

TINY = """
network = "prenet-small"
steps = 3
batch = 2
crop = 16
every = 2
learning_rate = 1e-3
[rain]
presets = ["coco350_y", "bdd150_y"]
severities = [0.5, 1.0]
zooms = [1.0, 1.4]
"""


@pytest.fixture
def photographs(tmp_path):
    random = np.random.default_rng(4)
    for number in range(3):
        small = random.integers(0, 256, (5, 6, 3)).astype(np.uint8)
        write_png(tmp_path / f"photographs/{number}.png", small.repeat(8, 0).repeat(8, 1))
    return tmp_path / "photographs"


@pytest.fixture
def pairs(tmp_path):
    random = np.random.default_rng(5)
    for number in range(2):
        clean = random.integers(0, 200, (24, 32, 3)).astype(np.uint8)
        write_png(tmp_path / f"pairs/clean/{number}.png", clean)
        write_png(tmp_path / f"pairs/rainy/{number}.png", clean + 50)
    return tmp_path / "pairs"


@pytest.fixture
def tiny(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return path


@pytest.mark.parametrize("name", training_names())
def test_built_in_trainings_are_sound(name):
    training = load_training(name)
    assert training.name == name
    assert bool(training.pairs) != ("rain" in training.model_fields_set)


def test_every_network_can_be_trained_by_its_name():
    training = load_training("mspfn-without-cfm", {"steps": 7})
    unified = load_training("mspfn-unified")
    assert training.network == training.name == "mspfn-without-cfm"
    assert (training.batch, training.crop, training.pairs) == (unified.batch, unified.crop, unified.pairs)
    assert changes_of(training) == {"steps": 7}


def test_the_unified_training_is_the_papers():
    # Jiang et al., CVPR 2020, section 4.1: 13,712 pairs, 30 epochs, batches of 8
    training = load_training("mspfn-unified")
    assert training.network == "mspfn"
    assert training.steps * training.batch == 13_712 * 30


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("network = 'prenet-small", "not valid TOML"),
        ("steps = 3", "network"),
        (TINY.replace("16", "'a'"), "crop"),
        (TINY.replace("[rain]", "[snow]"), "snow"),
        (TINY + "depth = 'os.system'", "rain.depth"),
        (TINY.replace('["coco350_y", "bdd150_y"]', "[]"), "rain.presets"),
        ("name = '../../x'\n" + TINY, "name"),
        ("name = ''\n" + TINY, "name"),
        (TINY.replace("0.5, 1.0", "nan"), "rain.severities"),
    ],
)
def test_hostile_configurations_are_refused_by_key(text, message, tiny):
    tiny.write_text(text)
    with pytest.raises(UserError, match=message):
        load_training(str(tiny))


@pytest.mark.parametrize(
    ("rain", "message"),
    [
        ({"presets": ("coco351_y",)}, "coco350_y"),
        ({"severities": (-1.0,)}, r"rain\.severities"),
        ({"severities": (1e9,)}, r"rain\.severities"),
        ({"zooms": (0.0,)}, r"rain\.zooms"),
        ({"zooms": (1e-9,)}, r"rain\.zooms"),
    ],
)
def test_rains_that_are_none_are_refused(rain, message, tiny, photographs):
    training = load_training(str(tiny)).model_copy(update={"rain": RainMixture(**rain)})
    with pytest.raises(UserError, match=message):
        open_stream(training, Material([photographs]))


def test_unknown_names_and_files_that_are_no_text(tmp_path):
    with pytest.raises(UserError, match="mspfn-light"):
        load_training("mspfn-lite")
    with pytest.raises(UserError, match="no such file"):
        load_training("absent.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="not valid TOML"):
        load_training(str(tmp_path / "binary.toml"))


def test_every_photograph_comes_once_an_epoch_and_its_rain_follows_from_the_number(tiny, photographs):
    stream = open_stream(load_training(str(tiny)), Material([photographs, photographs]))
    assert stream.count == 6
    epoch = [stream(number)[1].tobytes() for number in range(6)]
    assert sorted(epoch.count(clean) for clean in set(epoch)) == [2, 2, 2]
    again = open_stream(load_training(str(tiny)), Material([photographs, photographs]))
    for number in (17, 3):
        assert np.array_equal(stream(number)[0], again(number)[0])
        assert (stream(number)[0] != stream(number)[1]).any()
    assert not np.array_equal(stream(3)[0], replace(stream, seed=9)(3)[0])


def test_zoomed_rain_is_longer_and_wider_and_thinner(tiny, photographs):
    stream = open_stream(load_training(str(tiny)), Material([photographs]))
    plain, zoomed = (renderer.parameters for renderer in stream.renderers[:2])
    assert zoomed.length == pytest.approx(1.4 * plain.length)
    assert zoomed.width == pytest.approx(1.4 * plain.width)
    assert zoomed.density == pytest.approx(plain.density / 1.96)


def test_published_pairs_come_as_they_are(tiny, pairs):
    stream = open_stream(load_training(str(tiny)), Material(pairs={"any": pairs}))
    for number in range(4):
        rainy, clean = stream(number)
        assert np.array_equal(rainy, clean + 50)


def test_either_photographs_or_the_pairs_of_the_configuration(tiny, photographs, pairs):
    training = load_training(str(tiny))
    for material in (Material(), Material([photographs], {"any": pairs})):
        with pytest.raises(UserError, match="either --photographs DIR or --pairs"):
            open_stream(training, material)
    with pytest.raises(UserError, match="give --pairs rain14000=DIR"):
        open_stream(load_training("mspfn-unified"), Material(pairs={"any": pairs}))


def test_a_damaged_photograph_is_named(tiny, photographs):
    (photographs / "1.png").write_bytes(b"\x89PNG nothing")
    stream = open_stream(load_training(str(tiny)), Material([photographs]))
    with pytest.raises(UserError, match=r"1\.png"):
        [stream(number) for number in range(3)]


def test_held_out_photographs_always_have_the_same_rain(photographs):
    first, second = held_out_pairs(photographs), held_out_pairs(photographs, 2)
    assert len(first) == 3
    assert len(second) == 2
    assert np.array_equal(first[0][0], second[0][0])
    assert (first[0][0] != first[0][1]).any()


def test_the_card_says_everything_but_whose_machine(tiny, photographs, pairs, tmp_path):
    material = Material([photographs], held_out=photographs, tests={"any": pairs})
    card = train_derainer(load_training(str(tiny)), material, tmp_path / "out")
    text = (tmp_path / "out/tiny.json").read_text()
    assert json.loads(text) == card
    assert str(tmp_path.parent) not in text
    place = f"{tmp_path.name}/photographs"
    assert card["command"] == (
        f"derainbench train tiny --photographs {place} --held-out {place} --test any={tmp_path.name}/pairs"
    )
    assert [row["step"] for row in card["log"]] == [2, 3]
    assert card["steps"] == 3
    assert card["training"]["rain"]["zooms"] == [1.0, 1.4]
    assert set(card["rains"]) == {"coco350_y", "bdd150_y"}
    assert all("veil" in text for text in card["rains"].values())
    measured = {row["images"]: row for row in card["quality"]}
    assert measured["any"]["rainy"]["psnr_rgb"] == pytest.approx(20 * np.log10(255 / 50), abs=1e-3)
    assert measured[f"{place} under coco350_y"]["count"] == 3


def test_the_card_gives_the_options_that_replaced_settings(pairs, tmp_path):
    training = load_training("prenet", {"steps": 1, "batch": 1, "crop": 16, "learning_rate": 1e-4, "pairs": ()})
    card = train_derainer(training, Material(pairs={"any": pairs}), tmp_path / "out")
    place = f"{tmp_path.name}/pairs"
    assert "NaN" not in (tmp_path / "out/prenet.json").read_text()  # without held-out photographs there is no PSNR
    assert card["command"] == (
        f"derainbench train prenet --pairs any={place} --steps 1 --batch 1 --crop 16 --rate 0.0001"
    )


def test_a_stream_is_the_same_in_another_process(tiny, photographs):
    stream = open_stream(load_training(str(tiny)), Material([photographs]), loaders=3)
    there = pickle.loads(pickle.dumps(stream))  # noqa: S301  (as a loader gets it)
    for number in (4, 1):
        assert all(np.array_equal(*sides) for sides in zip(stream(number), there(number), strict=True))


def test_minutes_are_planned_once_and_stand_in_the_card(tiny, photographs, tmp_path, monkeypatch):
    cosine = {"schedule": "cosine"}
    training, material, out = load_training(str(tiny), cosine), Material([photographs]), tmp_path / "out"
    plan = plan_derainer(training, material, out, 5.0)
    assert plan.speed.timed_steps >= 3
    assert plan.steps == pytest.approx(300 / plan.speed.seconds_a_step, rel=0.9)
    short = replace(plan, steps=2)
    card = train_derainer(training, material, out, plan=short)
    assert card["plan"] == json.loads((out / "tiny.json").read_text())["plan"] == asdict(short)
    assert card["steps"] == card["training"]["steps"] == 2
    by_steps = train_derainer(load_training(str(tiny), cosine | {"steps": 2}), material, tmp_path / "by steps")
    assert card["sha256"] == by_steps["sha256"]  # measuring leaves no trace in the weights
    monkeypatch.setattr("bench.training.derainers.measure_speed", lambda *_: pytest.fail("measured again"))
    assert plan_derainer(training, material, out, 5.0) == plan
    with pytest.raises(UserError, match=r"plan\.json: plans 5 minutes"):
        plan_derainer(training, material, out, 6.0)


def test_one_of_several_gpus_trains_where_it_is_named(tiny, photographs, tmp_path, monkeypatch):
    asked = {}

    def fabric(**given):
        asked.update(given)
        raise UserError("no GPU is here")

    monkeypatch.setattr("bench.devices.choose_device", lambda wish: wish)
    monkeypatch.setattr("lightning_fabric.Fabric", fabric)
    words = ["train", str(tiny), "--photographs", str(photographs), "--out", str(tmp_path / "out"), "--device"]
    assert "no GPU is here" in str(CliRunner().invoke(app, [*words, "cuda:1"]).exception)
    assert (asked["accelerator"], asked["devices"]) == ("cuda", [1])
    assert "or on one GPU such as cuda:1" in str(CliRunner().invoke(app, [*words, "cpu:0"]).exception)


def test_what_cannot_be_planned_is_refused(tiny, photographs, tmp_path):
    material = Material([photographs])
    halving, cosine = (load_training(str(tiny), {"schedule": schedule}) for schedule in ("halving", "cosine"))
    with pytest.raises(UserError, match="give --schedule cosine"):
        plan_derainer(halving, material, tmp_path / "out", 5.0)
    with pytest.raises(UserError, match="one device"):
        plan_derainer(cosine, material, tmp_path / "out", 5.0, TrainingMachine(devices=2))
    words = ["train", str(tiny), "--photographs", str(photographs), "--steps", "3", "--minutes", "2"]
    assert "give either --steps 3 or --minutes 2" in str(CliRunner().invoke(app, words).exception)


def test_one_core_is_left_to_the_training(monkeypatch):
    monkeypatch.setattr("bench.training.config.usable_cores", lambda: 16)
    assert [usual_loaders(devices) for devices in (1, 2, 15, 16)] == [15, 7, 1, 1]


def test_start_from_weights(tiny, pairs, tmp_path):
    material = Material(pairs={"any": pairs})
    train_derainer(load_training(str(tiny)), material, tmp_path / "first")
    start = tmp_path / "first/tiny.safetensors"
    once = load_training(str(tiny), {"steps": 1, "learning_rate": 1e-12, "floor": 0.0})
    card = train_derainer(once, material, tmp_path / "second", start=start)
    assert card["start"].startswith("tiny.safetensors, sha256 ")
    assert card["started_from"]["steps"] == 3
    clean = np.full((20, 24, 3), 90, np.uint8)
    before, after = (
        trained_file(str(tmp_path / run / "tiny.safetensors"), Options())(clean) for run in ("first", "second")
    )
    assert np.array_equal(before, after)


def test_the_command(tiny, photographs, tmp_path):
    words = ["train", str(tiny), "--photographs", str(photographs), "--out", str(tmp_path / "out"), "--device", "cpu"]
    result = CliRunner().invoke(app, [*words, "--steps", "1"], catch_exceptions=False)
    assert result.exit_code == 0
    assert (tmp_path / "out/tiny.safetensors").is_file()
    assert CliRunner().invoke(app, [*words, "--precision", "8-bit"]).exit_code == 2
    assert isinstance(CliRunner().invoke(app, ["train", "mspfn-lite"]).exception, UserError)


@pytest.mark.slow
def test_two_devices_train_what_one_trains(tiny, photographs, tmp_path):
    # As a user starts it: Lightning Fabric starts the second process with this one's command line.
    words = [
        sys.executable,
        "-m",
        "bench.cli",
        "train",
        str(tiny),
        "--photographs",
        str(photographs),
        "--device",
        "cpu",
    ]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    states = []
    for devices in ("1", "2"):
        out = tmp_path / devices
        command = [*words, "--devices", devices, "--out", str(out)]
        subprocess.run(command, cwd=tmp_path, env=environment, check=True, timeout=300)
        states.append(load_file(out / "tiny.safetensors"))
    # The mean of two halves' gradients is that of the whole but for rounding, here to half precision.
    assert all(torch.allclose(states[0][key].float(), states[1][key].float(), atol=2e-4) for key in states[0])
