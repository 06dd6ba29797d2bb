"""Suite ``streets`` is the regression test of the whole: drawing, rain, derainers, models, scores, intervals.

The golden tables were written by this program; renew them after a change that is meant to move numbers:

    derainbench run streets --out new && derainbench table new --all --format csv > tests/golden/streets.csv
    derainbench run streets --count 4 --derainers rain,mspfn-light,clean --out few
    derainbench table few --all --format csv > tests/golden/streets_few.csv
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

pytest.importorskip("torch")
pytest.importorskip("segmentation_models_pytorch")

from bench.api.run import run_suite
from bench.api.verify import verify_run
from bench.runs.records import read_records
from bench.scoring.intervals import compare_rows
from bench.suites.suite import load_suite, override
from bench.tables.wide import wide

GOLDEN = Path(__file__).parent / "golden"
MAIN = ("AP50", "mask_AP50", "mIoU")


def differences(table: pd.DataFrame, golden: Path, tolerances: dict[str, float]) -> list[str]:
    """Cells that differ by more than the tolerance of their unit: what is here, and what was."""
    expected = pd.read_csv(golden, dtype=str, keep_default_na=False)
    if list(table.columns) != list(expected.columns) or list(table["derainer"]) != list(expected["derainer"]):
        return [f"other rows or columns: {list(table.columns)} {list(table['derainer'])}"]
    found = []
    for heading in table.columns[1:]:
        unit = heading.rpartition(" (")[2].rstrip(")") if heading.endswith(")") else ""
        for name, new, old in zip(table["derainer"], table[heading], expected[heading], strict=True):
            numbers = pd.to_numeric(pd.Series([new, old]), errors="coerce")
            equal = abs(numbers[0] - numbers[1]) <= tolerances[unit] if numbers.notna().all() else new == old
            if not equal:
                found.append(f"{name}, {heading}: {new}, was {old}")
    return found


def test_a_few_scenes_give_the_golden_table(tmp_path: Path) -> None:
    """Few objects: one that is found or not moves a score by points, so other processors get room for one or two."""
    suite = override(load_suite("streets"), derainers=["rain", "mspfn-light", "clean"], count=4)
    run_suite(suite, tmp_path / "run")
    table = wide(read_records(tmp_path / "run"), "streets", every_metric=True)
    assert differences(table, GOLDEN / "streets_few.csv", {"dB": 0.05, "": 2.0, "%": 6.0}) == []
    quality = table.filter(regex="^(derainer|ssim)")
    expected = pd.read_csv(GOLDEN / "streets_few.csv", dtype=str, keep_default_na=False)[quality.columns]
    pd.testing.assert_frame_equal(
        quality.set_index("derainer").astype(float), expected.set_index("derainer").astype(float), atol=0.002
    )
    assert verify_run(tmp_path / "run") == []


@pytest.mark.slow
def test_the_whole_suite_gives_the_golden_table_and_its_order(tmp_path: Path) -> None:
    run_suite(load_suite("streets"), tmp_path / "run", workers=2)
    table = wide(read_records(tmp_path / "run"), "streets", every_metric=True)
    # Counts of objects have no unit, nor have SSIM and its like: those are compared below.
    assert differences(table, GOLDEN / "streets.csv", {"dB": 0.03, "": 8.0, "%": 1.5}) == []
    for better, worse in (("clean", "mspfn-light"), ("mspfn-light", "rain"), ("prenet-small", "rain")):
        compared = compare_rows(tmp_path / "run", better, worse).set_index("metric")
        for metric in MAIN:
            assert compared.loc[metric, "low"] > 0, f"{better} is not surely above {worse} by {metric}"


def test_a_changed_number_is_noticed() -> None:
    """The comparison itself can fail: by a value, a missing row, an empty cell."""
    table = pd.read_csv(GOLDEN / "streets_few.csv", dtype=str, keep_default_na=False)
    wide_enough = {"dB": 0.05, "": 2.0, "%": 6.0}
    assert differences(table, GOLDEN / "streets_few.csv", wide_enough) == []
    changed = table.copy()
    changed.loc[0, "AP50 (%)"] = str(float(table.loc[0, "AP50 (%)"]) + 7)
    assert len(differences(changed, GOLDEN / "streets_few.csv", wide_enough)) == 1
    changed = table.copy()
    changed.loc[0, "mIoU (%)"] = ""
    assert len(differences(changed, GOLDEN / "streets_few.csv", wide_enough)) == 1
    assert len(differences(table[1:], GOLDEN / "streets_few.csv", wide_enough)) == 1
