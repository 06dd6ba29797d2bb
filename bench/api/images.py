"""Plain folders of images: restore them, or score them against their clean originals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

import pandas as pd

from bench.contract import Classes, Failure, Options, Sample, Truth
from bench.errors import ImageError, UserError, reason_of
from bench.io.images import IMAGE_SUFFIXES, left_out, list_images, read_image, write_png
from bench.io.names import align_names
from bench.protocols import Derainer, Judge
from bench.runner.checks import check_restored
from bench.runner.outcome import Outcome
from bench.runner.restore import restore_one
from bench.runs.rows import Row
from tasks import TASKS


def plan_derain(input: Path, output: Path) -> list[tuple[Path, Path]]:
    """Pair every input image with the PNG it becomes.

    Examples:
        >>> from pathlib import Path
        >>> from bench.api import plan_derain
        >>> len(plan_derain(Path("run1/data/streets/rainy"), Path("restored")))
        12

    Args:
        input: An image or a folder of images.
        output: For a folder, a folder. For an image, a folder or a ``.png`` file.

    Raises:
        UserError: There is nothing to read, or an output would overwrite its input.
    """
    if input.is_dir():
        try:
            found = list_images(input)
        except ImageError as error:
            raise UserError(str(error)) from error
        if not found:
            there = f"; there are {text}" if (text := left_out(input)) else ""
            endings = ", ".join(sorted(IMAGE_SUFFIXES))
            raise UserError(f"{input}: no images here{there}; expected files ending in {endings}")
        pairs = [(path, output / f"{stem}.png") for stem, path in found.items()]
    elif input.is_file():
        if output.suffix.lower() in IMAGE_SUFFIXES - {".png"}:
            raise UserError(f"{output}: restored images are written as PNG; give a .png file or a folder")
        pairs = [(input, output if output.suffix.lower() == ".png" else output / f"{input.stem}.png")]
    else:
        raise UserError(f"{input}: no such file or folder")
    if same := next((path for path, target in pairs if path.resolve() == target.resolve()), None):
        raise UserError(f"{same} would be overwritten; give another output folder")
    return pairs


def derain_files(
    name: str, derainer: Derainer, pairs: Sequence[tuple[Path, Path]], tell: Callable[[Outcome], None]
) -> list[Failure]:
    """Restore files one by one; a bad one is a failure in the answer and the rest goes on.

    Examples:
        >>> from pathlib import Path
        >>> from bench.api import build_derainer, derain_files, find_derainer, plan_derain
        >>> from bench.contract import Options
        >>> pairs = plan_derain(Path("run1/data/streets/rainy"), Path("restored"))
        >>> derain = build_derainer(find_derainer("classical"), Options())
        >>> derain_files("classical", derain, pairs, lambda outcome: None)
        []
    """
    failures: list[Failure] = []
    row = Row("", name)
    for path, target in pairs:
        failure: Failure | None = None
        started = perf_counter()
        try:
            rainy = read_image(path)
            restored = restore_one(derainer, rainy.copy(), path.stem)
            check_restored(name, Sample(path.name, rainy, None, Truth(_size(rainy.shape))), restored)
            write_png(target, restored)
        except UserError:
            raise
        except Exception as error:
            reason = reason_of(error)
            failure = Failure("", name, "", path.name, "restore", reason)
            failures.append(failure)
        tell(Outcome(row, path.name, perf_counter() - started, failure))
    return failures


def not_read(*folders: Path) -> list[str]:
    """Say what looks like an image in some folders and is not read, a line for each folder."""
    return [f"{folder}: not read: {text}" for folder in folders if (text := left_out(folder))]


def score_folders(judge: Judge, restored: Path, clean: Path) -> tuple[pd.DataFrame, list[Failure]]:
    """Score the quality of every restored image against the clean one of the same stem.

    Examples:
        >>> from pathlib import Path
        >>> from bench.api import quality_judge, score_folders
        >>> frame, failures = score_folders(quality_judge(), Path("restored"), Path("run1/data/streets/clean"))
        >>> len(frame), failures
        (12, [])

    Returns:
        One row an image (``image`` and one column a metric), and the images that could not be scored.

    Raises:
        UserError: A folder is absent or empty, or the stems do not match; the first odd ones are named.
    """
    try:
        ours, theirs = list_images(restored), list_images(clean)
    except ImageError as error:
        raise UserError(str(error)) from error
    for folder, found in ((restored, ours), (clean, theirs)):
        if not found:
            there = f"; there are {text}" if (text := left_out(folder)) else ""
            raise UserError(f"{folder}: no images here{there}")
    ours = align_names(ours, theirs)
    if odd := sorted(ours.keys() ^ theirs.keys()):
        lacking = clean if odd[0] in ours else restored
        raise UserError(
            f"{len(odd)} images have no partner, first {odd[0]!r}, which {lacking} lacks; "
            "both folders must hold the same stems"
        )
    rows: list[dict[str, object]] = []
    failures: list[Failure] = []
    for stem, path in ours.items():
        try:
            truth = read_image(theirs[stem])
            image = read_image(path, _size(truth.shape))
            evidence = judge([image], [Sample(stem, image, truth, Truth(_size(truth.shape)))])[0]
            rows.append({"image": stem, **dict(evidence)} if isinstance(evidence, dict) else {"image": stem})
        except ImageError as error:
            failures.append(Failure("", "", "quality", stem, "judge", str(error)))
    return pd.DataFrame(rows), failures


def _size(shape: tuple[int, ...]) -> tuple[int, int]:
    return shape[0], shape[1]


def quality_judge() -> Judge:
    """Make the judge of image quality: images and their clean originals in, PSNR and SSIM out.

    Examples:
        >>> import numpy as np
        >>> from bench.api import quality_judge
        >>> from bench.contract import Sample, Truth
        >>> clean = np.zeros((48, 64, 3), np.uint8)
        >>> quality_judge()([clean + 10], [Sample("a", clean + 20, clean, Truth((48, 64)))])[0]["psnr_rgb"] > 28
        True
    """
    return TASKS.load(TASKS.find("quality"))({}, Classes()).judge(Options())
