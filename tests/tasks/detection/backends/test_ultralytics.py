"""The ultralytics backend on a real exported detector, and its refusals."""

import importlib.util
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from bench.contract import Classes, ClassSpace, Detections, Instances, Options, Sample, Truth
from bench.errors import ImageError, UserError
from bench.io.files import sha256_of
from bench.io.images import read_image
from bench.io.onnx_files import read_onnx_facts
from tasks.classes import known_spaces
from tasks.detection.backends.ultralytics import import_yolo
from tasks.detection.backends.ultralytics_files import _task_of_outputs, check_export, read_export_facts
from tasks.detection.detector import tidy
from tasks.detection.object_task import ObjectTask
from tasks.detection.task import build

COCO = Classes(instances=known_spaces()["coco"])


def tflite_of(shared: Path) -> Path:
    return shared / "models/detection/yolov8n_int8.tflite"


def task_of(shared: Path, **parameters: float) -> ObjectTask:
    return build({"model": f"ultralytics:{tflite_of(shared)}", **parameters}, COCO)


@pytest.mark.shared
def test_the_real_detector_on_real_photographs(shared: Path) -> None:
    pytest.importorskip("ultralytics", exc_type=ImportError)
    pytest.importorskip("ai_edge_litert")
    official = json.loads((shared / "data/coco/annotations/instances_val2017.json").read_text())
    judge = task_of(shared).judge(Options(threads=1))
    evidence, truths = {}, {}
    for entry in official["images"][:12]:
        image = read_image(shared / "data/coco/val2017" / entry["file_name"])
        truth = Truth(image.shape[:2], instances_of(official, entry["id"]))
        [evidence[entry["file_name"]]] = judge([image], [Sample(entry["file_name"], image, image, truth)])
        truths[entry["file_name"]] = truth
    for seen in evidence.values():
        assert isinstance(seen, Detections)
        assert len(seen.boxes) <= 300
        assert (np.diff(seen.scores) <= 0).all()
        assert set(seen.class_ids.tolist()) <= set(known_spaces()["coco"].ids)
    values = {m.metric: m.value for m in task_of(shared).summarise(evidence, truths).measures}
    # All 100 photographs: AP 41.57, precision 67.1, recall 51.3; blue and red exchanged costs several points.
    assert 35 < values["AP"] < 60
    assert values["precision@0.25/0.60"] > 55
    assert values["recall@0.25/0.60"] > 40


def instances_of(official: dict, image: int) -> Instances:
    rows = [row for row in official["annotations"] if row["image_id"] == image]
    xywh = np.array([row["bbox"] for row in rows], dtype=float).reshape(-1, 4)
    return Instances(
        np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1),
        np.array([row["category_id"] for row in rows], dtype=np.int64),
        np.array([row["iscrowd"] for row in rows], dtype=bool),
        np.array([row["area"] for row in rows], dtype=float),
    )


@pytest.mark.shared
def test_fingerprint_changes_with_inference_not_with_scoring(shared: Path) -> None:
    plain = task_of(shared)
    assert plain.model == "yolov8n_int8"
    assert sha256_of(tflite_of(shared)) in plain.fingerprint
    assert task_of(shared, score=0.5).fingerprint == plain.fingerprint
    assert task_of(shared, nms_overlap=0.5).fingerprint != plain.fingerprint
    assert "score >= 0.50" in task_of(shared, score=0.5).protocol


@pytest.mark.shared
def test_a_coco_detector_scores_the_classes_it_shares_with_bdd(shared: Path) -> None:
    bdd = known_spaces()["bdd"]
    task = build({"model": f"ultralytics:{tflite_of(shared)}"}, Classes(instances=bdd))
    assert [bdd.names[bdd.ids.index(id)] for id in task.scored] == [
        "pedestrian", "car", "truck", "bus", "train", "motorcycle", "bicycle", "traffic light",
    ]  # fmt: skip


@pytest.mark.shared
def test_no_class_in_common_is_refused_before_anything_is_loaded(shared: Path) -> None:
    with pytest.raises(UserError, match="none in common"):
        build({"model": f"ultralytics:{tflite_of(shared)}"}, Classes(instances=ClassSpace("lab", (0,), ("flask",))))


def test_a_pickled_model_is_not_opened_unless_trusted(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    file = tmp_path / "mine.pt"
    file.write_bytes(b"not looked at")
    with pytest.raises(UserError, match=r"runs code.*trust_checkpoint = true"):
        build({"model": f"ultralytics:{file}"}, COCO).judge(Options())


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("ultralytics", exc_type=ImportError)
    pytest.importorskip("onnxruntime")
    file = tmp_path / "mine.onnx"
    file.write_bytes(b"<!DOCTYPE html><p>404</p>")
    with pytest.raises(UserError, match=r"mine\.onnx"):
        build({"model": f"ultralytics:{file}"}, COCO).judge(Options())


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.weights").write_bytes(b"x")
    with pytest.raises(UserError, match=r"ending in \.pt"):
        build({"model": f"ultralytics:{tmp_path / 'mine.weights'}"}, COCO)


def test_offline_absent_weights_say_what_to_do() -> None:
    pytest.importorskip("torch")
    with pytest.raises(UserError, match=r"--offline is set.*--weights-dir"):
        build({"model": "ultralytics:yolo26x"}, COCO).judge(Options(offline=True))


@pytest.mark.parametrize(
    ("member", "text"),
    [
        ("metadata.json", '{"task": "detect", "names": {"0": "car", "1": "bus"}}'),
        ("temp_meta.txt", "{'task': 'detect', 'names': {0: 'car', 1: 'bus'}}"),
        ("model/extra/config.txt", "{\"names\": \"{0: 'car', 1: 'bus'}\"}"),
    ],
)
def test_names_are_read_from_exported_files(tmp_path: Path, member: str, text: str) -> None:
    file = tmp_path / "model.tflite"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(member, text)
    assert read_export_facts(file).names == {0: "car", 1: "bus"}


def test_names_are_read_from_onnx_metadata(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    graph = onnx.helper.make_graph([node], "g", [value], [onnx.helper.make_tensor_value_info("y", 1, [1])])
    model = onnx.helper.make_model(graph)
    names = {number: f"kind {number}" for number in range(40)}
    onnx.helper.set_model_props(model, {"task": "detect", "names": str(names), "stride": "32"})
    onnx.save(model, tmp_path / "model.onnx")
    assert read_export_facts(tmp_path / "model.onnx").names == names


def test_a_hostile_or_empty_file_has_no_names(tmp_path: Path) -> None:
    file = tmp_path / "model.tflite"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("metadata.json", "__import__('os').abort()")
    assert read_export_facts(file).names is None
    (tmp_path / "model.onnx").write_bytes(b"")
    assert read_export_facts(tmp_path / "model.onnx").names is None


def test_a_damaged_image_stays_our_own_error_after_the_import(tmp_path: Path) -> None:
    pytest.importorskip("ultralytics", exc_type=ImportError)
    import_yolo()
    (tmp_path / "cut.png").write_bytes(b"\x89PN")
    with pytest.raises(ImageError, match=r"cut\.png"):
        read_image(tmp_path / "cut.png")


def test_boxes_that_are_no_numbers_or_lie_outside_are_no_evidence() -> None:
    inside, partly = [10.0, 10, 20, 20], [90.0, 10, 130, 20]
    bad = [[np.nan, 0, 5, 5], [0, 0, np.inf, 5], [200, 10, 220, 20], [30, 30, 30, 40], [40, 40, 35, 50]]
    boxes = np.array([inside, *bad, partly])
    raw = Detections(boxes, np.linspace(0.9, 0.3, len(boxes)), np.zeros(len(boxes), np.int64))
    found = tidy(raw, {0: 7}, (60, 100))
    assert found.boxes.tolist() == [inside, [90, 10, 100, 20]]
    assert found.class_ids.tolist() == [7, 7]
    no_score = Detections(np.array([inside]), np.array([np.nan]), np.zeros(1, np.int64))
    assert len(tidy(no_score, {0: 7}, (60, 100)).scores) == 0
    unknown = Detections(np.array([inside]), np.array([0.9]), np.array([55]))
    assert len(tidy(unknown, {0: 7}, (60, 100)).scores) == 0


@pytest.mark.skipif(importlib.util.find_spec("ultralytics") is None, reason="needs ultralytics")
def test_a_library_of_the_system_that_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "cv2").mkdir()
    (tmp_path / "cv2/__init__.py").write_text('raise ImportError("libGL.so.1: cannot open shared object file")')
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import tasks.detection.backends.ultralytics as u; u.import_yolo()"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert "UserError: ultralytics is installed but cannot be imported: libGL.so.1" in done.stderr
    assert "libgl1" in done.stderr


@pytest.mark.parametrize("damage", ["bomb", "list", "deep", "method", "checksum"])
def test_names_in_a_damaged_or_hostile_file_are_not_there(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "model.tflite"
    texts = {"bomb": " " * 5_000_000 + "{}", "list": "[1]", "deep": "[" * 100_000, "method": "{'names': {0: 'a'}}"}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("temp_meta.txt", texts.get(damage, "{'names': {0: 'car', 1: 'bus'}}" * 9))
    content = bytearray(path.read_bytes())
    if damage == "method":
        content[8] = content[content.index(b"PK\x01\x02") + 10] = 99
    elif damage == "checksum":
        content[50] ^= 255
    path.write_bytes(content)
    assert read_export_facts(path).names is None


def onnx_export(path: Path, outputs: list[list[object]], operators: tuple[str, ...] = (), **said: object) -> Path:
    """Write an ONNX file with outputs of given shapes, as an exporter would that says this of its model."""
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    x = helper.make_tensor_value_info("images", kind, [1, 3, 320, 320])
    ends = [helper.make_tensor_value_info(f"output{number}", kind, shape) for number, shape in enumerate(outputs)]
    nodes = [helper.make_node("Identity", ["images"], [end.name]) for end in ends]
    nodes += [helper.make_node(operator, ["images"], ["dropped"]) for operator in operators]
    model = helper.make_model(helper.make_graph(nodes, "net", [x], ends))
    helper.set_model_props(model, {name: str(value) for name, value in said.items()})
    onnx.save(model, path)
    return path


NAMES = {0: "car", 1: "person", 2: "bus"}
DETECT: list[list[object]] = [[1, 7, 2100]]
SEGMENT: list[list[object]] = [[1, 39, 2100], [1, 32, 80, 80]]


@pytest.mark.parametrize("task", ["segment", "obb", "pose", "classify", "semantic"])
def test_an_export_for_another_task_is_refused_when_the_task_is_made(tmp_path: Path, task: str) -> None:
    path = onnx_export(tmp_path / "net.onnx", DETECT, task=task, names=NAMES)
    with pytest.raises(UserError, match=f"is made for '{task}', expected 'detect'"):
        build({"model": f"ultralytics:{path}"}, COCO)
    for member in ("metadata.json", "x/extra/config.txt"):
        archived = tmp_path / ("net.tflite" if member == "metadata.json" else "net.torchscript")
        with zipfile.ZipFile(archived, "w") as archive:
            archive.writestr(member, json.dumps({"task": task, "names": {"0": "car"}}))
        with pytest.raises(UserError, match=f"is made for '{task}'"):
            build({"model": f"ultralytics:{archived}"}, COCO)


@pytest.mark.parametrize(
    ("outputs", "task"),
    [
        (DETECT, "detect"),
        ([[1, 7, "boxes"]], "detect"),
        ([[1, 300, 6]], "detect"),
        (SEGMENT, "segment"),
        ([[1, 300, 38], [1, 32, 80, 80]], "segment"),
        ([[1, 8, 2100]], "obb"),
        ([[1, 300, 7]], "obb"),
        ([[1, 7 + 51, 2100]], "pose"),
        ([[1, 300, 6 + 51]], "pose"),
        ([[1, 3]], "classify"),
        ([["n", "c", "boxes"]], ""),
        ([[1, 5, 2100]], ""),
    ],
)
def test_an_export_without_the_word_is_told_by_its_outputs(
    tmp_path: Path, outputs: list[list[object]], task: str
) -> None:
    path = onnx_export(tmp_path / "net.onnx", outputs, names=NAMES)
    assert read_export_facts(path).task == task


@pytest.mark.parametrize(
    ("said", "operators", "refused"),
    [
        ({"args": {"batch": 1, "nms": True}}, (), True),
        ({"args": {"batch": 1, "nms": False}}, (), False),
        ({"args": {"batch": 1, "nms": False}}, ("NonMaxSuppression",), False),
        ({}, ("NonMaxSuppression",), True),
        ({}, (), False),
    ],
)
def test_suppression_inside_the_file_is_refused(
    tmp_path: Path, said: dict[str, object], operators: tuple[str, ...], refused: bool
) -> None:
    path = onnx_export(tmp_path / "net.onnx", DETECT, operators, task="detect", names=NAMES, **said)
    if refused:
        with pytest.raises(UserError, match=r"exported with nms=True.*average precision"):
            check_export(path, "detect")
    else:
        check_export(path, "detect")


@pytest.mark.parametrize(
    ("name", "task"),
    [("DetectionModel", "detect"), ("SegmentationModel", "segment"), ("OBBModel", "obb"), ("Module", "")],
)
def test_a_trusted_pickle_tells_its_task_without_being_loaded(tmp_path: Path, name: str, task: str) -> None:
    path = tmp_path / "net.pt"
    pickled = b"\x80\x02}X\x05\x00\x00\x00modelcultralytics.nn.tasks\n" + name.encode() + b"\n)R)s."
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data.pkl", pickled)
    assert read_export_facts(path).task == task
    if task not in ("", "detect"):
        with pytest.raises(UserError, match=f"is made for '{task}', expected 'detect'"):
            build({"model": f"ultralytics:{path}", "trust_checkpoint": True}, COCO)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["", "-seg", "-obb", "-pose"])
def test_real_exports_are_told_apart(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ultralytics", exc_type=ImportError)
    pytest.importorskip("onnx")
    monkeypatch.chdir(tmp_path)
    model = import_yolo()(f"yolov8n{kind}.yaml")
    path = Path(model.export(format="onnx", imgsz=64, opset=17, simplify=False))
    said, shown = read_export_facts(path), read_onnx_facts(path)
    assert said.names is not None
    wanted = {"": "detect", "-seg": "segment", "-obb": "obb", "-pose": "pose"}[kind]
    assert said.task == wanted
    assert _task_of_outputs(shown.outputs, len(said.names)) == wanted
    assert not said.suppresses
