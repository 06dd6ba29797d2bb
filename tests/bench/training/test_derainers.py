"""Training as a whole: photographs and published pairs in, weights and card out."""

import hashlib
import json
import os
import pickle
import subprocess
import sys
from dataclasses import asdict, replace
from types import SimpleNamespace

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
    with_clean_share,
)
from bench.training.rains import open_rains
from derainers.trained import trained_file
from synth.rain.presets import preset
from tests.stopped_training import StoppedError, stop_after

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

RENDERER = """
import numpy as np
from synth.rain.renderer import Rain

class Veil:
    version, fingerprint = "1", "a veil of 40"
    def __call__(self, image, /, key, severity=1.0, depth=None):
        return Rain((np.minimum(image, 215) + 40).astype(np.uint8), {})

def build(parameters):
    return Veil()
"""


class NoRain:
    """A renderer whose images cannot be dry and which takes no time."""

    def __call__(self, image, /, key, severity=1.0, depth=None):
        return SimpleNamespace(rainy=255 - image)


def with_rain(training, **changes):
    return training.model_copy(update={"rain": training.rain.model_copy(update=changes)})


def is_dry(pair):
    return np.array_equal(*pair)


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


def test_without_dry_photographs_a_trainings_identity_is_that_of_earlier_versions(tiny):
    written = load_training(str(tiny)).model_dump(mode="json")["rain"]
    assert written == {"presets": ["coco350_y", "bdd150_y"], "severities": [0.5, 1.0], "zooms": [1.0, 1.4]}
    tiny.write_text(TINY + "clean_share = 0.25")
    assert load_training(str(tiny)).model_dump(mode="json")["rain"] == written | {"clean_share": 0.25}


def test_a_training_begun_before_there_were_dry_photographs_goes_on(tiny, photographs, tmp_path):
    training, material, out = load_training(str(tiny)), Material([photographs]), tmp_path / "out"
    whole = train_derainer(training, material, tmp_path / "whole")
    with pytest.raises(StoppedError):
        train_derainer(training, material, out, after_step=stop_after(2))
    path = out / "checkpoint.pt"
    content = torch.load(path, weights_only=True)
    _, others = json.loads(content["identity"])
    assert list(others["training"]["rain"]) == ["presets", "severities", "zooms"]  # as the version before wrote it
    assert train_derainer(training, material, out)["sha256"] == whole["sha256"]
    with pytest.raises(UserError, match="other settings"):
        train_derainer(with_rain(training, clean_share=0.5), material, out)


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
        (TINY + "clean_share = 1.5", "rain.clean_share"),
        (TINY + "clean_share = nan", "rain.clean_share"),
        (TINY + "clean_share = 'few'", "rain.clean_share"),
        ("tones = 1.5\n" + TINY, "tones"),
        ("tones = -0.1\n" + TINY, "tones"),
    ],
)
def test_hostile_configurations_are_refused_by_key(text, message, tiny):
    tiny.write_text(text)
    with pytest.raises(UserError, match=message):
        load_training(str(tiny))


def test_a_kind_of_rain_of_the_trainings_own_is_drawn_and_stands_in_the_card(tiny, photographs, tmp_path):
    (tmp_path / "mine.py").write_text(RENDERER)
    own = f"""
[rain.kinds.wet]
preset = "bdd150_y"
lens_drops = 20
[rain.kinds.veil]
renderer = "{tmp_path / "mine.py"}:build"
"""
    tiny.write_text(TINY.replace('"bdd150_y"]', '"wet", "veil"]') + own)
    training = load_training(str(tiny))
    usual, _, wet, longer, veil, _ = open_rains(training)
    assert wet.parameters == preset("bdd150_y").with_changes({"lens_drops": 20})
    assert longer.parameters.length == pytest.approx(1.4 * wet.parameters.length)
    assert usual.parameters == preset("coco350_y")
    assert veil.fingerprint == "a veil of 40"
    once = training.model_copy(update={"steps": 1})
    card = train_derainer(once, Material([photographs]), tmp_path / "out")
    assert card["rains"] == {"coco350_y": usual.fingerprint, "wet": wet.fingerprint, "veil": "a veil of 40"}
    assert card["training"]["rain"]["kinds"]["wet"] == {"preset": "bdd150_y", "lens_drops": 20}


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("[rain.kinds.thick]\npreset = 'coco350_y'", r"rain\.kinds\.thick: takes no part; name it in rain\.presets"),
        ("[rain.kinds.bdd150_y]\nlens_drops = 20", r"rain\.kinds\.bdd150_y: is the name of a preset"),
        ("[rain.kinds.imgaug]\nlens_drops = 20", r"rain\.kinds\.imgaug: is the name of a preset or renderer"),
        ("[rain.kinds.wet]\nlens_drop = 20", r"rain\.kinds\.wet: unknown rain parameter 'lens_drop'.*lens_drops"),
        ("[rain.kinds.wet]\npreset = 'coco'", r"rain\.kinds\.wet: unknown rain preset 'coco'"),
        ("[rain.kinds.wet]\nrenderer = 'drizzle'", r"rain\.kinds\.wet: unknown rain renderer 'drizzle'"),
        ("[rain.kinds.wet]\nlens_drops = []", r"kinds\.wet\.lens_drops"),
        ("[rain.kinds.'../wet']\nlens_drops = 20", "kinds"),
        ("[rain]\nkinds = 3", "kinds"),
    ],
)
def test_kinds_of_rain_that_are_none_are_refused(kind, message, tiny, photographs):
    text = TINY.replace('"bdd150_y"]', '"wet"]') + kind
    tiny.write_text(text.replace("[rain]\nkinds", "kinds"))
    with pytest.raises(UserError, match=message):
        open_stream(load_training(str(tiny)), Material([photographs]))


@pytest.mark.parametrize(
    ("rain", "message"),
    [
        ({"presets": ("coco351_y",)}, r"training tiny: rain\.presets: .*coco350_y"),
        ({"presets": ("imgaugg",)}, "imgaug"),
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


def test_the_shares_option_replaces_the_configured_one_and_stands_in_the_command():
    training = load_training("mspfn-light")
    assert with_clean_share(training, None) == training
    changed = with_clean_share(training, 0.25)
    assert changed.rain.clean_share == 0.25
    assert changed.rain.presets == training.rain.presets
    assert changes_of(changed) == {"clean-share": "0.25"}
    assert changes_of(with_clean_share(training, training.rain.clean_share)) == {}
    for wrong in (-0.1, 8.0, float("nan")):
        with pytest.raises(UserError, match="--clean-share: expected a share"):
            with_clean_share(training, wrong)


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


def test_a_training_needs_images_and_the_pairs_of_its_configuration(tiny, photographs, pairs):
    with pytest.raises(UserError, match="give --photographs DIR, --pairs SET=DIR, or both"):
        open_stream(load_training(str(tiny)), Material())
    for clean in ([], [photographs]):
        with pytest.raises(UserError, match="give --pairs rain14000=DIR"):
            open_stream(load_training("mspfn-unified"), Material(clean, {"any": pairs}))


def test_pairs_come_as_they_are_beside_photographs_in_one_epoch(tiny, photographs, pairs):
    training = with_rain(load_training(str(tiny)), clean_share=1.0)
    stream = open_stream(training, Material([photographs], {"any": pairs}))
    assert stream.count == 5
    made = [stream(number) for number in range(5)]
    given = [np.array_equal(rainy, clean + 50) for rainy, clean in made]
    dry = [np.array_equal(rainy, clean) for rainy, clean in made]
    assert sorted(zip(given, dry, strict=True)) == [(False, True)] * 3 + [(True, False)] * 2  # no pair stays dry


def test_a_share_of_the_photographs_stays_dry_by_their_numbers_alone(tiny, photographs):
    material, training = Material([photographs]), load_training(str(tiny))
    never, rarely, often = (
        replace(open_stream(training, material), clean_share=share, renderers=(NoRain(),)) for share in (0, 0.1, 0.4)
    )
    found = [[is_dry(stream(number)) for number in range(900)] for stream in (never, rarely, often)]
    assert [sum(dry) for dry in found] == [0, pytest.approx(90, abs=27), pytest.approx(360, abs=45)]
    assert all(more for less, more in zip(*found[1:], strict=True) if less)  # a larger share keeps dry what was
    assert [is_dry(often(number)) for number in (899, 3, 250)] == [found[2][number] for number in (899, 3, 250)]


def test_the_others_have_the_rain_that_they_have_without_dry_ones(tiny, photographs):
    training, material = load_training(str(tiny)), Material([photographs])
    wet, mixed = (open_stream(with_rain(training, clean_share=share), material) for share in (0.0, 0.5))
    assert wet.clean_share == 0
    for number in range(8):
        rainy, clean = mixed(number)
        assert is_dry((rainy, clean)) or np.array_equal(rainy, wet(number)[0])


def test_tones_change_photographs_by_their_numbers_and_no_published_pair(tiny, photographs, pairs):
    material, training = Material([photographs], {"any": pairs}), with_rain(load_training(str(tiny)), clean_share=1.0)
    assert "tones" not in training.model_dump()  # the identity of a training that was begun before there were any
    toned = training.model_copy(update={"tones": 0.4})
    assert toned.model_dump()["tones"] == 0.4
    plain, changed = open_stream(training, material), open_stream(toned, material)
    for number in range(10):
        (_, before), (rainy, after) = plain(number), changed(number)
        is_pair = np.array_equal(rainy, before + 50)
        assert np.array_equal(before, after) == is_pair
        assert is_pair or is_dry((rainy, after))
        assert np.array_equal(changed(number)[1], after)


def test_the_streams_bytes_are_those_that_weights_were_trained_on(tiny, photographs):
    """Made by the version before dry photographs could be asked for, from these three images."""
    stream = open_stream(load_training(str(tiny)), Material([photographs]))
    digest = hashlib.sha256(b"".join(side.tobytes() for number in range(5) for side in stream(number)))
    assert digest.hexdigest() == "5148a9e011a816b68b235796b688796995846c69c636e7e88eeff67f0e95c105"


def test_another_renderer_takes_part_and_only_presets_are_zoomed(tiny, photographs, tmp_path):
    (tmp_path / "mine.py").write_text(RENDERER)
    mine = f"{tmp_path / 'mine.py'}:build"
    training = with_rain(load_training(str(tiny)), presets=("bars", mine), zooms=(1.0, 2.0))
    stream = open_stream(training, Material([photographs]))
    bars, longer, *others = stream.renderers
    assert longer.parameters.length == 2 * bars.parameters.length
    assert [renderer.fingerprint for renderer in others] == ["a veil of 40"] * 2
    made = [stream(number) for number in range(40)]
    veiled = [bool((rainy == np.minimum(clean, 215) + 40).all()) for rainy, clean in made]
    assert 8 < sum(veiled) < 32  # as often as it is named


def test_a_damaged_photograph_is_named(tiny, photographs):
    (photographs / "1.png").write_bytes(b"\x89PNG nothing")
    stream = open_stream(load_training(str(tiny)), Material([photographs]))
    with pytest.raises(UserError, match=r"1\.png"):
        [stream(number) for number in range(3)]


def test_a_photograph_smaller_than_a_crop_is_named_before_the_first_step(tiny, photographs):
    write_png(photographs / "small.png", np.zeros((12, 40, 3), np.uint8))
    with pytest.raises(UserError, match=r"photographs: image 'small' has 40x12 pixels, expected 16x16 of a crop"):
        open_stream(load_training(str(tiny)), Material([photographs]))


def test_what_is_not_there_is_told_before_the_first_step(tiny, photographs, tmp_path):
    training, out = load_training(str(tiny)), tmp_path / "out"
    with pytest.raises(UserError, match=r"nowhere: no such folder"):
        train_derainer(training, Material([photographs], tests={"any": tmp_path / "nowhere"}), out)
    with pytest.raises(UserError, match=r"--start .*nowhere\.safetensors: no such file"):
        train_derainer(training, Material([photographs]), out, start=tmp_path / "nowhere.safetensors")
    assert not out.exists()


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


def test_a_share_of_the_first_weights_stays_in_the_last(tiny, photographs, tmp_path):
    training, material = load_training(str(tiny)), Material([photographs])
    assert "start_share" not in training.model_dump()
    train_derainer(training, material, tmp_path / "first")
    start = tmp_path / "first/tiny.safetensors"
    again = training.model_copy(update={"seed": 5})
    mixing = again.model_copy(update={"start_share": 0.25})
    train_derainer(again, material, tmp_path / "last", start=start)
    card = train_derainer(mixing, material, tmp_path / "mixed", start=start)
    assert card["training"]["start_share"] == 0.25
    first, last, mixed = (load_file(tmp_path / f"{name}/tiny.safetensors") for name in ("first", "last", "mixed"))
    for name, value in mixed.items():
        torch.testing.assert_close(
            value.float(), 0.25 * first[name].float() + 0.75 * last[name].float(), atol=1e-3, rtol=1e-3
        )
    with pytest.raises(StoppedError):
        train_derainer(mixing, material, tmp_path / "stopped", start=start, after_step=stop_after(2))
    assert train_derainer(mixing, material, tmp_path / "stopped", start=start)["sha256"] == card["sha256"]
    alone = [train_derainer(one, material, tmp_path / f"alone{one.start_share}") for one in (again, mixing)]
    assert alone[0]["sha256"] == alone[1]["sha256"]  # drawn weights leave nothing behind


def test_a_share_of_no_first_weights_is_refused(tiny, photographs, tmp_path):
    asked = ["--photographs", str(photographs), "--start-share", "0.5", "--out", str(tmp_path / "out")]
    refused = CliRunner().invoke(app, ["train", str(tiny), *asked])
    assert "there are none; add --start FILE" in str(refused.exception)
    assert not (tmp_path / "out").exists()


def test_the_command(tiny, photographs, tmp_path):
    words = ["train", str(tiny), "--photographs", str(photographs), "--out", str(tmp_path / "out"), "--device", "cpu"]
    result = CliRunner().invoke(app, [*words, "--steps", "1", "--clean-share", "0.5"], catch_exceptions=False)
    assert result.exit_code == 0
    assert (tmp_path / "out/tiny.safetensors").is_file()
    assert json.loads((tmp_path / "out/tiny.json").read_text())["training"]["rain"]["clean_share"] == 0.5
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
