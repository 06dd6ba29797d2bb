"""The weights that come with DerainBench."""

import json
from pathlib import Path

import numpy as np
import pytest

import derainers.weights_shipped
from bench.contract import Options
from bench.io.weights import find_weights
from derainers import DERAINERS
from derainers.check import check_derainer
from derainers.weights import weights_of, weights_table

FOLDER = Path(derainers.weights_shipped.__file__).parent
NAMES = sorted(path.stem for path in FOLDER.glob("*.safetensors"))


def test_there_are_some_and_they_are_small():
    assert "mspfn-light" in NAMES
    assert sum(path.stat().st_size for path in FOLDER.iterdir() if path.is_file()) < 12_000_000


@pytest.mark.parametrize("name", NAMES)
def test_table_file_and_card_agree(name):
    (entry,) = weights_of(name)
    card = json.loads((FOLDER / f"{name}.json").read_text())
    assert find_weights(entry, Options()) == FOLDER / entry.file
    assert (card["file"], card["bytes"], card["sha256"]) == (entry.file, entry.bytes, entry.sha256)
    for images in card["quality"]:
        assert images["count"] >= 40
    held_out = next(row for row in card["quality"] if "coco350_y" in row["images"])
    assert held_out["restored"]["psnr_rgb"] >= held_out["rainy"]["psnr_rgb"] + 3


@pytest.mark.parametrize("name", NAMES)
def test_they_are_derainers_by_name_without_folder_or_network(name):
    derainer = DERAINERS.load(DERAINERS.find(name))(Options(offline=True))
    findings = check_derainer(derainer)
    assert [finding for finding in findings if not finding.passed] == []


def test_every_shipped_file_has_a_row():
    assert set(NAMES) <= set(weights_table())


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_cards_figures_are_found_again(name, shared):
    from bench.training.derainers import held_out_pairs
    from derainers.training.validation import psnr_of

    derainer = DERAINERS.load(DERAINERS.find(name))(Options(offline=True))
    pairs = held_out_pairs(shared / "data/bsds/val", 5)
    before = np.mean([psnr_of(rainy, clean) for rainy, clean in pairs])
    after = np.mean([psnr_of(derainer(rainy), clean) for rainy, clean in pairs])
    assert after >= before + 3
