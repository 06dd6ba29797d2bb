"""Exports of a real run, read back with the libraries they are for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bench.api.run import run_suite
from bench.contract import Detections
from bench.errors import UserError
from bench.exports.predictions import export_predictions
from bench.exports.rows import rows_of, tracker_name
from bench.exports.to_tables import export_tables
from bench.io.images import read_image, read_label_map
from bench.runs.card import RunCard, read_card, write_card
from bench.runs.folder import RunStore
from bench.runs.records import read_records
from bench.runs.rows import Row
from bench.suites.suite import load_suite, override
from synth.datasets.dataset import open_dataset


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two drawn streets; the answers of a detector and a segmenter that know the labels are put beside."""
    root = tmp_path_factory.mktemp("exports") / "my run"
    suite = override(load_suite("streets"), derainers=["rain", "clean"], tasks=["quality"], count=2)
    run_suite(suite, root)
    store, dataset = RunStore(root), open_dataset(root / "data/streets")
    for derainer in ("rain", "clean"):
        for id in dataset.ids:
            truth = dataset.truth(id)
            assert truth.instances is not None
            assert truth.label_map is not None
            scores = np.linspace(1, 0.5, len(truth.instances.boxes))
            seen = Detections(truth.instances.boxes, scores, truth.instances.class_ids)
            store.write_evidence(Row("streets", derainer, "detection"), id, seen, "key")
            store.write_evidence(Row("streets", derainer, "semantic"), id, truth.label_map, "key")
        store.write_detections(Row("streets", derainer, "detection"), {id: dataset.image_id(id) for id in dataset.ids})
    return root


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_rows_know_their_numbers_and_how_to_read_them(run: Path) -> None:
    rain, clean = rows_of(run)
    assert (rain.name, clean.name) == ("streets/rain", "streets/clean")
    assert clean.metrics["quality/ssim_y"] == 1.0
    assert rain.facts["images"] == "2/2"
    assert rain.facts["run"] == "my run"
    assert rain.facts["quality.protocol"]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("detection/precision@0.25/0.60", "detection/precision_at_0.25/0.60"),
        ("detection/AP[traffic light]", "detection/AP.traffic light"),
        ("x/ä<script>", "x/ä_script_"),
    ],
)
def test_names_are_made_of_letters_that_trackers_take(name: str, kept: str) -> None:
    assert tracker_name(name) == kept


def test_mlflow_reads_every_number_back(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    from bench.exports.to_mlflow import export_mlflow

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    client = mlflow.MlflowClient(tracking_uri=export_mlflow(run, tmp_path / "ml flow", offline=True))
    found = {
        logged.info.run_name: logged
        for logged in client.search_runs([client.get_experiment_by_name("streets").experiment_id])
    }
    assert set(found) == {"my run", "streets/rain", "streets/clean"}
    rain = rows_of(run)[0]
    assert found["streets/rain"].data.metrics == {tracker_name(name): value for name, value in rain.metrics.items()}
    assert found["streets/rain"].data.params["quality.protocol"] == rain.facts["quality.protocol"]
    assert found["streets/rain"].data.tags["mlflow.parentRunId"] == found["my run"].info.run_id
    names = {item.path for item in client.list_artifacts(found["my run"].info.run_id)}
    assert {"records.csv", "card.json", "tables"} <= names


def test_a_server_is_refused_offline(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow")
    from bench.exports.to_mlflow import export_mlflow

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://127.0.0.1:9")
    with pytest.raises(UserError, match="--offline is set"):
        export_mlflow(run, tmp_path, offline=True)


@pytest.mark.slow
def test_wandb_keeps_every_row_on_this_disk(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    from bench.exports.to_wandb import export_wandb

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("WANDB_MODE", raising=False)
    export_wandb(run, tmp_path / "out", offline=True)
    logs = sorted((tmp_path / "out").glob("wandb/offline-run-*/*.wandb"))
    assert len(logs) == 2
    content = b"".join(path.read_bytes() for path in logs)
    for text in (b"streets/rain", b"streets/clean", b"quality/ssim_y", b"my run"):
        assert text in content


def test_tensorboard_shows_numbers_and_images(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from bench.exports.to_tensorboard import export_tensorboard

    export_tensorboard(run, tmp_path)
    events = EventAccumulator(str(tmp_path / "streets/streets/rain"))
    events.Reload()
    for name, value in rows_of(run)[0].metrics.items():
        (scalar,) = events.Scalars(tracker_name(name))
        assert scalar.value == pytest.approx(value, rel=1e-6)
    image = read_image(next((run / "restored/streets/rain").glob("*.png")))
    tags = events.Tags()["images"]
    assert len(tags) == 2
    assert (events.Images(tags[0])[0].height, events.Images(tags[0])[0].width) == (image.shape[0], 3 * image.shape[1])


def test_pycocotools_scores_the_exported_predictions(run: Path, tmp_path: Path) -> None:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    export_predictions(run, tmp_path)
    assert files_below(tmp_path) == [
        "streets/clean/detection.json",
        "streets/labels.json",
        "streets/rain/detection.json",
    ]
    truth = COCO(str(tmp_path / "streets/labels.json"))
    evaluation = COCOeval(truth, truth.loadRes(str(tmp_path / "streets/rain/detection.json")), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1.0)


def test_fiftyone_finds_its_layout_with_images_and_label_maps(run: Path, tmp_path: Path) -> None:
    export_predictions(run, tmp_path, images=True)
    labels = json.loads((tmp_path / "streets/rain/labels.json").read_text(encoding="utf-8"))
    for image in labels["images"]:
        pixels = read_image(tmp_path / "streets/rain/data" / image["file_name"])
        assert pixels.shape == (image["height"], image["width"], 3)
        assert read_label_map(tmp_path / "streets/rain/semantic" / image["file_name"]).shape == pixels.shape[:2]
    assert (tmp_path / "streets/rain/detection.json").is_file()


def test_a_run_without_predictions_is_refused_and_nothing_written(tmp_path: Path) -> None:
    suite = override(load_suite("streets"), derainers=["rain"], tasks=["quality"], count=1)
    run_suite(suite, tmp_path / "run")
    with pytest.raises(UserError, match="holds no predictions"):
        export_predictions(tmp_path / "run", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(UserError, match="no such file"):
        export_predictions(tmp_path / "absent", tmp_path / "out")


def test_published_tables_hold_every_number_and_no_path(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "results/mine"
    write_card(run, named(read_card(run), "/secret/place/net.pth"))
    (out / "tables").mkdir(parents=True)
    (out / "tables/gone.csv").write_text("of a dataset that the run no longer has")
    (out / "cost.csv").write_text("derainer\n")
    export_tables(run, out)
    assert files_below(out) == [
        "card.json", "correlations.csv", "cost.csv", "disagreements.csv", "failures.csv", "intervals.csv",
        "per_class.csv", "records.csv", "slices.csv", "tables/streets.csv",
    ]  # fmt: skip
    assert read_records(out) == read_records(run)
    assert "/secret" not in (out / "card.json").read_text()
    assert read_card(out) == named(read_card(run), "net.pth")
    write_card(run, named(read_card(run), ""))


def named(card: RunCard, file: str) -> RunCard:
    """Let the suite of a card name one more derainer, from a file."""
    derainers = [spec for spec in card.suite["derainers"] if not spec.startswith("mine=")]
    more = [f"mine=prenet@{file}"] if file else []
    return card.model_copy(update={"suite": {**card.suite, "derainers": [*derainers, *more]}})


def test_tables_are_not_published_into_a_run(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is a run folder itself"):
        export_tables(run, run)
    with pytest.raises(UserError, match="no run here"):
        export_tables(tmp_path, tmp_path / "out")
