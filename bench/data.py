"""DerainBench's data as a library: build datasets, verify and examine them, fit rain to photographs.

Together with :mod:`bench.api` and :mod:`bench.catalogue` it wires the rooms together.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import pandas as pd

from bench.config import DatasetConfig
from bench.contract import Failure, Image, Options, Photograph
from bench.errors import ImageError, UserError
from bench.images import list_images, read_image, write_png
from bench.lock import locked, refuse_links
from bench.plan import Row
from bench.protocols import Dataset, DatasetBuilder, Derainer
from bench.runner import Progress, Runner, Silent
from bench.store import RunStore
from bench.watched import local_engine
from bench.work import DatasetLoader, Outcome
from bench.workload import DatasetWork, Workload
from derainers import DERAINERS
from derainers.plugins import find_derainer
from synth.build import Recipe, open_builder, open_renderer
from synth.calibration import PUBLISHED, Quality, calibrate, measure
from synth.dataset import open_dataset, verify
from synth.doctor import examine, sources_in
from synth.fetch import fetch_coco
from synth.imgaug_rain import build as build_imgaug
from synth.presets import preset
from synth.rain_sheet import contact_sheet
from synth.rain_speed import compare
from synth.scene_sheet import clean_of, scene_sheet, write_sheet
from synth.scene_speed import scene_speeds
from synth.scenes import open_streets

HARMLESS = ("greyscale",)
"""What :func:`examine_folder` finds and nobody has to mend."""


@dataclass(frozen=True)
class BuilderLoader:
    """Opens the builder of one dataset, in whatever process needs it."""

    recipe: Recipe
    folder: Path

    def __call__(self) -> DatasetBuilder:
        """Open it."""
        return open_builder(self.recipe, self.folder)

    def __hash__(self) -> int:
        """Of what is hashable; equality compares everything."""
        return hash((self.recipe.name, self.folder))


@dataclass(frozen=True)
class CalibrationReport:
    """How well a calibrated rain meets its targets.

    Attributes:
        table: One row for the targets and for each set of photographs.
        photographs: How many were used.
        parameters: The fitted gains as they are written in a suite.
    """

    table: pd.DataFrame
    photographs: int
    parameters: str


def recipe_of(name: str, config: DatasetConfig, root: Path | None) -> Recipe:
    """What a suite says of a dataset, as the builder takes it."""
    return Recipe(
        name=name,
        source=config.source,
        root=root,
        parameters=dict(config.parameters),
        rain=config.rain,
        rain_parameters=dict(config.rain_parameters),
        severity=config.severity,
        seed=config.seed,
        count=config.count,
        size=config.size,
        objects=config.objects,
        only=config.only,
        without=config.without,
        share=config.share,
    )


def build_dataset(
    name: str,
    config: DatasetConfig,
    root: Path | None,
    folder: Path,
    workers: int = 1,
    rebuild: bool = False,
    progress: Progress | None = None,
) -> tuple[Dataset, list[Failure]]:
    """Build a dataset into a folder; what is there under the right key is not rendered again.

    Returns:
        The finished dataset, and the images that could not be rendered.

    Raises:
        UserError: The source cannot be opened, or nothing could be rendered.
    """
    work = DatasetWork(
        name, BuilderLoader(recipe_of(name, config, root), folder), DatasetLoader(open_dataset, folder), {}
    )
    workload = Workload((work,), (), Options())
    runner = Runner(workload, RunStore(folder), local_engine(workers), progress or Silent(), rebuild=rebuild)
    with locked(folder.parent, f".{folder.name}.lock"):  # beside it: in the folder is nothing but the dataset
        refuse_links(folder)
        datasets, failures = runner.build()
    return datasets[name], failures


def verify_dataset(folder: Path) -> Sequence[Failure]:
    """Decode every file of a built dataset and compare it with the manifest."""
    return verify(open_dataset(folder))


def examine_folder(
    kind: Literal["coco", "bdd", "data"], folder: Path, progress: Progress | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Name every fault of a folder of photographs.

    Returns:
        What was examined (source, images), and the faults (fault, image, detail).
    """
    watch = progress or Silent()
    sources = sources_in(kind, folder)
    faults: list[dict[str, str]] = []
    for source in sources:
        watch.begin("examine", len(source.ids), 0)
        for finding in examine(source, partial(_tell, watch, Row(source.name))):
            faults.append({"fault": finding.fault, "image": finding.image, "detail": finding.detail})
    examined = pd.DataFrame([{"source": source.name, "images": len(source.ids)} for source in sources])
    return examined, pd.DataFrame(faults, columns=["fault", "image", "detail"])


def fetch_photographs(config: DatasetConfig, root: Path, progress: Progress | None = None) -> list[Failure]:
    """Download the photographs of COCO that a dataset chooses, and their labels, into a folder.

    Returns:
        Photographs that could not be had.

    Raises:
        UserError: The dataset is not made of COCO, or the labels cannot be had.
    """
    if config.source != "coco":
        raise UserError(f"--fetch knows COCO only; the photographs of {config.source!r} have to be got by hand")
    watch = progress or Silent()
    watch.begin("fetch", config.count or 0, 0)
    _, failures = fetch_coco(
        root, recipe_of("fetch", config, root).policy, after_image=partial(_tell, watch, Row("coco"))
    )
    return list(failures)


def draw_rain_sheet(name: str, source: Path, out: Path, count: int = 4, reference: Path | None = None) -> None:
    """Write a contact sheet: photographs, their rain and its layers, the severities, the looks, other renderers.

    Args:
        name: The preset.
        source: Folder of clean images.
        out: PNG file.
        count: How many photographs, evenly taken from the folder.
        reference: Folder of finished rainy images to set beside them.
    """
    photographs = {f"photograph {n}": image for n, image in enumerate(_photographs(source, count)[:count], start=1)}
    others = {"imgaug": build_imgaug({})} if importlib.util.find_spec("imgaug") else {}
    references = {}
    if reference is not None:
        found = _photographs(reference, count)[:count]
        references = {f"{reference.name} {n}": image for n, image in enumerate(found, start=1)}
    write_png(out, contact_sheet(photographs, preset(name), others, references))


def draw_scene_sheet(
    out: Path,
    width: int = 320,
    height: int = 192,
    seed: int = 0,
    rain: str = "streets_y",
    derainer: str = "mspfn-light",
) -> None:
    """Write a sheet of drawn street scenes: day, dusk and night; clean, rain, restored, boxes, masks, labels.

    Raises:
        UserError: There is no such rain or derainer, or the derainer cannot be had.
    """
    renderer = open_renderer(rain, {})
    restore: Derainer = DERAINERS.load(find_derainer(derainer))(Options())

    def rained_on(scene: Photograph) -> Image:
        return renderer(clean_of(scene), key=f"sheet/0/{scene.id}", severity=1.0, depth=scene.depth).rainy

    source = open_streets(None, {"count": 60, "width": width, "height": height, "seed": seed})
    write_sheet(out, scene_sheet(source, rained_on, restore))


def rain_speeds() -> pd.DataFrame:
    """How fast rain is rendered, beside imgaug and albumentations where they are installed; one row a renderer."""
    return pd.DataFrame([asdict(speed) for speed in compare()])


def streets_speeds() -> pd.DataFrame:
    """How fast road scenes are drawn; one row a size."""
    return pd.DataFrame([asdict(speed) for speed in scene_speeds()])


def calibrate_rain(
    name: str,
    source: Path,
    psnr: float | None = None,
    ssim: float | None = None,
    convention: Literal["y", "rgb"] | None = None,
    count: int = 128,
    hold_out: bool = False,
    tell: Callable[[str], None] | None = None,
) -> CalibrationReport:
    """Fit a preset's two gains to a folder of photographs.

    Args:
        name: The preset, such as ``coco350_y``.
        source: Folder of clean images.
        psnr: Wanted mean PSNR in dB; as published for the preset's dataset if not given.
        ssim: Wanted mean SSIM, likewise.
        convention: ``y`` or ``rgb``; as in the preset's name if not given.
        count: At most so many photographs, evenly taken from the folder in order of name.
        hold_out: Fit on every other one and test on the rest.
        tell: Called with one line an evaluation.

    Raises:
        UserError: Too few photographs, or targets that cannot be reached.
    """
    base, _, suffix = name.rpartition("_")
    chosen = convention or (suffix if suffix in ("y", "rgb") else "y")
    published = PUBLISHED.get(base, (None, None))
    wanted_psnr, wanted_ssim = psnr or published[0], ssim or published[1]
    if wanted_psnr is None or wanted_ssim is None:
        raise UserError(f"no published difficulty is known for {name}; give --psnr and --ssim")
    images = _photographs(source, count)
    fitted_on, tested_on = (images[::2], images[1::2]) if hold_out else (images, [])
    found = calibrate(fitted_on, preset(name), wanted_psnr, wanted_ssim, chosen, progress=tell)
    rows = [{"photographs": "wanted", "psnr": f"{wanted_psnr:.2f}", "ssim": f"{wanted_ssim:.3f}"}]
    rows.append(_row("fitted on", len(fitted_on), found.achieved, chosen))
    if tested_on:
        rows.append(_row("held out", len(tested_on), measure(tested_on, found.parameters), chosen))
    gains = f"brightness = {found.parameters.brightness:.4f}, veil = {found.parameters.veil:.4f}"
    return CalibrationReport(pd.DataFrame(rows).fillna(""), len(images), gains)


def _tell(progress: Progress, row: Row, id: str) -> None:
    progress.advance(Outcome(row, id, 0.0))


def _photographs(source: Path, count: int) -> list[Image]:
    try:
        paths = list(list_images(source).values())
        chosen = paths[:: max(1, -(-len(paths) // count))]
        return [read_image(path) for path in chosen]
    except ImageError as error:
        raise UserError(str(error) if not source.is_dir() else f"{error}. Leave it out of the folder") from error


def _row(title: str, count: int, quality: Quality, convention: str) -> dict[str, str]:
    psnr, ssim = quality.of(convention)
    return {
        "photographs": f"{title} ({count})",
        "psnr": f"{psnr.mean:.2f}",
        "ssim": f"{ssim.mean:.3f}",
        "psnr deviation": f"{psnr.deviation:.2f}",
        "psnr 5-95 %": f"{psnr.p5:.1f}-{psnr.p95:.1f}",
        "ssim deviation": f"{ssim.deviation:.3f}",
        "ssim 5-95 %": f"{ssim.p5:.2f}-{ssim.p95:.2f}",
    }
