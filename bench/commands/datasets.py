"""Build datasets and fit rain to photographs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bench.commands.console import bars_of, command_line, error_console, out_console, report_failures
from bench.commands.options import Quiet, Verbose, Workers
from bench.commands.terminal_tables import print_table
from bench.errors import UserError

if TYPE_CHECKING:
    from bench.contract import Failure
    from bench.runner.logs import Logged


def build(
    name: Annotated[str, typer.Argument(help="A dataset of a built-in suite (coco350, bdd350, ...), or a new name.")],
    source: Annotated[Path | None, typer.Option(help="Folder of the photographs.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the dataset; default NAME.")] = None,
    reader: Annotated[str, typer.Option(help="For a new name: coco, folder, ..., or path/to/mine.py:open_mine.")] = "",
    rain: Annotated[str, typer.Option(help="Rain preset or renderer.")] = "",
    severity: Annotated[float | None, typer.Option(help="1 is the preset; less is lighter.")] = None,
    count: Annotated[int | None, typer.Option(min=1, help="How many images.")] = None,
    size: Annotated[str, typer.Option(help="WIDTHxHEIGHT or any.")] = "",
    seed: Annotated[int | None, typer.Option(min=0, help="Chooses the images and the rain.")] = None,
    workers: Workers = 1,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Render everything again.")] = False,
    fetch: Annotated[bool, typer.Option("--fetch", help="First download the chosen photographs of COCO.")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Only compare a built dataset with its digests.")] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Rain on labelled photographs: rainy and clean images, labels, manifest and card in one folder.

    Examples:

        derainbench build coco350 --source ~/coco --out coco350

        derainbench build mine --reader coco --source ~/photos --rain bdd350_y --size any --out mine

        derainbench build coco350 --source ~/coco --fetch --out coco350

        derainbench build coco350 --out coco350 --verify
    """
    from bench.api import datasets as library
    from bench.suites.suite import dataset_config

    folder = out or Path(name)
    if verify:
        _verify(folder, quiet)
        return
    changes = {"source": reader, "rain": rain, "severity": severity, "count": count, "size": size, "seed": seed}
    config = dataset_config(name, {key: value for key, value in changes.items() if value not in ("", None)})
    if source is None and config.root:
        raise UserError(f"dataset {name}: say where the photographs are: --source DIR")
    with _logged_bars(folder, quiet, verbose) as progress:
        absent = library.fetch_photographs(config, source, progress) if fetch and source else []
        built, failures = library.build_dataset(name, config, source, folder, workers, rebuild, progress)
    _say_reasons(absent)
    if not quiet:
        out_console.print(f"{len(built.ids)} images in {folder}", markup=False, soft_wrap=True)
    report_failures(len(failures))


@contextmanager
def _logged_bars(folder: Path, quiet: bool, verbose: bool) -> Iterator[Logged]:
    """Draw progress bars and write ``build.log`` into the folder while the block lasts."""
    from bench.runner.logs import Logged, run_log
    from bench.runs.folder import BUILD_LOG

    with (
        bars_of(quiet, verbose) as bars,
        run_log(folder, command_line(), verbose, BUILD_LOG, needs="rows") as log,
    ):
        yield Logged(bars, log)


def _verify(folder: Path, quiet: bool) -> None:
    """Compare a built dataset with its digests; end with status 1 if a file differs."""
    from bench.api.datasets import verify_dataset

    faults = verify_dataset(folder)
    _say_reasons(faults)
    report_failures(len(faults))
    if not quiet:
        out_console.print(f"{folder}: every file is as the manifest says", markup=False, soft_wrap=True)


def _say_reasons(failures: Sequence[Failure]) -> None:
    """Print the reason of each failure."""
    for failure in failures:
        error_console.print(failure.reason, style="red", markup=False, soft_wrap=True)


def calibrate(
    preset: Annotated[str, typer.Argument(help="Rain to start from: coco350_y, bdd350_rgb, ...")],
    source: Annotated[Path, typer.Option(help="Folder of clean photographs.")],
    psnr: Annotated[float | None, typer.Option(help="Wanted mean PSNR, dB; default as published.")] = None,
    ssim: Annotated[float | None, typer.Option(help="Wanted mean SSIM; default as published.")] = None,
    convention: Annotated[Literal["y", "rgb"] | None, typer.Option(help="Default as in the preset's name.")] = None,
    count: Annotated[int, typer.Option(min=8, help="At most so many photographs.")] = 128,
    hold_out: Annotated[bool, typer.Option("--hold-out", help="Fit on every other one, test on the rest.")] = False,
) -> None:
    """Fit a rain's two gains to your photographs, so that it is as hard on them as it was in print.

    Examples:

        derainbench calibrate coco350_y --source ~/coco/val2017

        derainbench calibrate bdd150_rgb --source frames/ --psnr 18 --ssim 0.722 --hold-out
    """
    from bench.api.rain import calibrate_rain

    report = calibrate_rain(preset, source, psnr, ssim, convention, count, hold_out, error_console.print)
    print_table(report.table, f"{preset} on {report.photographs} photographs")
    out_console.print("In a suite, next to the dataset's rain:")
    out_console.print(f"rain_parameters = {{ {report.parameters} }}", markup=False, highlight=False)


def sheet(
    out: Annotated[Path, typer.Argument(help="PNG file to write.")],
    source: Annotated[Path | None, typer.Option(help="Folder of clean photographs; none: drawn streets.")] = None,
    rain: Annotated[str, typer.Option(help="Rain preset; default coco350_y, on drawn streets streets_y.")] = "",
    count: Annotated[int, typer.Option(min=1, max=12, help="Photographs.")] = 4,
    reference: Annotated[Path | None, typer.Option(help="Folder of rainy images to set beside them.")] = None,
    derainer: Annotated[str, typer.Option(help="What restores the drawn streets.")] = "mspfn-light",
) -> None:
    """Draw a contact sheet to look at: rain with its layers, severities and looks, or the drawn street scenes.

    The streets are shown by day, at dusk and at night: clean, in the rain, restored; boxes, masks, labels.

    Examples:

        derainbench sheet rain.png --source ~/coco/val2017 --rain bdd350_y

        derainbench sheet streets.png
    """
    from bench.api.rain import draw_rain_sheet, draw_scene_sheet

    if source is None:
        draw_scene_sheet(out, rain=rain or "streets_y", derainer=derainer)
    else:
        draw_rain_sheet(rain or "coco350_y", source, out, count, reference)
    out_console.print(f"wrote {out}", markup=False)
