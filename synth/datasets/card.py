"""Write what a dataset's ``card.json`` says: its recipe, classes, counts, and what became of the labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version

from bench.contract import Classes
from bench.protocols import Source
from synth.datasets.dataset import FORMAT
from synth.datasets.manifest import ManifestRow, mapped_pixels
from synth.datasets.recipe import Recipe, portable, short_name
from synth.rain.renderer import Renderer
from synth.sources.ledger import Accounted, Mapped, pixel_fates

_PACKAGES = ("derainbench", "numpy", "pillow", "pycocotools")


def card_of(
    recipe: Recipe,
    source: Source,
    renderer: Renderer | None,
    ids: Sequence[str],
    rows: Sequence[ManifestRow],
    objects: int,
) -> dict[str, object]:
    """Collect the facts of a finished dataset, none of which names a folder of this machine.

    Args:
        recipe: What it was made from.
        source: Its photographs.
        renderer: What rained; None where nothing was drawn.
        ids: The chosen images.
        rows: Those that are rendered.
        objects: How many objects they have.
    """
    told = {key: value for key, value in asdict(recipe).items() if key != "root"}
    told |= {key: portable(told[key]) for key in ("parameters", "rain_parameters")}
    told |= {key: short_name(told[key]) for key in ("source", "rain")}
    return {
        "format": FORMAT,
        "name": recipe.name,
        "recipe": told,
        "renderer": renderer.fingerprint if renderer else "",
        "classes": {"instances": _plain(source.classes, "instances"), "labels": _plain(source.classes, "labels")},
        "counts": {
            "chosen": len(ids),
            "rendered": len(rows),
            "objects": objects,
            "label_maps": sum(bool(row.label_map_sha256) for row in rows),
            "label_pixels": mapped_pixels(rows),
        },
        "labels": dict(source.fates(ids)) if isinstance(source, Accounted) else {},
        "label_pixels": _pixel_fates(source, ids),
        "packages": {package: _version(package) for package in _PACKAGES},
    }


def _pixel_fates(source: Source, ids: Sequence[str]) -> dict[str, int]:
    if not isinstance(source, Mapped):
        return {}
    return {str(fate): count for fate, count in pixel_fates(source, source.ids, ids).items()}


def _plain(classes: Classes, kind: str) -> dict[str, object] | None:
    space = classes.instances if kind == "instances" else classes.labels
    return None if space is None else {"name": space.name, "ids": list(space.ids), "names": list(space.names)}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
