"""Draw progress bars with images per second and time left."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from bench.runner.outcome import Outcome

_TITLES = {"render": "Rain", "restore": "Derain", "judge": "Judge", "examine": "Examine", "fetch": "Fetch"}


class ImageRate(ProgressColumn):
    """Column of a progress bar: images per second."""

    def render(self, task: Task) -> Text:
        """Render the speed of a bar; nothing until it is known."""
        return Text(f"{task.speed:.1f} images/s" if task.speed else "", style="cyan")


class Bars:
    """Draw one bar a stage of a run, as a context manager.

    Args:
        console: Console to draw on.
        hidden: True draws no bars; failures are still printed.
        every_image: True prints a line for every image, too.
    """

    def __init__(self, console: Console, hidden: bool = False, every_image: bool = False) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<7}"),
            BarColumn(),
            MofNCompleteColumn(),
            ImageRate(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[row]}", style="dim", markup=False),
            console=console,
            disable=hidden,
        )
        self._console = console
        self._every_image = every_image

    def __enter__(self) -> Bars:
        """Draw nothing yet: an error before the first stage shall stand alone."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop drawing, if a stage has begun."""
        if self._progress.live.is_started:
            self._progress.stop()

    def begin(self, stage: str, images: int, done: int) -> None:
        """Draw the bar of a new stage: ``images`` to do, and ``done`` that were found done already."""
        self._progress.start()
        self._task = self._progress.add_task(_TITLES[stage], total=images + done, completed=done, row="")

    def advance(self, outcome: Outcome) -> None:
        """Move the bar by one image; print a failure at once."""
        row = " ".join(filter(None, (outcome.row.dataset, outcome.row.derainer, outcome.row.task)))
        self._progress.update(self._task, advance=1, row=row)
        if outcome.failure:
            text = Text.assemble(("failed", "red"), f" {row} {outcome.id}: {outcome.failure.reason}")
            self._console.print(text, soft_wrap=True)
        elif self._every_image:
            text = Text(f"done {row} {outcome.id} in {outcome.seconds:.3f} s", style="dim")
            self._console.print(text, soft_wrap=True)
