"""What weights were trained on, read from the cards of ``derainbench train``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.io.training.origin import TrainedOn, trained_on

SHIPPED = Path(__file__).resolve().parents[4] / "derainers/weights_shipped"
CARD = {
    "data": [{"set": "photographs", "folder": "bsds/train"}, {"set": "rain100h", "folder": "sets/rain100h"}],
    "rains": {"coco350_y": "streaks 1"},
    "training": {"network": "prenet-small", "rain": {"presets": ["coco350_y"]}},
    "start": "",
}


def read(folder: Path, **changes: object) -> TrainedOn | None:
    (folder / "net.json").write_text(json.dumps({**CARD, **changes}))
    return trained_on(folder / "net.safetensors")


def test_a_card_tells_network_images_and_rain(tmp_path: Path) -> None:
    assert read(tmp_path) == TrainedOn(
        "prenet-small", ("bsds/train", "sets/rain100h"), ("coco350_y", "streaks", "rain100h"), whole=True
    )


def test_rains_of_its_own_count_as_what_they_change(tmp_path: Path) -> None:
    kinds = {"thick": {"preset": "bars", "width": 0.01}, "other": {"renderer": "imgaug", "speed_max": 0.3}}
    found = read(tmp_path, training={"network": "net", "rain": {"kinds": kinds}}, rains={"thick": "streaks 1 {}"})
    assert found
    assert {"thick", "bars", "imgaug"} <= set(found.rains)


def test_models_that_led_it_are_told_by_their_digest(tmp_path: Path) -> None:
    found = read(tmp_path, guide={"model": "shipped:detector", "sha256": "ab" * 32, "weight": 0.1})
    assert found
    assert found.guides == ("ab" * 32,)


def test_photographs_that_chose_the_weights_are_told_even_of_the_weights_before(tmp_path: Path) -> None:
    watch: dict[str, object] = {"set": "coco350", "photographs": ["a", "b"], "metric": "AP", "best": {"step": 500}}
    before = {**CARD, "watch": {**watch, "set": "camvid"}}
    found = read(tmp_path, watch=watch, start="older.safetensors, sha256 0", started_from=before)
    assert found
    assert found.watched == ("2 photographs of coco350", "2 photographs of camvid")


def test_what_it_started_from_counts_too(tmp_path: Path) -> None:
    before = {**CARD, "data": [{"set": "photographs", "folder": "camvid/train"}], "rains": {"bars": "streaks 1"}}
    found = read(tmp_path, start="older.safetensors, sha256 0", started_from=before)
    assert found
    assert found.saw("camvid")
    assert {"coco350_y", "bars"} <= set(found.rains)
    assert found.whole


@pytest.mark.parametrize("before", [None, {}, {"of": "another kind"}])
def test_a_start_without_a_card_leaves_something_untold(before: object, tmp_path: Path) -> None:
    found = read(tmp_path, start="downloaded.pth, sha256 0", started_from=before)
    assert found
    assert not found.whole


def test_a_name_is_the_whole_of_a_folder(tmp_path: Path) -> None:
    found = read(tmp_path)
    assert found
    assert found.saw("bsds")
    assert not found.saw("bsd")
    assert not found.saw("camvid")


@pytest.mark.parametrize("text", ["", "[]", '{"data": 3}', "[" * 100_000, "\x00"])
def test_no_card_of_a_training_tells_nothing(text: str, tmp_path: Path) -> None:
    assert trained_on(tmp_path / "net.safetensors") is None
    (tmp_path / "net.json").write_text(text)
    assert trained_on(tmp_path / "net.safetensors") is None


@pytest.mark.parametrize("card", sorted(SHIPPED.glob("*.json")), ids=lambda path: path.stem)
def test_shipped_weights_tell_all_they_saw(card: Path) -> None:
    found = trained_on(card.with_suffix(".safetensors"))
    assert found
    assert found.whole
    assert found.saw("bsds")
    assert found.saw("camvid") is not card.stem.endswith("-bsds")
