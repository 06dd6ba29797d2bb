"""Keep pycocotools' matches without its dictionaries: some thirty bytes a detection, whatever the dataset's size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.contract import BoolArray, FloatArray

_Bits = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Matches:
    """Matches of one class, image after image: D detections, in each image in descending order of score.

    Attributes:
        thresholds: T, how many IoU thresholds there are.
        images: (D,) int32, index of each detection's image.
        ranks: (D,) int32, place of each detection within its image, from 0.
        scores: (D,).
        hits: (A, T / 8, D) bits: whether the detection is right, within each of A ranges of areas.
        counted: (A, T / 8, D) bits: whether it is not ignored.
        truths: (A, N) int32, countable true objects of each image.
        known: True if any image has an object of the class, true or detected.
    """

    thresholds: int
    images: npt.NDArray[np.int32]
    ranks: npt.NDArray[np.int32]
    scores: FloatArray
    hits: _Bits
    counted: _Bits
    truths: npt.NDArray[np.int32]
    known: bool

    def unpacked(self, bits: _Bits) -> BoolArray:
        """Unpack the bits of one range of areas into (T, D) truth values."""
        return np.unpackbits(bits, axis=0, count=self.thresholds).astype(np.bool_)


def gather(evaluated: Sequence[Mapping[str, Any] | None], first: int, areas: int, thresholds: int) -> Matches:
    """Gather pycocotools' matches of one class in some images.

    Args:
        evaluated: ``COCOeval.evalImgs`` of the class: area after area, one entry or None an image.
        first: Index of the first of these images in the dataset.
        areas: A.
        thresholds: T.
    """
    images = len(evaluated) // areas
    truths = np.zeros((areas, images), dtype=np.int32)
    for place, entry in enumerate(evaluated):
        if entry is not None:
            truths[divmod(place, images)] = np.count_nonzero(np.asarray(entry["gtIgnore"]) == 0)
    # All areas list the same detections of an image, in the same order.
    seen = [(first + index, entry) for index, entry in enumerate(evaluated[:images]) if entry is not None]
    counts = [len(entry["dtScores"]) for _, entry in seen]
    hits, counted = zip(
        *(_bits(evaluated[a * images : (a + 1) * images], thresholds) for a in range(areas)), strict=True
    )
    return Matches(
        thresholds,
        np.repeat(np.array([index for index, _ in seen], dtype=np.int32), counts),
        np.array([rank for count in counts for rank in range(count)], dtype=np.int32),
        np.array([score for _, entry in seen for score in entry["dtScores"]], dtype=np.float64),
        np.stack(hits),
        np.stack(counted),
        truths,
        bool(seen),
    )


def join(parts: Sequence[Matches]) -> Matches:
    """Join the matches of one class in some images to those in all, in the order of the images."""
    return Matches(
        parts[0].thresholds,
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.ranks for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.hits for part in parts], axis=2),
        np.concatenate([part.counted for part in parts], axis=2),
        np.concatenate([part.truths for part in parts], axis=1),
        any(part.known for part in parts),
    )


def as_one_image(found: Matches, area: int, most: int) -> dict[str, object] | None:
    """Make an entry of ``COCOeval.evalImgs`` that stands for all images, with ``most`` detections of each at most.

    ``COCOeval.accumulate`` joins the entries of a class anyway, and tells matches from misses, but not whose.
    """
    if not found.known:
        return None
    kept = found.ranks < most
    return {
        "dtScores": found.scores[kept],
        "dtMatches": found.unpacked(found.hits[area])[:, kept],
        "dtIgnore": ~found.unpacked(found.counted[area])[:, kept],
        "gtIgnore": np.zeros(int(found.truths[area].sum())),
    }


def _bits(entries: Sequence[Mapping[str, Any] | None], thresholds: int) -> tuple[_Bits, _Bits]:
    """Pack hits and counted detections of one range of areas into bits, image after image."""
    hits = [np.zeros((thresholds, 0), dtype=np.bool_)]
    counted = [hits[0]]
    for entry in entries:
        if entry is not None:
            ignored = np.asarray(entry["dtIgnore"], dtype=np.bool_)
            hits.append((np.asarray(entry["dtMatches"]) != 0) & ~ignored)
            counted.append(~ignored)
    return np.packbits(np.concatenate(hits, axis=1), axis=0), np.packbits(np.concatenate(counted, axis=1), axis=0)
