"""Draw contact sheets of rain and street scenes; fit a rain's strength to photographs."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from bench.api.derainers import build_derainer
from bench.contract import Image, Options, Photograph
from bench.errors import ImageError, UserError
from bench.io.images import list_images, read_image, write_png
from derainers.external.plugins import find_derainer
from synth.datasets.build import open_renderer
from synth.rain.calibration import PUBLISHED, Quality, calibrate, measure
from synth.rain.imgaug_renderer import build as build_imgaug
from synth.rain.presets import preset
from synth.rain.sheet import contact_sheet
from synth.streets.sheet import clean_of, scene_sheet, write_sheet
from synth.streets.source import open_streets


@dataclass(frozen=True)
class CalibrationReport:
    """Fit of a calibrated rain to its targets.

    Attributes:
        table: One row for the targets and for each set of photographs.
        photographs: How many were used.
        parameters: The fitted gains as they are written in a suite.
    """

    table: pd.DataFrame
    photographs: int
    parameters: str


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
    restore = build_derainer(find_derainer(derainer), Options())

    def rained_on(scene: Photograph) -> Image:
        return renderer(clean_of(scene), key=f"sheet/0/{scene.id}", severity=1.0, depth=scene.depth).rainy

    source = open_streets(None, {"count": 60, "width": width, "height": height, "seed": seed})
    write_sheet(out, scene_sheet(source, rained_on, restore))


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
