"""The paper's numbers: what we have of them is consistent, and nothing is subtracted that cannot be compared."""

import re
from statistics import mean

import numpy as np
import pytest
from typer.testing import CliRunner

from bench.api.run import run_suite
from bench.cli import app
from bench.contract import Record
from bench.io.images import write_png
from bench.suites.suite import DatasetConfig, load_suite, parse_suite
from bench.tables.published import PublishedNumber, beside, counterpart, objections, paper_tables, read_published
from derainers import DERAINERS
from synth.sources.pairs import set_names

PAIRS = DatasetConfig(source="pairs", root="x", parameters={"set": "rain100h"})
OURS = load_suite("coco350").datasets["coco350"]


def record(derainer="prenet", metric="psnr_y", value=30.0, images=100, expected=100):
    return Record("rain100h", derainer, "quality", "", metric, value, "dB", images, expected, "rules")


def test_every_name_is_one_of_ours():
    printed = read_published()
    assert len(printed) > 150
    assert {one.derainer for one in printed} <= set(DERAINERS.entries())
    assert {one.dataset for one in printed} - {"any"} <= set(set_names())
    assert all("Jiang et al., CVPR 2020" in one.source for one in printed)


# The averages that HINet's Table 3 (Chen et al., CVPRW 2021) prints in its last columns over the same five sets;
# some are cut off, not rounded.
@pytest.mark.parametrize(
    ("derainer", "psnr", "ssim"),
    [
        ("derainnet", 22.48, 0.796),
        ("semi", 22.88, 0.744),
        ("didmdn", 24.58, 0.770),
        ("umrl", 28.02, 0.880),
        ("rescan", 28.59, 0.857),
        ("prenet", 29.42, 0.897),
        ("mspfn", 30.75, 0.903),
    ],
)
def test_table_4_has_the_averages_that_were_printed_beside_it(derainer, psnr, ssim):
    printed = [one for one in read_published() if one.derainer == derainer and "Table 4" in one.source]
    assert mean(one.value for one in printed if one.metric == "psnr") == pytest.approx(psnr, abs=0.0101)
    assert mean(one.value for one in printed if one.metric == "ssim") == pytest.approx(ssim, abs=0.00101)
    assert len(printed) == 10


def test_parameters_are_near_those_of_our_networks():
    """0.2 millions apart where the widths of the memory are the paper's; the released MSPFN has wider ones."""
    from derainers.facts import facts_table

    printed = {one.derainer: one.value for one in read_published() if one.metric == "parameters"}
    assert printed.pop("mspfn") == 13_350_000
    assert {name: facts_table()[name][0] for name in printed} == pytest.approx(printed, abs=250_000)


def test_ours_are_like_the_authors_and_published_pairs_are_theirs():
    assert counterpart("coco350", OURS) == "coco350-authors"
    assert counterpart("mine", PAIRS) == "rain100h"
    assert counterpart("coco350", replace_config(PAIRS, parameters={"set": "any"})) == "coco350-authors"


def replace_config(config, **changes):
    return config.model_copy(update=changes)


@pytest.mark.parametrize(
    ("config", "records", "reason"),
    [
        (PAIRS, [record()], None),
        (OURS, [record()], "the images are not the authors' .rain coco350_y on photographs of coco."),
        (replace_config(PAIRS, rain="coco350_y"), [record()], "the rain is not the authors' but coco350_y"),
        (replace_config(PAIRS, count=8), [record()], "only a part"),
        (PAIRS, [record(images=99)], "prenet's psnr_y rests on 99 of 100 images"),
        (PAIRS, [record(), record("clean", images=0)], None),
        (PAIRS, [record(images=98, expected=98)], "the paper's set has 100 images, this one 98"),
    ],
)
def test_why_numbers_cannot_be_subtracted(config, records, reason):
    printed = [one for one in read_published() if one.dataset == "rain100h"]
    found = objections(config, records, printed)
    if reason is None:
        assert found == []
    else:
        (only,) = found
        assert re.search(reason, only)


def test_a_difference_is_ours_minus_the_papers_and_empty_where_one_is_missing():
    theirs = [
        PublishedNumber("s", "prenet", "quality", "psnr", 26.77, "dB", 100, "paper"),
        PublishedNumber("s", "mspfn", "quality", "psnr", 28.66, "dB", 100, "paper"),
        PublishedNumber("s", "mspfn", "quality", "ssim", 0.86, "", 100, "paper"),
    ]
    frame = beside([record(value=29.4599), record("clean", value=99)], theirs, differences=True)
    assert frame.to_dict("records") == [
        {"derainer": "prenet", "psnr_y (dB)": "29.46", "psnr_y: paper": "26.77", "psnr_y: ours - paper": "+2.69"},
        {"derainer": "clean", "psnr_y (dB)": "99.00", "psnr_y: paper": "", "psnr_y: ours - paper": ""},
        {"derainer": "mspfn", "psnr_y (dB)": "", "psnr_y: paper": "28.66", "psnr_y: ours - paper": ""},
    ]
    assert "psnr_y: ours - paper" not in beside([record()], theirs, differences=False)


SUITE = """
derainers = ["rain", "classical", "clean"]
[datasets.heavy]
source = "pairs"
root = "heavy"
parameters = { set = "rain100h" }
[datasets.streets]
source = "streets"
rain = "streets_y"
count = 1
[tasks.quality]
"""


def test_from_a_run(tmp_path):
    noise = np.random.default_rng(1)
    for number in range(1, 3):
        clean = noise.integers(0, 200, (24, 32, 3)).astype(np.uint8)
        write_png(tmp_path / f"data/norain-{number:03d}.png", clean)
        write_png(tmp_path / f"data/rain-{number:03d}.png", clean + 50)
    run = tmp_path / "run"
    run_suite(parse_suite(SUITE, "mine", "mine.toml"), run, roots={"heavy": tmp_path / "data"})
    tables, refused = paper_tables(run, differences=False)
    assert list(tables) == ["heavy"]
    assert refused == {"streets": "the paper has no numbers for it, or for what was measured"}
    assert list(tables["heavy"]["derainer"])[:3] == ["rain", "classical", "clean"]
    mspfn = tables["heavy"].set_index("derainer").loc["mspfn"]
    assert mspfn.to_dict() == {"psnr_y (dB)": "", "psnr_y: paper": "28.66", "ssim_y": "", "ssim_y: paper": "0.860"}
    told = CliRunner().invoke(app, ["table", str(run), "--paper", "beside", "--format", "csv"])
    assert "psnr_y: paper" in told.stdout
    assert "not compared with the paper: streets" in told.stderr
    refusal = CliRunner().invoke(app, ["table", str(run), "--paper", "difference"])
    assert "the paper's set has 100 images, this one 2" in str(refusal.exception)
    assert "--paper beside" in str(refusal.exception)
