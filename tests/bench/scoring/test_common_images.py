"""A row that lacks images is compared on those that it has: numbers, intervals, recovery and marks, on a real run."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from PIL import Image as Pillow

from bench.api.report import write_report
from bench.api.run import run_suite
from bench.api.verify import verify_run
from bench.runs.records import read_records
from bench.scoring.estimates import compare_pairs
from bench.scoring.intervals import DIFFERENCES, compare_rows, read_intervals
from bench.scoring.statistics import draw_weights
from bench.suites.suite import Suite, override
from bench.tables.ranking import column_signs, places
from bench.tables.wide import wide

FAILS = """
def build(options):
    def derain(rainy):
        if rainy.sum() % 3 == 0:
            raise ValueError("bad luck")
        return (0.9 * rainy).astype(np.uint8)
    return derain
"""


@pytest.fixture
def out(suite: Suite, photos: Path, tmp_path: Path, image_of: Callable[[int, int, int], npt.NDArray[np.uint8]]) -> Path:
    """A run on 18 photographs, with a derainer that fails on about a third of them."""
    for seed in range(5, 18):
        Pillow.fromarray(image_of(64, 96, seed)).save(photos / "images" / f"p{seed}.jpg", quality=95)
        shutil.copy(photos / "masks" / "a.png", photos / "masks" / f"p{seed}.png")
    (tmp_path / "fails.py").write_text("import numpy as np\n" + FAILS)
    chosen = override(suite, derainers=["rain", f"fails={tmp_path / 'fails.py'}:build", "classical", "clean"])
    run_suite(chosen, tmp_path / "out", roots={"photos": photos})
    return tmp_path / "out"


def values_of(out: Path, metric: str) -> pd.DataFrame:
    """One row an image, one column a derainer; NaN where it has no value."""
    frame = pd.read_csv(out / "per_image.csv")
    return frame[frame.metric == metric].pivot_table(index="image", columns="derainer", values="value")


def test_rows_are_compared_on_the_images_that_both_have(out: Path) -> None:
    values = values_of(out, "ssim_y")
    both = values.dropna()
    assert 10 <= len(both) < len(values) == 18
    row = compare_rows(out, "fails", "rain", every_metric=True).set_index("metric").loc["ssim_y"]
    assert row["images"] == f"{len(both)}/18"
    assert (row["fails"], row["rain"]) == pytest.approx((both["fails"].mean(), both["rain"].mean()), abs=2e-6)
    assert row["rain"] != pytest.approx(values["rain"].mean(), abs=1e-6), "not the number of the table"
    weights = draw_weights(18, 1000, "photos")[:, values["fails"].notna().to_numpy()]
    gaps = weights @ (both["fails"] - both["rain"]).to_numpy() / weights.sum(axis=1)
    assert (row["low"], row["high"]) == pytest.approx(np.quantile(gaps, [0.025, 0.975]), abs=2e-6)
    turned = compare_rows(out, "rain", "fails", every_metric=True).set_index("metric").loc["ssim_y"]
    assert (turned["difference"], turned["low"], turned["high"]) == (-row["difference"], -row["high"], -row["low"])
    assert turned["p"] == row["p"]


def test_rows_with_all_images_are_compared_as_ever(out: Path) -> None:
    row = compare_rows(out, "classical", "rain", every_metric=True).set_index("metric").loc["ssim_y"]
    values = values_of(out, "ssim_y")
    assert row["images"] == "18/18"
    assert row["difference"] == pytest.approx((values["classical"] - values["rain"]).mean(), abs=2e-6)
    lines = pd.read_csv(out / DIFFERENCES)
    assert {"fails"} == {name for pair in zip(lines["first"], lines["second"], strict=True) for name in pair} - {
        "rain", "classical", "clean",
    }  # fmt: skip
    assert (lines[["first", "second"]] == "fails").any(axis=1).all()


def test_recovery_rests_on_the_images_that_row_rain_and_clean_have(out: Path) -> None:
    both = values_of(out, "ssim_y").dropna().mean()
    found = read_intervals(out).set_index(["derainer", "metric"]).loc[("fails", "ssim_y")]
    assert found.recovery == pytest.approx((both["fails"] - both["rain"]) / (both["clean"] - both["rain"]), abs=2e-6)
    assert found.recovery_low <= found.recovery <= found.recovery_high


def test_the_number_on_fewer_images_is_marked_and_not_ranked(out: Path) -> None:
    records = read_records(out)
    frame = wide(records, "photos").set_index("derainer")
    assert frame.loc["fails", "ssim_y"].endswith(" *")
    assert not frame.drop("fails").map(lambda cell: cell.endswith("*")).any(axis=None)
    assert "*" not in (out / "tables" / "photos.csv").read_text(), "programs read bare numbers"
    ranks = places(wide(records, "photos"), column_signs(records))
    assert "ssim_y" not in ranks, "one derainer with all images is neither best nor second"
    write_report(out, out / "report.html")
    page = (out / "report.html").read_text()
    assert "on fewer images than others of its column" in page
    images = compare_pairs(out, records, [("fails", "rain")])["fails", "rain"]["photos", "ssim_y"]
    assert images.images < images.expected == 18


def test_the_run_verifies_and_forgets_differences_that_are_gone(out: Path, suite: Suite, photos: Path) -> None:
    assert verify_run(out) == []
    run_suite(suite, out, roots={"photos": photos})
    assert not (out / DIFFERENCES).exists()
    assert verify_run(out) == []
