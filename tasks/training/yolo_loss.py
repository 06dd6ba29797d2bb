"""Compute the loss of a YOLO: assign cells to objects, and weigh how wrong their answers are.

After the papers: task-aligned assignment (TOOD; Feng et al., ICCV 2021, section 3.2), complete IoU (Zheng et al.,
AAAI 2020, equations 8 to 11), and distribution focal loss (Li et al., NeurIPS 2020, equation 6).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from tasks.detection.backends.yolo_network import BINS, boxes_of, cells_of

_MOST_CELLS = 10  # that answer for one object
_SCORE_POWER, _OVERLAP_POWER = 0.5, 6.0
_BOX_WEIGHT, _CLASS_WEIGHT, _DISTANCE_WEIGHT = 7.5, 0.5, 1.5
_LEAST_REACH = 6.0  # pixels from a box's centre within which cells may answer for it, however thin it is
_SMALL = 1e-7


@dataclass(frozen=True)
class Objects:
    """True objects of a batch, padded to a common number M.

    Attributes:
        boxes: (N, M, 4) ``x1, y1, x2, y2`` in pixels.
        classes: (N, M) int64, numbers of outputs; 0 for padding.
        real: (N, M) bool, False for padding.
    """

    boxes: Tensor
    classes: Tensor
    real: Tensor


@dataclass(frozen=True)
class Targets:
    """Targets of every cell: box, scores, and whether the cell answers for an object.

    Attributes:
        boxes: (N, cells, 4) in pixels.
        scores: (N, cells, classes) in [0, 1]; zero in the background.
        taken: (N, cells) bool, True where the cell answers for an object.
    """

    boxes: Tensor
    scores: Tensor
    taken: Tensor


def yolo_loss(answers: list[Tensor], objects: Objects) -> Tensor:
    """Compute the loss of a batch, a scalar.

    Args:
        answers: Output of :class:`tasks.detection.backends.yolo_network.Yolo`.
        objects: The truth.
    """
    flat = torch.cat([answer.float().flatten(2) for answer in answers], 2).transpose(1, 2)
    sides, logits = flat[..., : 4 * BINS], flat[..., 4 * BINS :]
    centres, strides = cells_of(answers)
    boxes = boxes_of(sides, centres, strides)
    with torch.no_grad():
        targets = assign(boxes, logits.sigmoid(), centres, objects)
    weights = targets.scores.sum(-1)[targets.taken]
    total = targets.scores.sum().clamp(min=1.0)
    classes = functional.binary_cross_entropy_with_logits(logits, targets.scores, reduction="sum") / total
    if not len(weights):
        return _CLASS_WEIGHT * classes + 0.0 * sides.sum()
    overlap = complete_iou(boxes[targets.taken], targets.boxes[targets.taken])
    shift = ((1.0 - overlap) * weights).sum() / total
    wanted = _distances(targets.boxes, centres, strides)[targets.taken]
    focal = (distribution_focal(sides[targets.taken].reshape(-1, 4, BINS), wanted) * weights).sum() / total
    return _BOX_WEIGHT * shift + _CLASS_WEIGHT * classes + _DISTANCE_WEIGHT * focal


def assign(boxes: Tensor, scores: Tensor, centres: Tensor, objects: Objects) -> Targets:
    """Assign cells to objects by task alignment: the cells whose class and box agree best with an object answer for it.

    Args:
        boxes: (N, cells, 4) answered boxes in pixels.
        scores: (N, cells, classes) answered scores in [0, 1].
        centres: (cells, 2) in pixels.
        objects: The truth.
    """
    count = objects.boxes.shape[1]
    overlaps = iou(objects.boxes[:, :, None], boxes[:, None]).clamp(min=0)
    own = scores.transpose(1, 2).gather(1, objects.classes[:, :, None].expand(-1, -1, scores.shape[1]))
    aligned = own**_SCORE_POWER * overlaps**_OVERLAP_POWER * _within_reach(centres, objects)
    best = aligned.topk(min(_MOST_CELLS, aligned.shape[-1]), dim=-1)
    chosen = torch.zeros_like(aligned, dtype=torch.bool).scatter_(-1, best.indices, best.values > _SMALL**2)
    # A cell that several objects chose answers for the one that it overlaps most.
    winner = functional.one_hot((overlaps * chosen).argmax(1), count).transpose(1, 2).bool()
    chosen &= winner
    taken, answering = chosen.any(1), chosen.to(torch.uint8).argmax(1)
    aligned = aligned * chosen
    highest = (overlaps * chosen).amax(-1, keepdim=True)
    strength = (aligned / (aligned.amax(-1, keepdim=True) + _SMALL**3) * highest).amax(1)
    classes = objects.classes.gather(1, answering)
    wanted = functional.one_hot(classes, scores.shape[-1]) * (strength * taken)[..., None]
    target_boxes = objects.boxes.gather(1, answering[..., None].expand(-1, -1, 4))
    return Targets(target_boxes, wanted, taken)


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Compute the intersection over union of boxes (..., 4), broadcast."""
    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    intersection = (high - low).clamp(min=0).prod(-1)
    areas = (a[..., 2:] - a[..., :2]).clamp(min=0).prod(-1) + (b[..., 2:] - b[..., :2]).clamp(min=0).prod(-1)
    return intersection / (areas - intersection + _SMALL)


def complete_iou(seen: Tensor, truth: Tensor) -> Tensor:
    """Compute IoU less a penalty for distant centres and one for another shape; (K, 4) and (K, 4) to (K,)."""
    overlap = iou(seen, truth)
    low, high = torch.minimum(seen[:, :2], truth[:, :2]), torch.maximum(seen[:, 2:], truth[:, 2:])
    diagonal = (high - low).square().sum(-1) + _SMALL
    apart = ((seen[:, :2] + seen[:, 2:] - truth[:, :2] - truth[:, 2:]) / 2).square().sum(-1)
    (w, h), (v, k) = ((box[:, 2:] - box[:, :2]).clamp(min=_SMALL).unbind(-1) for box in (seen, truth))
    shape = 4 / math.pi**2 * (torch.atan(v / k) - torch.atan(w / h)).square()
    with torch.no_grad():
        trade_off = shape / (1 - overlap + shape + _SMALL)
    return overlap - apart / diagonal - trade_off * shape


def distribution_focal(logits: Tensor, distances: Tensor) -> Tensor:
    """Compute cross entropy with the two bins beside each distance, mean over sides; (K, 4, 16), (K, 4) to (K,)."""
    left = distances.floor().clamp(max=BINS - 2).long()
    share = distances - left
    logs = logits.log_softmax(-1)
    low = logs.gather(-1, left[..., None])[..., 0]
    high = logs.gather(-1, left[..., None] + 1)[..., 0]
    return -((1 - share) * low + share * high).mean(-1)


def _within_reach(centres: Tensor, objects: Objects) -> Tensor:
    """Mark (N, M, cells) that lie in an object's box, or close to its centre if the box is thinner than a cell."""
    middle = (objects.boxes[..., :2] + objects.boxes[..., 2:]) / 2
    reach = ((objects.boxes[..., 2:] - objects.boxes[..., :2]) / 2).clamp(min=_LEAST_REACH)
    near = (centres - middle[:, :, None]).abs() < reach[:, :, None]
    return near.all(-1) & objects.real[..., None]


def _distances(boxes: Tensor, centres: Tensor, strides: Tensor) -> Tensor:
    """Measure (N, cells, 4) distances from centres to the boxes' sides in strides, as far as the bins go."""
    sides = torch.cat((centres - boxes[..., :2], boxes[..., 2:] - centres), -1) / strides
    return sides.clamp(0, BINS - 1 - 0.01)
