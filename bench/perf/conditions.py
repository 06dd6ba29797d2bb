"""State under which conditions a whole run was timed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.devices import usable_cores
from bench.runs.provenance import hardware


@dataclass(frozen=True)
class RunConditions:
    """Size of a timed run and the processor that it ran on: the last columns of its figures.

    Attributes:
        images: Images of all datasets together.
        derainers: Rows of the table, by comma.
        cores: Processor cores on which this process may run.
        processor: Name of the processor.
    """

    images: int
    derainers: str
    cores: int
    processor: str


def conditions_here(images: int, derainers: Sequence[str]) -> RunConditions:
    """State the conditions of a run of so many images and these derainers in this process."""
    return RunConditions(images, ",".join(derainers), usable_cores(), hardware("cpu"))
