"""Read what an ultralytics model file says of itself, without running or importing anything."""

from __future__ import annotations

import ast
import json
import pickletools
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import UserError
from bench.io.onnx_files import OnnxFacts, read_onnx_facts

_MOST_METADATA = 1_000_000
_MASK_COEFFICIENTS = 32
_CLASSES_OF_TASKS = {
    "DetectionModel": "detect",
    "RTDETRDetectionModel": "detect",
    "WorldModel": "detect",
    "YOLOEModel": "detect",
    "SegmentationModel": "segment",
    "YOLOESegModel": "segment",
    "PoseModel": "pose",
    "OBBModel": "obb",
    "ClassificationModel": "classify",
    "SemanticSegmentationModel": "semantic",
    "DepthModel": "depth",
}
"""Classes of ultralytics.nn.tasks by whose name a pickled model tells its task."""


@dataclass(frozen=True)
class ExportFacts:
    """What a model file says of itself.

    Attributes:
        names: Output number to class name; None if the file has no names.
        task: ultralytics' word for it, such as ``detect``; empty if unknown.
        suppresses: True if boxes of low score are dropped inside the file (``nms=True``).
    """

    names: dict[int, str] | None = None
    task: str = ""
    suppresses: bool = False


def read_export_facts(path: Path) -> ExportFacts:
    """Read the facts of a ``.onnx``, ``.tflite``, ``.torchscript`` or ``.pt`` file; a damaged file says nothing."""
    try:
        if path.suffix == ".pt":
            return ExportFacts(task=_task_of_pickle(path))
        if path.suffix == ".onnx":
            return _facts_of_onnx(read_onnx_facts(path))
        if path.suffix in (".tflite", ".torchscript") and zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                texts = [archive.read(item).decode() for item in archive.infolist() if _is_metadata(item)]
            return _facts_of_text(texts[0]) if texts else ExportFacts()
    except Exception:  # a damaged archive, dictionary or number fails in many ways; then the file says nothing
        return ExportFacts()
    return ExportFacts()


def check_export(path: Path, task: str) -> None:
    """Refuse a file that is made for another task, or that hides boxes which a score needs.

    Args:
        path: The file.
        task: ultralytics' word for the task that is asked of it.

    Raises:
        UserError: The file says so; one that says nothing passes.
    """
    facts = read_export_facts(path)
    if facts.task and facts.task != task:
        raise UserError(f"{path}: is made for {facts.task!r}, expected {task!r}")
    if facts.suppresses:
        raise UserError(
            f"{path}: was exported with nms=True, so boxes below a confidence of its own (0.25 unless said otherwise) "
            "are dropped inside, and average precision needs them. Export it again with nms=False"
        )


def _is_metadata(item: zipfile.ZipInfo) -> bool:
    name = item.filename
    known = name in ("metadata.json", "temp_meta.txt") or name.endswith("extra/config.txt")
    return known and item.file_size <= _MOST_METADATA  # a few packed bytes may claim to be gigabytes


def _facts_of_text(text: str) -> ExportFacts:
    return _facts_of(json.loads(text) if text.lstrip().startswith('{"') else ast.literal_eval(text))


def _facts_of_onnx(facts: OnnxFacts) -> ExportFacts:
    said = _facts_of(facts.metadata)
    task = said.task or (_task_of_outputs(facts.outputs, len(said.names)) if said.names else "")
    suppresses = said.suppresses or ("args" not in facts.metadata and "NonMaxSuppression" in facts.operators)
    return ExportFacts(said.names, task, suppresses)


def _facts_of(content: Mapping[str, Any]) -> ExportFacts:
    names = content.get("names")
    settings = content.get("args") or {}
    if isinstance(settings, str):
        settings = ast.literal_eval(settings)
    return ExportFacts(
        None if names is None else class_names(names), str(content.get("task", "")), settings.get("nms") is True
    )


def class_names(names: object) -> dict[int, str]:
    """Read class names from a dictionary, a list, or the text of either.

    Raises:
        ValueError: They are neither.
    """
    if isinstance(names, str):
        names = ast.literal_eval(names)
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict):
        raise ValueError("class names are neither a list nor a dictionary")
    return {int(id): str(name) for id, name in sorted(names.items(), key=lambda item: int(item[0]))}


def _task_of_outputs(outputs: Sequence[Sequence[int | None]], classes: int) -> str:
    """Tell the task from the shapes of a YOLO head's outputs; empty where they leave it open.

    A head gives (1, 4 + classes + extra, boxes), or, without suppression, (1, boxes, 6 + extra).
    """
    first = outputs[0] if outputs else ()
    if len(first) == 2:
        return "classify"
    if len(outputs) == 2 and len(outputs[1]) == 4:
        return "segment"
    if len(first) != 3:
        return ""
    known = {0: "detect", 1: "obb", _MASK_COEFFICIENTS: "segment"}
    extras = [size - usual for size, usual in ((first[1], 4 + classes), (first[2], 6)) if size is not None]
    if sure := next((known[extra] for extra in extras if extra in known), ""):
        return sure
    extra = min(extras, default=0)  # of the sizes, the one that is no count of boxes
    return "pose" if extra > 1 and (extra % 3 == 0 or extra % 2 == 0) else ""


def _task_of_pickle(path: Path) -> str:
    """Tell the task of a pickled model from the names of the classes in it; nothing of it is executed."""
    with zipfile.ZipFile(path) as archive:
        pickled = next(item for item in archive.infolist() if item.filename.endswith("data.pkl"))
        with archive.open(pickled) as file:
            words = (
                str(value).split()[-1] for _, value, _ in pickletools.genops(file) if isinstance(value, str) and value
            )
            return next((_CLASSES_OF_TASKS[word] for word in words if word in _CLASSES_OF_TASKS), "")
