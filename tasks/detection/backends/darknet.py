"""Run Darknet's detectors: YOLOv3 as its authors published it, and its relatives with a ``.cfg`` file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.contract import ClassSpace, Detections, FloatArray, Image, Options
from bench.devices import torch_for
from bench.errors import UserError
from tasks.classes import known_spaces, space_of_outputs
from tasks.detection.backends.darknet_cfg import parse_cfg, yolov3_cfg
from tasks.detection.detector import LEAST_SCORE, MOST_BOXES
from tasks.detection.settings import DetectionSettings
from tasks.detection.suppression import suppress
from tasks.models.checkpoints import Checkpoint, find_checkpoint

_NMS = 0.45
_GREY = 0.5
_MOST_CANDIDATES = 3000


@dataclass(frozen=True)
class Letterboxed:
    """An image scaled into a grey frame, and the way back to its own pixels.

    Attributes:
        frame: Tensor (3, H, W) with values in [0, 1].
        scale: Horizontal and vertical size in the frame over that in the image.
        offset: Column and row of the frame at which the image begins.
    """

    frame: Any
    scale: tuple[float, float]
    offset: tuple[int, int]


@dataclass(frozen=True)
class DarknetDetector:
    """A loaded Darknet network that finds objects.

    Attributes:
        network: :class:`tasks.detection.backends.darknet_network.DarknetNetwork`.
        space: Classes of the network, numbered from 0.
        device: Device of the network.
        side: (height, width) to which images are letterboxed.
        nms_overlap: Boxes of one class that overlap a better one by more are dropped.
    """

    network: Any
    space: ClassSpace
    device: str
    side: tuple[int, int]
    nms_overlap: float

    def __call__(self, images: Sequence[Image]) -> Sequence[Detections]:
        """Detect objects in several images; on a GPU they share a batch."""
        groups = [list(images)] if self.device.startswith("cuda") else [[image] for image in images]
        return [answer for group in groups for answer in self._detect(group)]

    def _detect(self, images: list[Image]) -> list[Detections]:
        import torch

        boxed = [letterbox(image, self.side) for image in images]
        with torch.inference_mode():
            heads = self.network(torch.stack([one.frame for one in boxed]).to(self.device))
        cells = torch.cat(heads, dim=1).cpu().numpy().astype(np.float64)
        return [self._choose(found, one) for found, one in zip(cells, boxed, strict=True)]

    def _choose(self, cells: FloatArray, place: Letterboxed) -> Detections:
        probabilities = cells[:, 4:5] * cells[:, 5:]
        rows, class_ids = np.nonzero(probabilities > LEAST_SCORE)
        scores = probabilities[rows, class_ids]
        best = np.argsort(-scores, kind="stable")[:_MOST_CANDIDATES]
        rows, class_ids, scores = rows[best], class_ids[best].astype(np.int64), scores[best]
        centre, half = cells[rows, :2] - np.array(place.offset), cells[rows, 2:4] / 2
        boxes = np.concatenate([centre - half, centre + half], axis=1) / np.array(place.scale * 2)
        keep = np.flatnonzero(suppress(boxes, scores, class_ids, self.nms_overlap))[:MOST_BOXES]
        return Detections(boxes[keep], scores[keep], class_ids[keep])


@dataclass(frozen=True)
class DarknetSource:
    """A darknet network before it is loaded.

    Attributes:
        checkpoint: The ``.weights`` file.
        cfg: Text of its description.
        names: Class names in the order of the outputs, or empty for COCO's.
        nms_overlap: Boxes of one class that overlap a better one by more are dropped.
    """

    checkpoint: Checkpoint
    cfg: str
    names: tuple[str, ...]
    nms_overlap: float

    @property
    def label(self) -> str:
        """Short name for tables."""
        return self.checkpoint.label

    @property
    def facts(self) -> Mapping[str, object]:
        """Description, weights and suppression."""
        return {
            "backend": "darknet",
            "cfg": self.cfg,
            "weights": self.checkpoint.digest,
            "nms_overlap": self.nms_overlap,
        }

    @property
    def space(self) -> ClassSpace:
        """Classes of a ``.names`` file beside the weights, else COCO's."""
        return space_of_outputs(self.label, self.names) if self.names else known_spaces()["coco80"]

    def load(self, options: Options, dataset: ClassSpace) -> DarknetDetector:
        """Build the network and read its weights.

        Raises:
            UserError: Description, names and weights do not fit together.
        """
        torch_for(options, "detection by darknet's networks")
        from tasks.detection.backends.darknet_network import DarknetNetwork, load_darknet_weights

        path = self.checkpoint.locate(options)
        origin = f"description of {self.label}"
        try:
            network = DarknetNetwork(parse_cfg(self.cfg, origin), origin)
        except (ValueError, TypeError, IndexError, OverflowError, RuntimeError, MemoryError) as error:
            raise UserError(f"{origin}: cannot be built ({type(error).__name__}: {error}); is it whole?") from error
        classes = {head.classes for head in network.heads.values()}
        if classes != {len(self.space.ids)}:
            raise UserError(
                f"{path}: its description has {sorted(classes)} classes, but {len(self.space.ids)} names are known; "
                f"put a file {path.stem}.names with one name a line beside it"
            )
        load_darknet_weights(network, path)
        return DarknetDetector(
            network.eval().to(options.device), self.space, options.device, network.side, self.nms_overlap
        )


def find_detector(text: str, settings: DetectionSettings) -> DarknetSource:
    """Find ``yolov3`` or a ``.weights`` file, with ``.cfg`` and ``.names`` of the same stem beside it.

    Without a ``.cfg`` the network is YOLOv3 at 416 pixels (at 608 with ``image_size = 608``).

    Raises:
        UserError: No such file or name.
    """
    checkpoint = find_checkpoint(text, (".weights",), "detection")
    beside = checkpoint.file
    cfg = _text_beside(beside, ".cfg")
    names = tuple(filter(None, map(str.strip, _text_beside(beside, ".names").splitlines())))
    side = settings.image_size if "image_size" in settings.model_fields_set else 416
    if side % 32:
        raise UserError(f"task 'detection': parameter 'image_size': darknet needs a multiple of 32, got {side}")
    return DarknetSource(checkpoint, cfg or yolov3_cfg(len(names) or 80, side), names, settings.nms_overlap or _NMS)


def letterbox(image: Image, side: tuple[int, int]) -> Letterboxed:
    """Scale an image into a grey frame, in the middle, with its aspect kept, as darknet does: corner to corner.

    Args:
        image: (H, W, 3) uint8 RGB.
        side: (height, width) of the frame.
    """
    import torch
    from torch.nn import functional

    scale = min(side[0] / image.shape[0], side[1] / image.shape[1])
    height, width = (max(1, int(length * scale + 1e-9)) for length in image.shape[:2])
    top, left = (side[0] - height) // 2, (side[1] - width) // 2
    pixels = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None] / 255
    frame = torch.full((3, *side), _GREY)
    resized = functional.interpolate(pixels, (height, width), mode="bilinear", align_corners=True)[0]
    frame[:, top : top + height, left : left + width] = resized
    return Letterboxed(frame, (width / image.shape[1], height / image.shape[0]), (left, top))


def _text_beside(file: Path | None, suffix: str) -> str:
    path = None if file is None else file.with_suffix(suffix)
    return path.read_text(encoding="utf-8", errors="replace") if path is not None and path.is_file() else ""
