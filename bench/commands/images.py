"""Commands on plain folders of images: derain, score; and check-derainer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bench.commands.console import error_console, out_console, plain_rows, print_json, report_failures, report_findings
from bench.commands.options import AllowRandomWeights, Device, Json, Offline, WeightsDirs, complete_derainer, options_of


def derain(
    name: Annotated[
        str,
        typer.Argument(
            help="A derainer: a name, path/to/file.py:factory, onnx:FILE, ...", autocompletion=complete_derainer
        ),
    ],
    input: Annotated[Path, typer.Argument(help="A rainy image or a folder of them.")],
    output: Annotated[Path, typer.Argument(help="A folder, or a .png file for one image.")],
    device: Device = "auto",
    weights_dir: WeightsDirs = [],  # noqa: B006
    offline: Offline = False,
    allow_random_weights: AllowRandomWeights = False,
) -> None:
    """Remove the rain from images; each becomes a PNG of the same name.

    Examples:

        derainbench derain prenet rainy.jpg restored.png

        derainbench derain path/to/mine.py:build rainy/ restored/
    """
    from bench.api.derainers import build_derainer, find_derainer, is_untrained
    from bench.api.images import derain_files, not_read, plan_derain
    from bench.commands.bars import Bars

    pairs = plan_derain(input, output)
    entry = find_derainer(name)
    options = options_of(device, weights_dir, offline, allow_random_weights)
    derainer = build_derainer(entry, options)
    if is_untrained(entry, options):
        error_console.print(f"{entry.name} is untrained: its weights are random", style="yellow", markup=False)
    with Bars(error_console) as bars:
        bars.begin("restore", len(pairs), 0)
        failures = derain_files(entry.name, derainer, pairs, bars.advance)
    out_console.print(f"{len(pairs) - len(failures)} of {len(pairs)} images restored in {output}", markup=False)
    for line in not_read(input):
        error_console.print(line, style="yellow", markup=False, soft_wrap=True)
    report_failures(len(failures))


def check_derainer(
    name: Annotated[
        str,
        typer.Argument(help="A name, path/to/file.py:factory, onnx:FILE, ...", autocompletion=complete_derainer),
    ],
    device: Device = "auto",
    weights_dir: WeightsDirs = [],  # noqa: B006
    offline: Offline = False,
    allow_random_weights: AllowRandomWeights = False,
    json: Json = False,
) -> None:
    """Try a derainer against the contract and say what fails.

    Example:

        derainbench check-derainer path/to/mine.py:build
    """
    from bench.api.derainers import try_derainer
    from bench.io.isolation import output_on_stderr

    with output_on_stderr():  # what a plug-in prints, also from threads of its own, is no finding
        findings = try_derainer(name, options_of(device, weights_dir, offline, allow_random_weights))
    report_findings(findings, json)


def score(
    restored: Annotated[Path, typer.Argument(help="Folder of restored images.")],
    clean: Annotated[Path, typer.Argument(help="Folder of clean images with the same stems.")],
    out: Annotated[Path | None, typer.Option(help="CSV file for the per-image values.")] = None,
    json: Json = False,
) -> None:
    """Measure image quality (PSNR, SSIM) of two folders paired by stem.

    Example:

        derainbench score restored/ clean/ --out scores.csv
    """
    from bench.api.images import not_read, quality_judge, score_folders
    from bench.runs.records import write_frame
    from bench.tables.wide import render

    frame, failures = score_folders(quality_judge(), restored, clean)
    if out:
        write_frame(out, frame)
    elif json:
        print_json(plain_rows(frame))
    else:
        sys.stdout.write(render(frame, "csv"))
    means = frame.drop(columns="image").replace([float("inf")], float("nan")).mean() if len(frame) else None
    if means is not None:
        for metric, value in means.items():
            error_console.print(f"mean {metric}: {value:.4f} over {int(frame[metric].lt(float('inf')).sum())} images")
    for line in not_read(restored, clean):
        error_console.print(line, style="yellow", markup=False, soft_wrap=True)
    for failure in failures:
        error_console.print(f"failed {failure.image}: {failure.reason}", style="red", markup=False, soft_wrap=True)
    report_failures(len(failures))
