"""Choose the images of the page's gallery and build all that the page's script needs of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

import pandas as pd

from bench.contract import Image, Sample
from bench.errors import ImageError
from bench.protocols import Dataset
from bench.report.evidence import EvidenceStyle
from bench.report.layers import colours_of, encode_picture, layer_of, shrunk, true_layer
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
    """The pictures of one dataset as the page's script reads them, and what did not fit.

    Attributes:
        dataset: Its name.
        rows: Derainers to choose from, and what they are called.
        measures: By what images are sorted.
        tasks: Task to what its layers are called.
        classes: Task to class names and their colours.
        images: One entry an image, ready for JSON.
        of: Number of images in the dataset.
        reason: Why images were left out or nothing is shown; empty if all is.
        bytes: Approximate size of all data.
    """

    dataset: str
    rows: Mapping[str, str]
    measures: Sequence[str]
    tasks: Mapping[str, str] = field(default_factory=dict)
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
        tables: Row to a table with one line an image and one column a measure; NaN where it is undefined. As objects,
            the numbers of a large run would take more memory than all else on the page.
    """

    measures: tuple[str, ...]
    tables: Mapping[str, pd.DataFrame]

    def of(self, row: str, image: str) -> dict[str, float]:
        """Map the measures of one image of a row to its scores; what is undefined is absent."""
        table = self.tables.get(row)
        if table is None or image not in table.index:
            return {}
        return {str(name): score for name, score in table.loc[image].dropna().to_dict().items()}

    def gains(self, row: str) -> dict[str, float]:
        """Map images to what a row gains over the rain in the first measure."""
        before, after = self.tables.get(RAIN), self.tables.get(row)
        if not self.measures or before is None or after is None:
            return {}
        gained = (after[self.measures[0]] - before[self.measures[0]]).dropna()
        return {str(image): gain for image, gain in gained.to_dict().items()}


def image_scores(per_image: pd.DataFrame, dataset: str) -> ImageScores:
    """Gather the scores of one dataset's images by which the gallery is sorted.

    Args:
        per_image: ``per_image.csv``.
        dataset: Which dataset.
    """
    bases = {metric: stem_of(str(metric)) for metric in per_image["metric"].unique()}
    used = [metric for metric, base in bases.items() if base in _USED]
    chosen = per_image[(per_image["dataset"] == dataset) & per_image["metric"].isin(used)]
    tables: dict[str, pd.DataFrame] = {}
    for derainer, rows in chosen.groupby("derainer", sort=False, observed=True):
        last = rows.drop_duplicates(["image", "metric"], keep="last")
        numbers = last.pivot_table(index="image", columns="metric", values="value", observed=True)
        # In the order of the file: of two tasks with one measure, the later one counts.
        tables[str(derainer)] = _measures({bases[metric]: numbers[metric] for metric in used if metric in numbers})
    known = [measure for measure in MEASURES if any(table[measure].notna().any() for table in tables.values())]
    return ImageScores(tuple(known), tables)


def _measures(numbers: Mapping[str, pd.Series]) -> pd.DataFrame:
    """Make a column of every measure out of those of metrics and counts."""
    found = {name: numbers.get(metric, pd.Series(dtype=float)) for name, metric in MEASURES.items() if metric}
    for name, counts in _F1.items():
        tp, fp, fn = (numbers.get(count, pd.Series(dtype=float)) for count in counts)
        objects = (2 * tp).add(fp, fill_value=0).add(fn, fill_value=0)
        found[name] = (2 * tp).div(objects, fill_value=0).where(objects > 0)
    return pd.DataFrame(found)


def choose_images(
    scores: ImageScores, derainers: Sequence[str], ids: Sequence[str], most: int, first: Sequence[str] = ()
) -> list[str]:
    """Choose the images that gained most and those that lost most, derainer by derainer in turn.

    Args:
        scores: The first measure decides.
        derainers: Rows that are compared with the row ``rain``; ``clean`` comes after them.
        ids: All images in order; they fill up what is left.
        most: Number of images to choose.
        first: Images that are chosen before all others.
    """
    orders: list[list[str]] = []
    for derainer in (*derainers, CLEAN):
        gained = scores.gains(derainer)
        if gains := sorted((gained[id], id) for id in ids if id in gained):
            orders += [[id for _, id in reversed(gains)], [id for _, id in gains]]
    in_turn = [id for ranks in zip_longest(*orders) for id in ranks if id is not None]
    here = set(ids)
    return [id for id in dict.fromkeys([*first, *in_turn, *ids]) if id in here][:most]


@dataclass(frozen=True)
class GallerySource:
    """All from which the gallery of one dataset is made.

    Attributes:
        store: The run folder.
        dataset: The opened dataset.
        name: The dataset's name in the run.
        derainers: Rows beside rain and clean, and what they are called.
        styles: How the evidence of each task is drawn.
        scores: Scores of single images.
    """

    store: RunStore
    dataset: Dataset
    name: str
    derainers: Mapping[str, str]
    styles: Sequence[EvidenceStyle]
    scores: ImageScores


def build_gallery(source: GallerySource, chosen: Sequence[str], budget: int) -> Gallery:
    """Read, shrink and encode pictures and evidence of the chosen images, as many as fit.

    Args:
        source: One dataset of the run.
        chosen: Image ids, the most telling first.
        budget: Most bytes of all data together.
    """
    gallery = Gallery(
        source.name,
        source.derainers,
        source.scores.measures,
        {style.task: style.label for style in source.styles},
        {style.task: colours_of(style.space) for style in source.styles},
        of=len(source.dataset.ids),
    )
    side = 0
    for image_id in chosen:
        try:
            sample = source.dataset.load(image_id)
        except ImageError as error:
            gallery.reason = f"{image_id}: {error}".replace(f"{source.store.root}/", "")
            continue
        pictures = dict(_pictures(source, sample))
        if not side:
            side = _fitting_side(pictures, budget // max(1, len(chosen)))
        entry, size = _entry(source, sample, pictures, side)
        if gallery.bytes + size > budget:
            break
        gallery.images.append(entry)
        gallery.bytes += size
    return gallery


def _entry(
    source: GallerySource, sample: Sample, pictures: Mapping[str, Image], side: int
) -> tuple[dict[str, object], int]:
    """Build the entry of one image for the page's script; return it with its approximate size in bytes."""
    height, width = sample.truth.size
    small = shrunk((width, height), side)
    encoded = {name: encode_picture(image, side) for name, image in pictures.items()}
    seen: dict[str, dict[str, object]] = {}
    for style in source.styles:
        rows = {name: Row(source.name, name, style.task) for name in pictures}
        layers = {name: layer_of(source.store, row, style, sample, small) for name, row in rows.items()}
        known = {name: layer for name, layer in layers.items() if layer is not None}
        seen[style.task] = {"truth": true_layer(style, sample, small), **known}
    scores = {name: source.scores.of(name, sample.id) for name in pictures}
    entry = {"id": sample.id, "width": width, "height": height, "pictures": encoded, "seen": seen, "scores": scores}
    return entry, sum(map(len, encoded.values())) + len(str(seen))


def _pictures(source: GallerySource, sample: Sample) -> Iterator[tuple[str, Image]]:
    yield RAIN, sample.rainy
    for name in source.derainers:
        try:
            yield name, source.store.read_restored(Row(source.name, name), sample.id)
        except ImageError:
            continue  # its failure stands in the table of failures; the page says that it is not here
    if sample.clean is not None:
        yield CLEAN, sample.clean


def _fitting_side(pictures: Mapping[str, Image], share: int) -> int:
    """Choose the largest side at which one image fits into its share of the budget, in bytes; else the smallest."""
    for side in SIDES:
        if sum(len(encode_picture(image, side)) for image in pictures.values()) <= 0.85 * share:
            return side
    return SIDES[-1]
