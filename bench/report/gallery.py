"""The page's gallery: which images are shown, and all that the page's script needs of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

import pandas as pd

from bench.contract import Classes, Image, Sample
from bench.errors import ImageError
from bench.protocols import Dataset
from bench.report.layers import Sight, colours_of, encode_picture, layer_of, shrunk, space_of, true_layer
from bench.runs.folder import RunStore
from bench.runs.rows import CLEAN, RAIN, Row
from bench.scoring.metrics import stem_of

SIDES = (640, 480, 360, 240)
"""Longest sides of pictures that are tried, in pixels, until all chosen images fit into the budget."""

MEASURES = {
    "F1 of boxes": "", "F1 of masks": "", "mIoU (%)": "mIoU", "PSNR (dB)": "psnr_y", "SSIM": "ssim_y",
}  # fmt: skip
"""Measures by which images are sorted, to the metrics that they are; F1 is made of counts."""

_F1 = {"F1 of boxes": ("tp", "fp", "fn"), "F1 of masks": ("mask_tp", "mask_fp", "mask_fn")}
_USED = {*MEASURES.values(), *(count for counts in _F1.values() for count in counts)}


@dataclass
class Gallery:
    """All that the page's script needs of one dataset, and what did not fit.

    Attributes:
        dataset: Its name.
        rows: Derainers to choose from, and what they are called.
        measures: By what images are sorted.
        classes: Task to class names and their colours.
        images: One entry an image, ready for JSON.
        of: How many images there are.
        reason: Why images were left out or nothing is shown; empty if all is.
        bytes: Length of all data.
    """

    dataset: str
    rows: Mapping[str, str]
    measures: Sequence[str]
    classes: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)
    images: list[dict[str, object]] = field(default_factory=list)
    of: int = 0
    reason: str = ""
    bytes: int = 0


@dataclass(frozen=True)
class ImageScores:
    """Scores of single images that can be sorted by; more is better.

    Attributes:
        measures: Their names; the first decides which images are chosen.
        of: Row to image to measure to score; what is undefined is absent.
    """

    measures: tuple[str, ...]
    of: Mapping[str, Mapping[str, Mapping[str, float]]]


def image_scores(per_image: pd.DataFrame, dataset: str) -> ImageScores:
    """Gather the scores of one dataset's images.

    Args:
        per_image: ``per_image.csv``.
        dataset: Which dataset.
    """
    bases = {metric: stem_of(str(metric)) for metric in per_image["metric"].unique()}
    used = [metric for metric, base in bases.items() if base in _USED]
    chosen = per_image[(per_image["dataset"] == dataset) & per_image["metric"].isin(used)]
    scores: dict[str, dict[str, dict[str, float]]] = {}
    for derainer, rows in chosen.groupby("derainer", sort=False, observed=True):
        numbers: dict[str, dict[str, float]] = {}
        for image, metric, value in rows[["image", "metric", "value"]].itertuples(index=False, name=None):
            numbers.setdefault(str(image), {})[bases[metric]] = float(value)
        scores[str(derainer)] = {image: _measures(found) for image, found in numbers.items()}
    known = {measure for images in scores.values() for found in images.values() for measure in found}
    return ImageScores(tuple(measure for measure in MEASURES if measure in known), scores)


def _measures(numbers: Mapping[str, float]) -> dict[str, float]:
    found = {name: numbers[metric] for name, metric in MEASURES.items() if metric in numbers}
    for name, (right, wrong, missed) in _F1.items():
        tp, fp, fn = (numbers.get(count, 0.0) for count in (right, wrong, missed))
        if tp + fp + fn:
            found[name] = 2 * tp / (2 * tp + fp + fn)
    return found


def choose_images(
    scores: ImageScores, derainers: Sequence[str], ids: Sequence[str], most: int, first: Sequence[str] = ()
) -> list[str]:
    """Images that tell most: those that gained most and those that lost most, derainer by derainer in turn.

    Args:
        scores: The first measure decides.
        derainers: Rows that are compared with the row ``rain``; ``clean`` comes after them.
        ids: All images in order; they fill up what is left.
        most: How many are chosen.
        first: Images that are chosen before all others.
    """
    orders: list[list[str]] = []
    for derainer in (*derainers, CLEAN):
        gains = sorted((gain, id) for id in ids if (gain := _gain(scores, derainer, id)) is not None)
        if gains:
            orders += [[id for _, id in reversed(gains)], [id for _, id in gains]]
    in_turn = [id for ranks in zip_longest(*orders) for id in ranks if id is not None]
    here = set(ids)
    return [id for id in dict.fromkeys([*first, *in_turn, *ids]) if id in here][:most]


def _gain(scores: ImageScores, derainer: str, id: str) -> float | None:
    before, after = (scores.of.get(row, {}).get(id, {}) for row in (RAIN, derainer))
    measure = scores.measures[0] if scores.measures else ""
    return after[measure] - before[measure] if measure in before and measure in after else None


def build_gallery(
    store: RunStore,
    dataset: Dataset,
    name: str,
    derainers: Mapping[str, str],
    sights: Sequence[Sight],
    scores: ImageScores,
    chosen: Sequence[str],
    budget: int,
) -> Gallery:
    """Read, shrink and encode pictures and evidence of the chosen images, as many as fit.

    Args:
        store: The run folder.
        dataset: The opened dataset.
        name: Its name in the run.
        derainers: Rows beside rain and clean, and what they are called.
        sights: Tasks whose evidence is drawn.
        scores: As :func:`image_scores` gives them.
        chosen: Image ids, the most telling first.
        budget: Most bytes of all data together.
    """
    classes = {sight.task: colours_of(space) for sight in sights if (space := space_of(sight, dataset.classes))}
    gallery = Gallery(name, derainers, scores.measures, classes, of=len(dataset.ids))
    side = 0
    for id in chosen:
        try:
            sample = dataset.load(id)
        except ImageError as error:
            gallery.reason = f"{id}: {error}".replace(f"{store.root}/", "")
            continue
        pictures = dict(_pictures(store, name, derainers, sample))
        if not side:
            side = _fitting_side(pictures, budget // max(1, len(chosen)))
        entry, size = _entry(store, dataset.classes, name, sample, pictures, sights, scores, side)
        if gallery.bytes + size > budget:
            break
        gallery.images.append(entry)
        gallery.bytes += size
    return gallery


def _entry(
    store: RunStore,
    classes: Classes,
    dataset: str,
    sample: Sample,
    pictures: Mapping[str, Image],
    sights: Sequence[Sight],
    scores: ImageScores,
    side: int,
) -> tuple[dict[str, object], int]:
    """One image as the script reads it, and about how long it is as text."""
    height, width = sample.truth.size
    small = shrunk((width, height), side)
    encoded = {name: encode_picture(image, side) for name, image in pictures.items()}
    seen: dict[str, dict[str, object]] = {}
    for sight in sights:
        space = space_of(sight, classes)
        if space is None:
            continue
        layers = {row: layer_of(store, Row(dataset, row, sight.task), sight, space, sample, small) for row in pictures}
        truth = true_layer(sight, space, sample, small)
        seen[sight.task] = {"truth": truth, **{row: layer for row, layer in layers.items() if layer is not None}}
    numbers = {row: scores.of.get(row, {}).get(sample.id, {}) for row in pictures}
    entry = {"id": sample.id, "width": width, "height": height, "pictures": encoded, "seen": seen, "scores": numbers}
    return entry, sum(map(len, encoded.values())) + len(str(seen))


def _pictures(store: RunStore, dataset: str, derainers: Iterable[str], sample: Sample) -> Iterator[tuple[str, Image]]:
    yield RAIN, sample.rainy
    for name in derainers:
        try:
            yield name, store.read_restored(Row(dataset, name), sample.id)
        except ImageError:
            continue  # its failure stands in the table of failures; the page says that it is not here
    if sample.clean is not None:
        yield CLEAN, sample.clean


def _fitting_side(pictures: Mapping[str, Image], share: int) -> int:
    """The largest side at which this image fits into its share of the budget, or the smallest that there is."""
    for side in SIDES:
        if sum(len(encode_picture(image, side)) for image in pictures.values()) <= 0.85 * share:
            return side
    return SIDES[-1]
