"""Run any ultralytics detector: PyTorch, TorchScript, ONNX or TFLite file, or a published name.

ultralytics is licensed under the AGPL-3.0 and comes with the extra ``yolo``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bench.contract import ClassSpace, Detections, Image, Options
from bench.devices import torch_for
from bench.errors import MissingExtraError, UserError
from bench.io.files import sha256_of
from bench.io.masks import encode
from bench.io.telemetry import forbid_telemetry
from tasks.classes import known_spaces, space_of_outputs
from tasks.detection.backends.ultralytics_files import check_export, class_names, read_export_facts
from tasks.detection.detector import LEAST_SCORE, MOST_BOXES
from tasks.detection.settings import DetectionSettings
from tasks.models.checkpoints import Checkpoint, find_checkpoint

SUFFIXES = (".pt", ".onnx", ".tflite", ".torchscript")
NMS_OVERLAP = 0.7
MOST_MASKS = 100
_RUNTIMES = {".onnx": ("onnxruntime", "onnx"), ".tflite": ("ai_edge_litert", "tflite")}


@dataclass(frozen=True)
class UltralyticsDetector:
    """A loaded ultralytics model.

    Attributes:
        model: ``ultralytics.YOLO``.
        space: The model's classes, numbered from 0.
        device: Device of the model.
        image_size: Side to which images are letterboxed; exported files keep the one they were made with.
        nms_overlap: Boxes of one class that overlap a better one by more are dropped.
        batches: True if several images of one size may go through the network at once.
        masks: True if the model segments instances.
    """

    model: Any
    space: ClassSpace
    device: str
    image_size: int
    nms_overlap: float
    batches: bool
    masks: bool = False

    def __call__(self, images: Sequence[Image]) -> Sequence[Detections]:
        """Detect objects; images of equal size share a batch where the model takes batches."""
        one_size = len({image.shape for image in images}) == 1
        groups = [list(images)] if self.batches and one_size else [[image] for image in images]
        return [answer for group in groups for answer in self._detect(group)]

    def _detect(self, images: list[Image]) -> list[Detections]:
        results = self.model.predict(
            # ultralytics reads arrays as OpenCV does: blue first.
            [np.ascontiguousarray(image[..., ::-1]) for image in images],
            conf=LEAST_SCORE,
            iou=self.nms_overlap,
            max_det=MOST_MASKS if self.masks else MOST_BOXES,
            retina_masks=self.masks,
            imgsz=self.image_size,
            device=self.device,
            verbose=False,
            save=False,
        )
        return [_detections(result, self.masks) for result in results]


@dataclass(frozen=True)
class UltralyticsSource:
    """An ultralytics model before it is loaded.

    Attributes:
        checkpoint: Weights of the model.
        image_size: Side to which images are letterboxed.
        nms_overlap: Boxes of one class that overlap a better one by more are dropped.
        trust: Load a pickled file that is not published.
        task: ``detect`` for boxes, ``segment`` for boxes with masks.
    """

    checkpoint: Checkpoint
    image_size: int
    nms_overlap: float
    trust: bool
    task: Literal["detect", "segment"] = "detect"

    @property
    def label(self) -> str:
        """Short name for tables."""
        return self.checkpoint.label

    @property
    def facts(self) -> Mapping[str, object]:
        """Weights and the settings of inference."""
        return {
            "backend": "ultralytics",
            "task": self.task,
            "weights": self.checkpoint.digest,
            "image_size": self.image_size,
            "nms_overlap": self.nms_overlap,
        }

    @property
    def space(self) -> ClassSpace | None:
        """The model's classes, if its file or the table of weights tells them."""
        trained_on, file = self.checkpoint.trained_on, self.checkpoint.file
        if trained_on:
            return known_spaces()["coco80"] if trained_on == "coco" else None
        names = None if file is None else read_export_facts(file).names
        return None if names is None else space_of_outputs(self.label, list(names.values()))

    def load(self, options: Options, dataset: ClassSpace) -> UltralyticsDetector:
        """Load the model.

        Raises:
            MissingExtraError: ultralytics or the file format's runtime is not installed.
            UserError: The file cannot be had, is not trusted, or is made for another task.
        """
        path = self.checkpoint.locate(options)
        check_trust(path, self.checkpoint, self.trust)
        torch_for(options, "a model of ultralytics")
        yolo = import_yolo()
        _check_runtime(path)
        pickled = path.suffix == ".pt"
        try:
            model = yolo(str(path), task=None if pickled else self.task, verbose=False)
            names = class_names(model.names) if pickled else read_export_facts(path).names
        except Exception as error:  # a damaged file fails in as many ways as there are formats
            raise UserError(f"{path}: not a model that ultralytics reads ({type(error).__name__}: {error})") from error
        if model.task != self.task:
            raise UserError(f"{path}: is made for {model.task!r}, expected {self.task!r}")
        if names is None:
            raise UserError(f"{path}: holds no class names; export it again with a current ultralytics")
        space = space_of_outputs(self.label, list(names.values()))
        batches = pickled and options.device.startswith("cuda")
        return UltralyticsDetector(
            model, space, options.device, self.image_size, self.nms_overlap, batches, masks=self.task == "segment"
        )


def find_detector(text: str, settings: DetectionSettings) -> UltralyticsSource:
    """Find the detector of a file or of a published name.

    Raises:
        UserError: Neither of them.
    """
    checkpoint = find_checkpoint(text, SUFFIXES, "detection")
    return UltralyticsSource(
        checked_file(checkpoint, settings.trust_checkpoint, "detect"),
        settings.image_size,
        settings.nms_overlap or NMS_OVERLAP,
        settings.trust_checkpoint,
    )


def check_trust(path: Path, checkpoint: Checkpoint, trust: bool) -> None:
    """Refuse a pickled model that nobody vouches for.

    An ultralytics ``.pt`` file is a pickled program: loading it runs whatever its author put in.

    Raises:
        UserError: The file is neither published under its digest, nor downloaded from its makers, nor trusted by the
            user.
    """
    downloaded = checkpoint.release is not None and path == checkpoint.release.place
    if path.suffix == ".pt" and not trust and checkpoint.published is None and not downloaded:
        raise UserError(
            f"{path}: refused: loading an ultralytics .pt file runs code that it contains, and its sha256 "
            f"{sha256_of(path)[:12]}... is not in the table of published weights. If you trust its author, set the "
            "parameter trust_checkpoint = true, or export it to .onnx"
        )


def checked_file(checkpoint: Checkpoint, trust: bool, task: str) -> Checkpoint:
    """Refuse a user's file that cannot do, before any image is made for it.

    Args:
        checkpoint: A file, or a published model, which passes.
        trust: Allow a pickled file that is not published.
        task: ultralytics' word for the task.

    Raises:
        UserError: The file is not trusted, or is made for another task.
    """
    if checkpoint.file is not None:
        check_trust(checkpoint.file, checkpoint, trust)
        check_export(checkpoint.file, task)
    return checkpoint


def _detections(result: Any, masked: bool) -> Detections:  # noqa: ANN401  ultralytics has no types
    boxes = result.boxes.cpu().numpy()
    # Masks come as uint8 at the image's own size and are packed one by one.
    masks = () if result.masks is None else tuple(encode(mask.cpu().numpy() > 0) for mask in result.masks.data)
    return Detections(
        boxes=boxes.xyxy.astype(np.float64).reshape(-1, 4),
        scores=boxes.conf.astype(np.float64),
        class_ids=boxes.cls.astype(np.int64),
        masks=masks if masked else None,
    )


def import_yolo() -> Any:  # noqa: ANN401  ultralytics has no types
    """Import ``ultralytics.YOLO``, kept from installing packages and from reporting its use.

    Raises:
        MissingExtraError: ultralytics is not installed.
        UserError: A library of the system that it needs is not.
    """
    forbid_telemetry()
    try:
        from ultralytics.models import YOLO
        from ultralytics.utils.events import events
    except ModuleNotFoundError as error:
        raise MissingExtraError("ultralytics", "yolo", "detection by ultralytics") from error
    except ImportError as error:
        raise UserError(
            f"ultralytics is installed but cannot be imported: {error}. Its OpenCV needs libraries of the system: "
            "apt install libgl1 libglib2.0-0, or pip install --force-reinstall opencv-python-headless"
        ) from error
    events.enabled = False
    return YOLO


def _check_runtime(path: Path) -> None:
    if path.suffix not in _RUNTIMES:
        return
    from importlib.util import find_spec

    module, extra = _RUNTIMES[path.suffix]
    if find_spec(module) is None:
        raise MissingExtraError(module.replace("_", "-"), extra, f"reading {path.suffix} files")
