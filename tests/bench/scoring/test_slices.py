"""Slices by attributes against the task's own summary of the images of each."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bench.api.run import run_suite
from bench.contract import Classes, Record
from bench.errors import UserError
from bench.runs.folder import LazyMapping, RunStore
from bench.runs.rows import Row
from bench.scoring.slices import find_slices, slice_frame, sliced_table, slices_of_records
from bench.suites.suite import load_suite, override
from tasks.quality.task import build


def test_attributes_with_two_to_twelve_values_make_slices() -> None:
    images = {f"{n}": {"timeofday": "day" if n < 9 else "night", "all": "same", "name": f"{n}"} for n in range(13)}
    images["13"] = {"timeofday": ""}
    found = find_slices(images)
    assert [(part.by, part.value, len(part.ids)) for part in found] == [
        ("timeofday", "day", 9),
        ("timeofday", "night", 4),
    ], "what is the same everywhere, or differs in each image, tells nothing"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight drawn street scenes by day, at dusk and at night."""
    out = tmp_path_factory.mktemp("slices") / "out"
    suite = override(load_suite("streets"), count=8, derainers=["rain", "classical", "clean"], tasks=["quality"])
    run_suite(suite.model_copy(update={"resamples": 100}), out)
    return out


def test_a_slice_is_scored_as_its_images_alone(run: Path) -> None:
    frame = pd.read_csv(run / "slices.csv")
    manifest = pd.read_csv(run / "data/streets/manifest.csv")
    times = {row.id: pd.io.json.ujson_loads(row.attributes)["timeofday"] for row in manifest.itertuples()}
    store, task = RunStore(run), build({}, Classes())
    for (derainer, time), rows in frame[frame["by"] == "timeofday"].groupby(["derainer", "slice"]):
        ids = [id for id in times if times[id] == time]
        row = Row("streets", str(derainer), "quality")
        alone = task.summarise(LazyMapping(ids, partial(store.read_evidence, row)), {})
        expected = {measure.metric: measure.value for measure in alone.measures}
        assert set(rows["images"]) == {len(ids)}
        for found in rows.itertuples():
            assert found.value == pytest.approx(expected[found.metric], abs=1e-6)
            assert np.isnan(found.low) or found.low <= found.value <= found.high


def test_object_sizes_and_severities_come_from_the_records() -> None:
    def record(dataset: str, metric: str, value: float) -> Record:
        return Record(dataset, "rain", "detection", "net", metric, value, "%", 12, 12, "rules")

    records = [record("light", "AP", 30.0), record("heavy", "AP", 10.0), record("light", "AP_small", 5.0)]
    drawn = {Row(name, "rain", "detection"): {"AP": np.linspace(0, 100, 101)} for name in ("light", "heavy")}
    found = slices_of_records(records, drawn, {"light": 0.25, "heavy": 1.5})
    assert [(row.dataset, row.by, row.slice, row.metric, row.value) for row in found] == [
        ("light", "severity", "0.25", "AP", 30.0),
        ("heavy", "severity", "1.5", "AP", 10.0),
        ("light", "object_size", "small", "AP", 5.0),
    ]
    assert (found[0].low, found[0].high) == pytest.approx((2.5, 97.5))
    assert [row.by for row in slices_of_records(records, drawn, {"light": 1.0, "heavy": 1.0})] == ["object_size"]
    table = sliced_table(slice_frame(found), "severity")
    assert table.values.tolist() == [["rain", "AP (%)", "30.00", "10.00"]]
    assert list(table.columns) == ["derainer", "metric", "0.25", "1.5"]
    with pytest.raises(UserError, match="no slices by 'weather'; it has severity, object_size"):
        sliced_table(slice_frame(found), "weather")
