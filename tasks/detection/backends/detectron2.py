"""Run detectron2's detectors and Mask R-CNN, by the name of a model-zoo configuration and a weights file.

detectron2 has no wheel for current versions of PyTorch; it is installed from its source repository.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.contract import ClassSpace, Detections, Image, Options
from bench.devices import torch_for
from bench.errors import UserError
from bench.io.checkpoints import load_state, read_checkpoint
from bench.io.files import sha256_of
from bench.io.masks import encode
from tasks.classes import known_spaces
from tasks.detection.backends.pickles import read_array_pickle
from tasks.detection.detector import LEAST_SCORE, MOST_BOXES

INSTALL = "pip install 'setuptools<81' && pip install --no-build-isolation 'git+https://github.com/facebookresearch/detectron2.git'"
_NMS = 0.5
_SUFFIXES = (".pkl", ".pth", ".safetensors")


@dataclass(frozen=True)
class Detectron2Detector:
    """A loaded detectron2 model.

    Attributes:
        network: The model, in evaluation mode.
        resize: The model's transformation of images to the size that the model was trained for.
        blue_first: True if it takes BGR.
        space: Classes of the model, numbered from 0.
        masks: True if its masks are wanted.
    """

    network: Any
    resize: Any
    blue_first: bool
    space: ClassSpace
    masks: bool

    def __call__(self, images: Sequence[Image]) -> Sequence[Detections]:
        """Detect objects in several images, one at a time: a batch would pad them to a common size."""
        return [self._detect(image) for image in images]

    def _detect(self, image: Image) -> Detections:
        import torch

        ordered = image[..., ::-1] if self.blue_first else image
        resized = self.resize.get_transform(ordered).apply_image(np.ascontiguousarray(ordered))
        pixels = torch.from_numpy(np.array(resized, dtype=np.float32)).permute(2, 0, 1)
        with torch.inference_mode():
            [answer] = self.network([{"image": pixels, "height": image.shape[0], "width": image.shape[1]}])
        found = answer["instances"].to("cpu")
        return Detections(
            boxes=found.pred_boxes.tensor.numpy().astype(np.float64).reshape(-1, 4),
            scores=found.scores.numpy().astype(np.float64),
            class_ids=found.pred_classes.numpy().astype(np.int64),
            masks=tuple(encode(mask.numpy()) for mask in found.pred_masks) if self.masks else None,
        )


@dataclass(frozen=True)
class Detectron2Source:
    """A detectron2 model before it is loaded.

    Attributes:
        config: Name in the model zoo without ``.yaml``, such as ``COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_3x``.
        file: The weights.
        digest: Their SHA-256.
        nms_overlap: Boxes of one class that overlap a better one by more are dropped.
        masks: True if masks are wanted.
    """

    config: str
    file: Path
    digest: str
    nms_overlap: float
    masks: bool

    @property
    def label(self) -> str:
        """Short name for tables."""
        return self.config.rpartition("/")[2]

    @property
    def facts(self) -> Mapping[str, object]:
        """Configuration, weights and suppression."""
        return {
            "backend": "detectron2",
            "config": self.config,
            "weights": self.digest,
            "nms_overlap": self.nms_overlap,
            "masks": self.masks,
        }

    @property
    def space(self) -> ClassSpace | None:
        """COCO's classes for COCO's configurations."""
        return known_spaces()["coco80"] if self.config.startswith("COCO") else None

    def load(self, options: Options, dataset: ClassSpace) -> Detectron2Detector:
        """Build the model and load its weights strictly.

        Raises:
            UserError: detectron2 is not installed, has no such configuration, or the weights do not fit.
        """
        torch_for(options, "a model of detectron2")
        config = self._configuration(options)
        from detectron2.data.transforms import ResizeShortestEdge
        from detectron2.modeling import build_model

        classes = int(config.MODEL.ROI_HEADS.NUM_CLASSES)
        space = self.space or ClassSpace(self.label, tuple(range(len(dataset.names))), dataset.names)
        if classes != len(space.ids):
            raise UserError(
                f"{self.config}: has {classes} classes, expected {len(space.ids)} as {space.name} has; "
                "choose a configuration trained on such classes"
            )
        if self.masks and not config.MODEL.MASK_ON:
            raise UserError(f"{self.config}: gives no masks; choose one of COCO-InstanceSegmentation")
        network = build_model(config)
        load_state(network, _weights(self.file, set(network.state_dict())), str(self.file))
        resize = ResizeShortestEdge([config.INPUT.MIN_SIZE_TEST] * 2, config.INPUT.MAX_SIZE_TEST)
        return Detectron2Detector(network.eval(), resize, config.INPUT.FORMAT == "BGR", space, self.masks)

    def _configuration(self, options: Options) -> Any:  # noqa: ANN401  detectron2 has no types
        try:
            from detectron2 import model_zoo
            from detectron2.config import get_cfg
        except ImportError as error:
            raise UserError(
                f"{self.config} needs detectron2, which is not installed ({error}). It is built from its source, "
                f"which needs a C++ compiler: {INSTALL}"
            ) from error
        config = get_cfg()
        try:
            # Such files may name Python objects to make; that is refused.
            config.merge_from_file(model_zoo.get_config_file(f"{self.config}.yaml"), allow_unsafe=False)
        except RuntimeError as error:
            raise UserError(f"detectron2's model zoo has no configuration {self.config!r}") from error
        config.MODEL.DEVICE = options.device
        config.MODEL.ROI_HEADS.NMS_THRESH_TEST = self.nms_overlap
        if not self.masks:
            config.MODEL.MASK_ON = False
            config.MODEL.ROI_HEADS.SCORE_THRESH_TEST = LEAST_SCORE
            config.TEST.DETECTIONS_PER_IMAGE = MOST_BOXES
        return config


def find_detectron2(text: str, nms_overlap: float | None, masks: bool) -> Detectron2Source:
    """Find the model of ``CONFIGURATION@FILE``.

    Raises:
        UserError: Not of that form, or no such file.
    """
    config, _, name = text.partition("@")
    file = Path(name)
    if not config or not file.is_file() or file.suffix not in _SUFFIXES:
        raise UserError(
            f"detectron2:{text}: expected detectron2:CONFIGURATION@FILE, such as "
            "detectron2:COCO-InstanceSegmentation/mask_rcnn_R_50_FPN_3x@model_final_f10217.pkl; "
            "detectron2's MODEL_ZOO.md links the files"
        )
    config = config.removesuffix(".yaml")
    return Detectron2Source(config, file, sha256_of(file), nms_overlap or _NMS, masks)


def _weights(file: Path, wanted: set[str]) -> dict[str, object]:
    """Read a file's state dict without what older releases stored beside the weights, or what masks need."""
    import torch

    content = read_array_pickle(file) if file.suffix == ".pkl" else read_checkpoint(file)
    inner = content.get("model", content)
    state = inner if isinstance(inner, dict) else content
    spare = ("pixel_", "proposal_generator.anchor_generator.", "roi_heads.mask_head.", "roi_heads.mask_pooler.")
    kept = {name: value for name, value in state.items() if name in wanted or not name.startswith(spare)}
    return {name: torch.from_numpy(v.copy()) if isinstance(v, np.ndarray) else v for name, v in kept.items()}
