"""Build a benchmark dataset: photographs chosen from a source, rained on, in a folder of their own.

::

    rainy/<id>.png  clean/<id>.png      the images
    labels/instances.json               objects in COCO's format
    labels/semantic/<id>.png            label maps, 255 where there is no label
    rows/<id>.json                      what is known of one image; written last, so the image is done when it is there
    manifest.csv  card.json             the whole, for reading
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from bench.contract import REAL_RAIN, Classes, Failure, Image, Parameter, Parameters, Photograph
from bench.errors import ImageError, UserError, reason_of
from bench.io.files import key_of, safe_name, write_json, write_text
from bench.io.images import write_png
from bench.protocols import Source
from bench.registry import Entry
from synth import RAINS, SOURCES
from synth.datasets.card import card_of
from synth.datasets.dataset import FORMAT, FolderDataset, open_dataset
from synth.datasets.manifest import (
    ManifestRow,
    manifest_text,
    pixels_sha256,
    read_row,
    row_text,
    write_instances,
)
from synth.datasets.recipe import Recipe, portable, short_name
from synth.datasets.selection import choose
from synth.rain.presets import preset_names
from synth.rain.renderer import Renderer
from synth.sources.annotations import write_annotations
from synth.sources.reading import NO_NUMBER, Identified, KnowsClean, Numbered


@dataclass(frozen=True)
class FolderBuilder:
    """Renders a recipe into a folder; see :class:`bench.protocols.DatasetBuilder`.

    Several processes may each open one on the same folder and render images of their own.

    Attributes:
        recipe: How the dataset is made.
        folder: Where.
        source: The opened source of photographs.
        renderer: What rains; None where nothing is drawn.
        code: Digest of the code of both.
    """

    recipe: Recipe
    folder: Path
    source: Source
    renderer: Renderer | None
    code: str

    @property
    def classes(self) -> Classes:
        """The source's class spaces."""
        return self.source.classes

    @property
    def has_clean(self) -> bool:
        """Whether its images have clean originals: not where the rain is real."""
        if self.recipe.rain == REAL_RAIN:
            return False
        return self.source.has_clean if isinstance(self.source, KnowsClean) else True

    @cached_property
    def ids(self) -> Sequence[str]:
        """Every chosen image, in the source's order."""
        return choose(self.source, self.recipe.policy)

    def missing(self) -> Sequence[str]:
        """List the chosen images that are not in the folder, or were made from something else."""
        return [id for id in self.ids if self._finished(id) is None]

    def render(self, ids: Sequence[str], /) -> Sequence[Failure]:
        """Render these images into the folder; an image that cannot be made is a failure in the answer."""
        failures: list[Failure] = []
        (self.folder / "rows").mkdir(parents=True, exist_ok=True)
        for id in ids:
            try:
                self._render(id)
            except UserError:
                raise
            except Exception as error:  # a user's source or renderer may fail in any way
                reason = reason_of(error)
                failures.append(Failure(self.recipe.name, "", "", id, "render", reason))
        return failures

    def finish(self) -> FolderDataset:
        """Write labels, manifest and card of all that is rendered, and drop what no longer belongs here.

        Raises:
            UserError: No image is rendered.
        """
        self._write_whole()
        return open_dataset(self.folder)

    def _write_whole(self) -> None:
        rows: list[ManifestRow] = []
        labels: dict[str, str] = {}
        for number, id in enumerate(self.ids, start=1):
            if (found := self._finished(id)) is not None:
                row, annotations = found
                rows.append(replace(row, image_id=number) if row.image_id == NO_NUMBER else row)
                if annotations is not None:
                    labels[id] = json.dumps(annotations)
        if not rows:
            raise UserError(f"{self.recipe.name}: none of the {len(self.ids)} chosen images could be rendered")
        _drop_stale(self.folder, rows)
        objects = 0
        if self.source.classes.instances is not None:
            objects = write_instances(self.folder / "labels/instances.json", rows, labels, self.source.classes)
        write_text(self.folder / "manifest.csv", manifest_text(rows))
        write_json(self.folder / "card.json", card_of(self.recipe, self.source, self.renderer, self.ids, rows, objects))

    def _render(self, id: str) -> None:
        photograph = _photograph(self.source, id, self.recipe)
        rainy, record = _rained(photograph, self.recipe, self.renderer)
        clean, truth = photograph.clean, photograph.truth
        for image, what in ((rainy, "rainy"), (clean, "clean")):
            if image is not None and image.shape != (*truth.size, 3):
                raise ImageError(f"image {id!r}: the {what} image is {image.shape}, its labels are for {truth.size}")
        identity = self._identity(id)
        numbered = self.source if isinstance(self.source, Numbered) else None
        annotations = None
        if truth.instances is not None:
            annotations = write_annotations(truth.instances, numbered.annotation_ids(id) if numbered else ())
        name = safe_name(id)
        write_png(self.folder / "rainy" / f"{name}.png", rainy)
        if clean is not None:
            write_png(self.folder / "clean" / f"{name}.png", clean)
        if truth.label_map is not None:
            write_png(self.folder / "labels/semantic" / f"{name}.png", truth.label_map)
        row = ManifestRow(
            id=id,
            image_id=numbered.image_id(id) if numbered else NO_NUMBER,
            height=truth.size[0],
            width=truth.size[1],
            key=self._key(id, identity),
            source=identity,
            rain=record,
            attributes=dict(photograph.attributes),
            rainy_sha256=pixels_sha256(rainy),
            clean_sha256="" if clean is None else pixels_sha256(clean),
            label_map_sha256="" if truth.label_map is None else pixels_sha256(truth.label_map),
            instances_sha256="" if annotations is None else key_of(annotations),
        )
        write_text(self.folder / "rows" / f"{name}.json", row_text(row, annotations))

    def _finished(self, id: str) -> tuple[ManifestRow, list[dict[str, object]] | None] | None:
        """Read the row of a finished image, if its files are there and it was made from what is there now."""
        name = safe_name(id)
        found = read_row(self.folder / "rows" / f"{name}.json")
        if found is None or found[0].key != self._key(id, self._identity(id)):
            return None
        row = found[0]
        files = {"rainy": row.rainy_sha256, "clean": row.clean_sha256, "labels/semantic": row.label_map_sha256}
        there = all((self.folder / place / f"{name}.png").is_file() for place, digest in files.items() if digest)
        return found if there else None

    def _identity(self, id: str) -> str:
        return self.source.identity(id) if isinstance(self.source, Identified) else ""

    def _key(self, id: str, identity: str) -> str:
        recipe = self.recipe
        rain = self.renderer.fingerprint if self.renderer else recipe.rain
        strength = recipe.severity if self.renderer else 0
        source = (short_name(recipe.source), portable(recipe.parameters), self.code, identity)
        return key_of(FORMAT, recipe.name, recipe.seed, rain, strength, *source, id)


def open_builder(recipe: Recipe, folder: Path) -> FolderBuilder:
    """Open the source and the renderer of a recipe.

    Raises:
        UserError: One of them cannot be had, or the folder holds something else than a dataset.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "rows").is_dir():
        raise UserError(f"{folder}: is not empty and no dataset; choose another folder, or an empty one")
    entry = SOURCES.find(recipe.source)
    source = SOURCES.load(entry)(recipe.root, recipe.parameters)
    drawn = recipe.rain not in ("", REAL_RAIN)
    renderer = open_renderer(recipe.rain, recipe.rain_parameters) if drawn else None
    code = key_of(entry.code_version(), _rain_entry(recipe.rain).code_version() if drawn else "")
    return FolderBuilder(recipe, folder, source, renderer, code)


def open_renderer(rain: str, parameters: Parameters) -> Renderer:
    """Make the renderer of a preset's or a renderer's name.

    Raises:
        UserError: There is none of that name, or it does not take these parameters.
    """
    changes = {**parameters, "preset": rain} if rain in preset_names() else parameters
    return RAINS.load(_rain_entry(rain))(changes)


def _rain_entry(rain: str) -> Entry:
    try:
        return RAINS.find("streaks" if rain in preset_names() else rain)
    except UserError as error:
        raise UserError(f"{error}. Presets: {', '.join(preset_names())}") from error


def _photograph(source: Source, id: str, recipe: Recipe) -> Photograph:
    """Load one photograph; where the rain is real, it is the rainy image, and a clean one is put away."""
    photograph = source.load(id)
    if recipe.rain != REAL_RAIN:
        return photograph
    return replace(photograph, rainy=photograph.clean if photograph.rainy is None else photograph.rainy, clean=None)


def _rained(photograph: Photograph, recipe: Recipe, renderer: Renderer | None) -> tuple[Image, Mapping[str, Parameter]]:
    """Make a photograph's rainy image, and what the renderer records; as the source has it where nothing is drawn."""
    if renderer is None:
        if photograph.rainy is None:
            raise ImageError(
                f"image {photograph.id!r}: the source has no rainy image, and no rain is to be drawn; name a rain, "
                f"or rain = {REAL_RAIN!r} if it rains in the photographs"
            )
        return photograph.rainy, {}
    if photograph.clean is None:
        raise ImageError(f"image {photograph.id!r}: there is no clean image to rain on")
    key = f"{recipe.seed}/{recipe.name}/{photograph.id}"
    rain = renderer(photograph.clean, key=key, severity=recipe.severity, depth=photograph.depth)
    return rain.rainy, rain.record


def _drop_stale(folder: Path, rows: Sequence[ManifestRow]) -> None:
    """Remove the files of images that are no longer among the rows, and what an interruption left."""
    every = {safe_name(row.id) for row in rows}
    kept = dict.fromkeys(("rainy", "labels/semantic", "rows"), every)
    kept["clean"] = {safe_name(row.id) for row in rows if row.clean_sha256}
    for place, names in kept.items():
        for path in (folder / place).glob("*"):
            ours = path.suffix in (".png", ".json", ".part")
            if path.is_file() and ours and (path.stem not in names or path.suffix == ".part"):
                path.unlink()
