"""transformers' mask classifiers, asked for instances: Mask2Former, OneFormer, EoMT."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from bench.contract import BoolArray, ClassSpace, Detections, Image
from bench.errors import UserError
from bench.io.masks import encode
from tasks.detection.backends.transformers import TransformersSource
from tasks.detection.detector import LEAST_SCORE
from tasks.instances.settings import InstanceSettings
from tasks.models.transformers import LoadedTransformer, find_transformers

_SUFFIXES = ("ForUniversalSegmentation",)
_MOST_OBJECTS = 100


@dataclass(frozen=True)
class TransformersSegmenter:
    """A loaded mask classifier.

    Attributes:
        model: Network and processor.
        space: Its classes.
    """

    model: LoadedTransformer
    space: ClassSpace

    def __post_init__(self) -> None:
        if getattr(self.model.processor, "do_split_image", False):
            raise UserError(
                "its processor splits images, as for semantic segmentation; name a model made for instances"
            )

    def __call__(self, images: Sequence[Image]) -> Sequence[Detections]:
        """Segment the objects of several images; masks may overlap."""
        found: list[Detections] = []
        for outputs, sizes in self.model.answers(images):
            for place, size in enumerate(sizes):
                alone = SimpleNamespace(
                    class_queries_logits=outputs.class_queries_logits[place : place + 1],
                    masks_queries_logits=outputs.masks_queries_logits[place : place + 1],
                )
                found.append(_detections(self._objects(alone, size)))
        return found

    def _objects(self, outputs: Any, size: tuple[int, int]) -> Iterator[tuple[Mapping[str, Any], BoolArray]]:  # noqa: ANN401
        """What the library says of each object of one image, and its mask (H, W), by the library's own last step."""
        if self.model.network.config.model_type.startswith("eomt"):
            yield from _one_by_one(self.model.processor, outputs, size)
            return
        # OneFormer takes Mask2Former's rule (Jain et al., CVPR 2023, section 4.1): its own processor here would let
        # objects fight over pixels, as in a panoptic map.
        reader = self.model.library.Mask2FormerImageProcessor()
        read = reader.post_process_instance_segmentation(
            outputs, LEAST_SCORE, target_sizes=[size], return_binary_maps=True
        )[0]
        for segment, mask in zip(read["segments_info"], read["segmentation"], strict=False):
            yield segment, mask.numpy() > 0


def find_segmenter(text: str, settings: InstanceSettings) -> TransformersSource:
    """Resolve a folder or ``OWNER/NAME@COMMIT``.

    Raises:
        UserError: Neither of them, or no mask classifier.
    """
    model = find_transformers(text, _SUFFIXES, settings.trust_checkpoint, "instances")
    return TransformersSource(model, "instance", TransformersSegmenter)


def _one_by_one(processor: Any, outputs: Any, size: tuple[int, int]) -> Iterator[tuple[Mapping[str, Any], BoolArray]]:  # noqa: ANN401
    """EoMT's processor paints all objects into one map: asked of one query at a time, nothing hides behind another."""
    for query in range(outputs.class_queries_logits.shape[1]):
        one = SimpleNamespace(
            class_queries_logits=outputs.class_queries_logits[:, query : query + 1],
            masks_queries_logits=outputs.masks_queries_logits[:, query : query + 1],
        )
        read = processor.post_process_instance_segmentation(one, [size], LEAST_SCORE)[0]
        for segment in read["segments_info"]:
            yield segment, read["segmentation"].cpu().numpy() == segment["id"]


def _detections(objects: Iterator[tuple[Mapping[str, Any], BoolArray]]) -> Detections:
    """The best objects; a box is the smallest around its mask."""
    boxes, scores, class_ids, masks = [], [], [], []
    for segment, mask in objects:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if not len(rows):
            continue
        boxes.append((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
        scores.append(segment["score"])
        class_ids.append(segment["label_id"])
        masks.append(encode(mask))
    best = np.argsort(-np.array(scores), kind="stable")[:_MOST_OBJECTS]
    return Detections(
        boxes=np.array(boxes, dtype=np.float64).reshape(-1, 4)[best],
        scores=np.array(scores, dtype=np.float64)[best],
        class_ids=np.array(class_ids, dtype=np.int64)[best],
        masks=tuple(masks[place] for place in best),
    )
