"""The semantic task: on a real network, and on small ones written to disk by the library itself."""

import json
from pathlib import Path

import numpy as np
import pytest

from bench.contract import Classes, ClassSpace, Options, Sample, Truth
from bench.errors import UserError
from bench.io.images import read_image, read_label_map
from tasks.classes import known_spaces, map_classes
from tasks.semantic.task import SemanticTask, build, space_of_model

CAMVID = Classes(labels=known_spaces()["camvid"])


@pytest.mark.shared
def test_the_real_network_scores_what_its_card_says(shared: Path) -> None:
    pytest.importorskip("segmentation_models_pytorch")
    task = build({"model": f"smp:{shared / 'models/semantic/camvid_fpn'}"}, CAMVID)
    judge = task.judge(Options(threads=1))
    evidence, truths = {}, {}
    for path in sorted((shared / "data/camvid/val").glob("*.png")):
        image = read_image(path)
        labels = read_label_map(shared / "data/camvid/valannot" / path.name)
        truth = Truth(image.shape[:2], label_map=np.where(labels == 11, 255, labels).astype(np.uint8))
        [evidence[path.stem]] = judge([image], [Sample(path.stem, image, image, truth)])
        truths[path.stem] = truth
    values = {m.metric: m.value for m in task.summarise(evidence, truths).measures}
    # From the model's card: 101 validation frames, void left out.
    assert values["mIoU"] == pytest.approx(48.08, abs=0.01)
    assert values["pixel_accuracy"] == pytest.approx(83.84, abs=0.01)
    assert values["classes_scored"] == 11
    assert list(values)[:4] == ["mPA", "mIoU", "pixel_accuracy", "fwIoU"]


def small_network(folder: Path, classes: int) -> Path:
    smp = pytest.importorskip("segmentation_models_pytorch")
    torch = pytest.importorskip("torch")
    torch.manual_seed(1)
    network = smp.create_model("unet", "resnet18", encoder_weights=None, classes=classes)
    network.save_pretrained(folder)
    return folder


def test_a_saved_network_answers_in_the_datasets_ids(tmp_path: Path, image_of) -> None:
    folder = small_network(tmp_path / "net", 3)
    space = ClassSpace("mine", (4, 9, 30), ("sky", "road", "car"))
    task = build({"model": f"smp:{folder}"}, Classes(labels=space))
    image = image_of(45, 70, 3)
    judge = task.judge(Options())
    sample = Sample("a", image, image, Truth((45, 70)))
    alone = judge([image], [sample])[0]
    assert (alone.shape, alone.dtype) == ((45, 70), np.uint8)
    assert set(np.unique(alone)) <= {4, 9, 30}
    other = image_of(64, 40, 4)
    np.testing.assert_array_equal(judge([other, image], [sample, sample])[1], alone)
    assert task.model == "net"


def test_padding_is_zero_after_normalisation(tmp_path: Path, image_of) -> None:
    torch = pytest.importorskip("torch")
    smp = pytest.importorskip("segmentation_models_pytorch")
    folder = small_network(tmp_path / "net", 3)
    image = image_of(45, 70, 3)
    network = smp.from_pretrained(str(folder)).eval()
    canvas = np.zeros((64, 96, 3), dtype=np.float32)
    canvas[:45, :70] = (image / 255.0 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    with torch.inference_mode():
        expected = network(torch.from_numpy(canvas).permute(2, 0, 1)[None]).argmax(dim=1)[0, :45, :70].numpy()
    task = build({"model": f"smp:{folder}"}, Classes(labels=ClassSpace("mine", (0, 1, 2), ("a", "b", "c"))))
    found = task.judge(Options())([image], [Sample("a", image, image, Truth((45, 70)))])[0]
    assert (found != expected).mean() < 0.001  # float32 against float64 normalisation


def test_another_number_of_outputs_is_refused(tmp_path: Path) -> None:
    folder = small_network(tmp_path / "net", 3)
    with pytest.raises(UserError, match=r"3 outputs.*11 classes.*'outputs'"):
        build({"model": f"smp:{folder}"}, CAMVID).judge(Options())


def test_damaged_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match=r"no model\.safetensors"):
        build({"model": f"smp:{tmp_path}"}, CAMVID)
    folder = small_network(tmp_path / "net", 11)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "encoder_name": "resnet34"}))
    with pytest.raises(UserError, match="belongs to another network"):
        build({"model": f"smp:{folder}"}, CAMVID).judge(Options())
    (folder / "config.json").write_text(json.dumps({**config, "_model_class": "os"}))
    with pytest.raises(UserError, match="not the settings of an smp network"):
        build({"model": f"smp:{folder}"}, CAMVID).judge(Options())


def test_outputs_of_a_known_space_are_mapped(tmp_path: Path) -> None:
    folder = small_network(tmp_path / "net", 19)
    space = ClassSpace("mine", (1, 2, 3), ("tram", "Road", "pedestrian"))
    task = build({"model": f"smp:{folder}", "outputs": "cityscapes"}, Classes(labels=space))
    assert task.scored == (2, 3)
    with pytest.raises(UserError, match="parameter 'outputs'"):
        build({"model": f"smp:{folder}", "outputs": "citiscapes"}, Classes(labels=space))


def test_outputs_are_the_datasets_classes_or_those_of_the_space_they_are_named_after() -> None:
    street = ClassSpace("mine", (4, 9, 12), ("tram", "Road", "pedestrian"))
    network = build({"model": "torchvision:fcn_resnet50", "outputs": "dataset"}, Classes(labels=street)).checkpoint
    assert map_classes(space_of_model("dataset", network, street), street) == {0: 4, 1: 9, 2: 12}
    # The train ids of road and person.
    assert map_classes(space_of_model("cityscapes", network, street), street) == {0: 9, 11: 12}
    # The published network knows that its outputs are Pascal VOC's: person is the 15th.
    assert map_classes(space_of_model("auto", network, street), street) == {15: 12}


def test_what_is_on_record_names_the_classes_and_scores_without_the_network() -> None:
    street = Classes(labels=ClassSpace("mine", (4, 9, 12), ("tram", "Road", "pedestrian")))
    task = build({"model": "torchvision:fcn_resnet50", "outputs": "dataset", "classes": ("Road", "tram")}, street)
    again = build(task.scoring, street)
    assert (again.model, again.scored) == (task.model, task.scored) == ("fcn_resnet50", (4, 9))
    truth = Truth((1, 4), label_map=np.array([[4, 4, 9, 12]], np.uint8))
    seen = {"a": np.array([[4, 9, 9, 9]], np.uint8)}
    values = {m.metric: m.value for m in again.summarise(seen, {"a": truth}).measures}
    assert (values["mPA"], values["mIoU"]) == (75, 50)
    facts = json.loads(task.fingerprint)
    assert (facts["backend"], facts["classes"]) == ("torchvision", ["mine", [4, 9, 12], ["tram", "Road", "pedestrian"]])
    assert json.loads(build({"model": "torchvision:fcn_resnet50"}, Classes()).fingerprint)["classes"] is None


def summary_task(tmp_path: Path, names: tuple[str, ...] = ()) -> SemanticTask:
    folder = small_network(tmp_path / "net", 3)
    space = ClassSpace("mine", (0, 1, 2), ("road", "sky", "car"))
    return build({"model": f"smp:{folder}", "classes": names}, Classes(labels=space))


def test_summary_pools_pixels_over_images(tmp_path: Path) -> None:
    task = summary_task(tmp_path)
    truths = {
        "a": Truth((1, 4), label_map=np.array([[0, 0, 0, 255]], np.uint8)),
        "b": Truth((1, 4), label_map=np.array([[1, 1, 1, 1]], np.uint8)),
    }
    evidence = {"a": np.array([[0, 0, 1, 1]], np.uint8), "b": np.array([[1, 1, 255, 0]], np.uint8)}
    values = {m.metric: m.value for m in task.summarise(evidence, truths).measures}
    # road: 2 right of 3, union 4; sky: 2 right of 4, union 5; car is absent.
    assert values["mPA"] == pytest.approx(100 * (2 / 3 + 2 / 4) / 2)
    assert values["mIoU"] == pytest.approx(100 * (2 / 4 + 2 / 5) / 2)
    assert values["classes_scored"] == 2
    assert "iou[car]" not in values
    per_image = {(m.image, m.metric): m.value for m in task.summarise(evidence, truths).per_image}
    assert per_image == pytest.approx({
        ("a", "mPA"): 100 * 2 / 3, ("a", "mIoU"): 100 * 2 / 3, ("a", "pixel_accuracy"): 100 * 2 / 3,
        ("b", "mPA"): 50, ("b", "mIoU"): 50, ("b", "pixel_accuracy"): 50,
    })  # fmt: skip
    # Drawn twice, an image's pixels count twice: road has 4 right of 6.
    resampled = task.resample(evidence, truths, np.array([[1, 1], [2, 0], [0, 2]]))
    assert resampled["mPA"] == pytest.approx([100 * (2 / 3 + 2 / 4) / 2, 100 * 2 / 3, 50])
    assert resampled["pixel_accuracy"] == pytest.approx([400 / 7, 200 / 3, 50])


def test_predictions_outside_the_scored_classes_are_wrong(tmp_path: Path) -> None:
    task = summary_task(tmp_path, ("road",))
    truths = {"a": Truth((1, 4), label_map=np.array([[0, 0, 1, 1]], np.uint8))}
    values = {m.metric: m.value for m in task.summarise({"a": np.array([[0, 1, 0, 1]], np.uint8)}, truths).measures}
    assert values["pixel_accuracy"] == 50
    assert values["classes_scored"] == 1


def test_unknown_true_labels_name_the_image(tmp_path: Path) -> None:
    truths = {"frame-3": Truth((1, 1), label_map=np.array([[77]], np.uint8))}
    with pytest.raises(UserError, match=r"frame-3.*\[77\]"):
        summary_task(tmp_path).summarise({"frame-3": np.array([[0]], np.uint8)}, truths)


def test_a_dataset_or_an_image_without_label_map_is_refused(tmp_path: Path) -> None:
    folder = small_network(tmp_path / "net", 2)
    with pytest.raises(UserError, match="the dataset has no label maps"):
        build({"model": f"smp:{folder}"}, Classes()).judge(Options())
    task = build({"model": f"smp:{folder}"}, Classes(labels=ClassSpace("mine", (1, 2), ("sky", "road"))))
    seen = np.ones((4, 4), dtype=np.uint8)
    with pytest.raises(UserError, match="night-7: has no label map to score against"):
        task.summarise({"night-7": seen}, {"night-7": Truth((4, 4))})
    with pytest.raises(TypeError, match="expected a label map, got dict"):
        task.summarise({"a": {"psnr_y": 1.0}}, {"a": Truth((4, 4), label_map=seen)})


def test_nothing_labelled_has_no_scores(tmp_path: Path) -> None:
    space = ClassSpace("mine", (1, 2), ("sky", "road"))
    task = build({"model": f"smp:{small_network(tmp_path / 'net', 2)}"}, Classes(labels=space))
    truth = Truth((4, 4), label_map=np.full((4, 4), 255, dtype=np.uint8))
    summary = task.summarise({"a": np.ones((4, 4), dtype=np.uint8)}, {"a": truth})
    assert (summary.measures, summary.per_image) == ((), ())


def test_a_hub_name_without_network_says_what_to_do() -> None:
    pytest.importorskip("huggingface_hub")
    task = build({"model": "smp:nobody/no-such-network"}, Classes(labels=ClassSpace("mine", (1, 2), ("sky", "road"))))
    with pytest.raises(UserError, match=r"could not be fetched from the hub .* Download the folder by hand"):
        task.judge(Options(offline=True))
