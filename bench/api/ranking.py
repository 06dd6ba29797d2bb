"""Write the ranking of derainers over finished runs as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.errors import UserError, did_you_mean
from bench.io.files import write_text
from bench.io.training.origin import trained_on
from bench.report.ranking import RankedRow, render_ranking
from bench.tables.places import FinishedRun, finished_run, rows_of
from bench.tables.standings import Origin
from derainers import WITHOUT_NETWORK
from derainers.facts import facts_table
from derainers.weights import weights_table

BEGIN, END = "<!-- ranking -->\n", "<!-- end of ranking -->"
"""Lines of a Markdown file between which the ranking stands."""


def ranking_of(runs: Sequence[Path], into: Path, told: Mapping[str, str] | None = None) -> str:
    """Rank the derainers of finished runs: one HTML table, and in Markdown how its runs were made.

    Args:
        runs: Run folders; the first one's first dataset orders the rows.
        into: The file in which it will stand; links to the cards are relative to it.
        told: Row to what its weights were trained on, in words, where neither they nor a card beside them tell.

    Raises:
        UserError: A folder holds no finished run or is given twice, or one name stands for two weights; ``told`` has a
            row that is in no run, or one of which it is known.
    """
    _check_once(runs)
    finished = [finished_run(run) for run in runs]
    origins = {row: origin_of(row, finished) for row in rows_of(finished)}
    origins |= _told(told or {}, origins)
    rows = [RankedRow(row, origin, *_size(row, origin)) for row, origin in origins.items()]
    return render_ranking(finished, rows, into, told or {})


def write_ranking(runs: Sequence[Path], into: Path, told: Mapping[str, str] | None = None) -> None:
    """Put the ranking of finished runs into a Markdown file, in place of the one that is there, or into a new file.

    Args:
        runs: As of :func:`ranking_of`.
        into: The file.
        told: As of :func:`ranking_of`.

    Raises:
        UserError: As of :func:`ranking_of`; or the file cannot be read, or has no place for it.
    """
    try:
        text = into.read_text(encoding="utf-8") if into.exists() else f"# The ranking\n\n{BEGIN}{END}\n"
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{into}: cannot be read ({error}); give a Markdown file") from error
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UserError(f"{into}: needs the lines {BEGIN.strip()!r} and {END!r}, between which the ranking goes")
    write_text(into, before + begin + ranking_of(runs, into, told) + end + after)


def _check_once(runs: Sequence[Path]) -> None:
    places = [run.resolve() for run in runs]
    for run, place in zip(runs, places, strict=True):
        if places.count(place) > 1:
            raise UserError(f"{run}: the same run is given twice; leave one out")


def _told(told: Mapping[str, str], known: Mapping[str, Origin]) -> dict[str, Origin]:
    """Take what somebody says of weights of which nothing is known, and note that it was told."""
    for row, words in told.items():
        if row not in known:
            raise UserError(f"what {row!r} was trained on was told, but it is in no run. {did_you_mean(row, known)}")
        if not words.strip():
            raise UserError(f"what {row} was trained on was told in no words; say on which images and rain")
        if known[row].words:
            raise UserError(f"what {row} was trained on is known: {known[row].words}; do not tell it")
    return {row: Origin(f"{words.strip()} (told for this page)") for row, words in told.items()}


def origin_of(row: str, runs: Sequence[FinishedRun]) -> Origin:
    """Find out what the weights of one row were trained on.

    Their SHA-256 in a run's card finds them in ``derainers/weights.csv``; the card also has what the user's own tell.

    Args:
        row: The row's name.
        runs: The runs; the first one that tells counts.
    """
    first = next(run for run in runs if row in run.card.derainers)
    if row in WITHOUT_NETWORK and row in first.suite.derainers:  # not a file of the user's that is named like it
        return Origin("nothing: it has no weights")
    published = {file.sha256: file for files in weights_table().values() for file in files}
    known = [published[digest] for digest in first.weights(row).values() if digest in published]
    told = [run.card.trained[row] for run in runs if run.card.trained and row in run.card.trained]
    shipped = (trained_on(file.shipped) for file in known if file.shipped)
    trained = told[0] if told else next(shipped, None)
    words = known[0].trained_on if known else ""
    if trained and not words:
        words = f"rain drawn on {', '.join(trained.folders)}"
    if trained and trained.watched:
        words += f"; watched meanwhile on {', '.join(trained.watched)}"
    return Origin(words, trained)


def _size(row: str, origin: Origin) -> tuple[int | None, int | None]:
    """Look up parameters and operations of a row's network; None where they are unknown."""
    facts = facts_table()
    network = origin.trained.network if origin.trained else ""
    return facts.get(row) or facts.get(network) or (None, None)
