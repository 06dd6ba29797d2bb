"""Print tables of finished runs: of one, of several, by slices, and correlations of image quality with scores."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bench.commands.console import FORMAT, error_console, json_text, out_console, plain_rows
from bench.commands.terminal_tables import print_excluded, print_table
from bench.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from bench.contract import Metric, Record

Format = Literal["csv", "md", "latex", "html", "json", "parquet", "terminal"]
_OF_CLASSES = ("dataset", "derainer", "task", "class", "metric", "value", "unit", "support")
"""Columns that are read of ``per_class.csv``."""

OfDataset = Annotated[str, typer.Option(help="Only this dataset.")]
AllMetrics = Annotated[bool, typer.Option("--all", help="Every metric, not only the headlines.")]
ToFile = Annotated[Path | None, typer.Option(help="Write to this file instead of standard output.")]
Mix = Annotated[bool, typer.Option("--mix", help="Also of other protocols, images or rain: not to be compared.")]

Layout = Annotated[Literal["wide", "long"], typer.Option(help="Wide: one row a derainer.")]
By = Annotated[str, typer.Option(help="Slices: timeofday, weather, object_size, severity, class, ...")]
Untrained = Annotated[bool, typer.Option("--untrained", help="Also rows with random weights.")]
Gain = Annotated[bool, typer.Option("--gain", help="What each derainer gains over the rain.")]
Intervals = Annotated[bool, typer.Option("--intervals", help="95 % intervals beside the numbers.")]
Paper = Annotated[
    Literal["no", "difference", "beside"],
    typer.Option(help="With the MSPFN paper's values: their difference, or merely beside ours."),
]
Cost = Annotated[bool, typer.Option("--cost", help="With what each derainer costs; measure it first.")]
Into = Annotated[Path | None, typer.Option(help="Markdown file whose '<!-- table: DATASET -->' it follows.")]


def table(
    runs: Annotated[list[Path], typer.Argument(help="A run folder, or several of the same protocol.")],
    format: Annotated[Format, typer.Option(help="parquet: every record, into --out.")] = "terminal",
    layout: Layout = "wide",
    dataset: OfDataset = "",
    by: By = "",
    all_metrics: AllMetrics = False,
    untrained: Untrained = False,
    intervals: Intervals = False,
    gain: Gain = False,
    mix: Mix = False,
    paper: Paper = "no",
    cost: Cost = False,
    into: Into = None,
    out: ToFile = None,
) -> None:
    """Print the tables of finished runs.

    LaTeX has the best row bold and the second underlined, without rain and clean, between which they lie; the
    document needs the packages booktabs and [T1]fontenc. A difference to the paper is told only where its authors'
    images were used, and all of them. A gain is paired: on the images and resamples of the rain, with its interval,
    p after Holm's correction over the derainers, and how many images got better or worse.

    Examples:

        derainbench table run1

        derainbench table run1 --format latex > table.tex

        derainbench table run1 --by timeofday

        derainbench table run1 --gain

        derainbench table run1 --paper difference

        derainbench table run1 --cost

        derainbench table run1 run2 --format csv --layout long

        derainbench table run1 --format parquet --out run1.parquet

        derainbench table run1 --format json | jq '.streets[].derainer'

        derainbench table results/runs/streets --intervals --into README.md
    """
    from bench.runs.card import described_metrics
    from bench.runs.records import long
    from bench.scoring.truth_ledger import read_truth
    from bench.tables.ranking import column_signs

    records, described = _records_of(runs, dataset, mix), described_metrics(runs)
    if format == "parquet":
        _write_parquet(out, records)
        return
    if paper != "no":
        frames = _with_paper(runs, paper == "difference", dataset)
    elif gain:
        frames = _gains(runs, dataset, all_metrics, described, as_text=format not in ("csv", "json"))
    elif by:
        frames = _sliced(runs, by, _datasets_of(records), all_metrics, described)
    elif layout == "long":
        frames = {"records": long(records)}
    else:
        frames = _wide(records, described, all_metrics, untrained, mix)
        frames = _with_intervals(frames, runs) if intervals else frames
        frames = _with_references(frames, runs, intervals, described)
    if cost:
        frames = _with_costs(frames, runs)
    _give(frames, format, into, out, column_signs(records))
    if format == "terminal" and not out and not into:
        for run in runs:
            print_excluded([line for line in read_truth(run) if dataset in ("", line.dataset)])
        _say_what_is_not_told(runs, dataset, gain)


def leaderboard(
    runs: Annotated[list[Path], typer.Argument(help="Run folders.")],
    format: Annotated[Format, typer.Option(help="html: a whole page; parquet: every record, into --out.")] = "terminal",
    dataset: OfDataset = "",
    sort: Annotated[str, typer.Option(help="Metric; default AP, else mIoU, else PSNR.")] = "",
    all_metrics: AllMetrics = False,
    mix: Mix = False,
    out: ToFile = None,
) -> None:
    """Join runs of the same protocol into one table, best derainer first.

    Runs of another model, other rules, images or rain are refused, saying what differs. A row that two runs have in
    common stands once, or by the name of its run where the numbers differ.

    Examples:

        derainbench leaderboard run1 run2 run3

        derainbench leaderboard results/* --sort psnr_y --format html --out leaderboard.html
    """
    from bench.io.files import write_text
    from bench.runs.card import described_metrics
    from bench.tables.html import leaderboard_page
    from bench.tables.ranking import column_signs, ranked

    records, described = _records_of(runs, dataset, mix), described_metrics(runs)
    if format == "parquet":
        _write_parquet(out, records)
        return
    if not records:
        raise UserError(f"{', '.join(map(str, runs))}: no records, so there is nothing to rank")
    tables = _wide(records, described, all_metrics, untrained=False, mix=mix)
    frames = {name: ranked(frame, records, sort, described) for name, frame in tables.items()}
    if format == "html":
        page = leaderboard_page(frames, records)
        write_text(out, page) if out else sys.stdout.write(page)
        return
    _give(frames, format, None, out, column_signs(records))


def correlate(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    over: Annotated[Literal["images", "gains", "derainers"], typer.Option(help="What is paired.")] = "gains",
    format: Annotated[
        Literal["csv", "md", "latex", "html", "json", "terminal"], typer.Option(help=FORMAT)
    ] = "terminal",
    disagreements: Annotated[bool, typer.Option("--disagreements", help="The images where they disagree.")] = False,
) -> None:
    """Does image quality predict what a model sees? Rank correlations of every quality with every score.

    Over the gains of a derainer's images on the rain (does what PSNR gains help the detector in the same image?),
    over its images, or over the derainers' values in the table.

    Examples:

        derainbench correlate run1

        derainbench correlate run1 --over derainers

        derainbench correlate run1 --disagreements --format csv
    """
    from bench.scoring.correlation import CORRELATION_COLUMNS, DISAGREEMENT_COLUMNS

    if disagreements:
        frame = _read(run, "disagreements.csv", DISAGREEMENT_COLUMNS)
    else:
        frame = _read(run, "correlations.csv", CORRELATION_COLUMNS)
        frame = frame[frame["over"] == over].drop(columns="over")
    if format == "terminal":
        if frame.empty:
            out_console.print("nothing to correlate: the run has no task beside quality, or too few rows", markup=False)
            return
        for name, rows in frame.groupby("dataset", sort=False):
            shown = rows.drop(columns=["dataset", "model"]).round(3)
            shown = shown.astype(str).where(shown.notna(), "")
            print_table(shown, f"{name} - {'disagreements' if disagreements else f'over {over}'}")
        return
    _give({run.name: frame}, format, None, None, {})


def _records_of(runs: list[Path], dataset: str, mix: bool) -> list[Record]:
    """Read the records of runs that may stand in one table, of one dataset or, without a name, of all."""
    from bench.tables.joining import join_runs

    records = join_runs(runs, mix)
    datasets = _datasets_of(records)
    if dataset and dataset not in datasets:
        told = ", ".join(map(str, runs))
        raise UserError(f"{told} has no dataset {dataset!r}; it has {', '.join(datasets) or 'none'}")
    return [record for record in records if dataset in ("", record.dataset)]


def _datasets_of(records: Sequence[Record]) -> list[str]:
    return list(dict.fromkeys(record.dataset for record in records))


def _wide(
    records: list[Record], described: Sequence[Metric], all_metrics: bool, untrained: bool, mix: bool
) -> dict[str, pd.DataFrame]:
    """Make the table of each dataset with one row a derainer."""
    from bench.tables.wide import wide

    return {
        name: wide(records, name, every_metric=all_metrics, untrained=untrained, mix=mix, described=described)
        for name in _datasets_of(records)
    }


def _with_intervals(frames: dict[str, pd.DataFrame], runs: list[Path]) -> dict[str, pd.DataFrame]:
    """Put the 95 % intervals of the runs beside the numbers of wide tables."""
    from bench.scoring.intervals import read_intervals
    from bench.scoring.statistics import FEW_IMAGES
    from bench.tables.wide import with_intervals

    for run in runs:
        intervals = read_intervals(run)
        if len(intervals) and intervals["low"].isna().all():
            error_console.print(f"{run}: {FEW_IMAGES}", style="yellow", markup=False, soft_wrap=True)
        frames = {name: with_intervals(frame, intervals, name) for name, frame in frames.items()}
    return frames


def _with_references(
    frames: dict[str, pd.DataFrame], runs: list[Path], intervals: bool, described: Sequence[Metric]
) -> dict[str, pd.DataFrame]:
    """Put the references that the suite of a run names below its wide tables."""
    from bench.runs.records import read_records
    from bench.scoring.intervals import read_intervals
    from bench.tables.gains import references_of, with_reference

    for run in runs:
        for name, reference in references_of(run).items():
            if name in frames:
                known = read_intervals(run) if intervals else None
                frames[name] = with_reference(frames[name], read_records(run), reference, known, described)
    return frames


def _gains(
    runs: list[Path], dataset: str, all_metrics: bool, described: Sequence[Metric], as_text: bool
) -> dict[str, pd.DataFrame]:
    """Make the tables of what the derainers of one run gain over the rain, dataset by dataset."""
    from bench.scoring.gains import gains_over_rain
    from bench.tables.gains import gain_tables

    if len(runs) > 1:
        raise UserError("--gain is told of one run, whose rows share their resamples; give one folder")
    gains = gains_over_rain(runs[0], all_metrics, described)
    gains = gains[gains["dataset"].isin([dataset] if dataset else gains["dataset"])]
    return gain_tables(gains, described) if as_text else {runs[0].name: gains}


def _say_what_is_not_told(runs: list[Path], dataset: str, gain: bool) -> None:
    """Say below the tables of real rain what they cannot hold, and how to read the rest."""
    from bench.runs.card import CARD, read_card
    from bench.tables.gains import HOLM, UNPAIRED, references_of

    cards = [read_card(run) for run in runs if (run / CARD).is_file()]
    names = dict.fromkeys(name for card in cards for name in card.without_clean if dataset in ("", name))
    lines = [HOLM] if gain else []
    if names and not gain:
        lines.append(
            f"{', '.join(names)}: no clean images, so no row clean, no recovery and no pseudo_gt; --gain tells what is "
            "gained over the rain"
        )
    if not gain and any(references_of(run) for run in runs):
        lines.append(UNPAIRED)
    for line in lines:
        out_console.print(line, style="dim", markup=False, soft_wrap=True)


def _with_costs(frames: dict[str, pd.DataFrame], runs: list[Path]) -> dict[str, pd.DataFrame]:
    """Add columns of what each derainer costs to the tables of one run."""
    from bench.perf.cost_table import with_costs

    if len(runs) > 1 or "records" in frames:
        raise UserError("--cost goes with the wide table of one run")
    return {name: with_costs(frame, runs[0]) for name, frame in frames.items()}


def _write_parquet(out: Path | None, records: Sequence[Record]) -> None:
    from bench.tables.wide import write_parquet

    if out is None:
        raise UserError("--format parquet is no text; say where to write it: --out FILE")
    write_parquet(out, records)


def _with_paper(runs: list[Path], differences: bool, dataset: str) -> dict[str, pd.DataFrame]:
    """Put the paper's values beside one run's, or subtract them; say which datasets were refused and why."""
    from bench.tables.published import paper_tables

    if len(runs) > 1:
        raise UserError("--paper compares one run with the paper; give one folder")
    frames, refused = paper_tables(runs[0], differences, dataset)
    reasons = [f"{name}: {reason}" for name, reason in refused.items()]
    if not frames:
        hint = ". To see the paper's values anyway: --paper beside" if differences else ""
        raise UserError(f"no comparison with the paper. {'. '.join(reasons)}{hint}")
    for reason in reasons:
        error_console.print(f"not compared with the paper: {reason}", style="yellow", markup=False, soft_wrap=True)
    return frames


def _sliced(
    runs: list[Path], by: str, datasets: list[str], all_metrics: bool, described: Sequence[Metric]
) -> dict[str, pd.DataFrame]:
    """Make the tables of one run by slices: of an attribute, of severity, or of classes."""
    from bench.scoring import slices

    if len(runs) > 1:
        raise UserError("--by shows the slices of one run; give one folder")
    if by == slices.CLASS:
        rows = _read(runs[0], "per_class.csv", _OF_CLASSES)
        frames = {
            str(name): slices.class_table(part, all_metrics)
            for name, part in rows.groupby("dataset", sort=False)
            if name in datasets
        }
        if not frames:
            raise UserError(f"{runs[0]} tells nothing class by class: it has no task that knows classes")
        return frames
    rows = _read(runs[0], "slices.csv", slices.COLUMNS)
    rows = rows[rows["dataset"].isin(datasets)]
    if by == slices.SEVERITY:
        return {by: slices.sliced_table(rows, by, all_metrics, described)}
    parts = rows[rows["by"] == by]["dataset"].unique()
    found = {
        str(name): slices.sliced_table(rows[rows["dataset"] == name], by, all_metrics, described) for name in parts
    }
    return found or {by: slices.sliced_table(rows, by, all_metrics, described)}


def _read(run: Path, name: str, columns: Sequence[str]) -> pd.DataFrame:
    from bench.runs.records import read_table

    path = run / name
    if not path.is_file():
        raise UserError(f"{path}: no such file; give the run's command again, which does only what is missing")
    return read_table(path, columns)


def _give(
    frames: dict[str, pd.DataFrame], format: Format, into: Path | None, out: Path | None, signs: Mapping[str, int]
) -> None:
    """Print tables, write them to a file, or paste them into a Markdown file."""
    from bench.io.files import write_text
    from bench.tables import wide as tables

    if into:
        for title, frame in frames.items():
            tables.paste(into, title, frame)
    elif format == "terminal" and not out:
        for title, frame in frames.items():
            print_table(frame, title)
    elif out:
        write_text(out, _text_of(frames, format, signs))
    else:
        sys.stdout.write(_text_of(frames, format, signs))


def _text_of(frames: Mapping[str, pd.DataFrame], format: Format, signs: Mapping[str, int]) -> str:
    """Render tables as the text of one file."""
    from bench.tables.ranking import unmarked
    from bench.tables.wide import render

    if format == "json":
        return json_text({title: plain_rows(unmarked(frame)) for title, frame in frames.items()})
    kind: Literal["csv", "md", "latex", "html"] = format if format in ("md", "latex", "html") else "csv"
    return "".join(render(frame, kind, signs) for frame in frames.values())
