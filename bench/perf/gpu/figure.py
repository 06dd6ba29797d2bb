"""One figure of a GPU, and the sizes at which figures are taken."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class GpuFigure:
    """One row of ``gpu.csv``; what does not apply or is not known is empty.

    Attributes:
        what: Name of what was measured: a network, a stage of a run, a limit of the device.
        how: Way in which it was: ``network alone``, ``whole call``, ``inside networks``, ...
        precision: As in :class:`bench.contract.Options`, where bf16 is autocast, or ``bf16 weights``.
        compiled: True if the network was compiled.
        height: Height of the images in pixels.
        width: Width of the images in pixels.
        batch: Images at once.
        value: The figure.
        unit: Its unit.
        gflop: 10^9 operations that took ``value`` milliseconds, two a multiply-add.
        gigabytes: 10^9 bytes that the network's layers read and write meanwhile, if none is joined with the next.
        note: What else is to be said, or why there is no value.
        part: Part of the measurement.
    """

    what: str
    how: str = ""
    precision: str = ""
    compiled: bool = False
    height: int = 0
    width: int = 0
    batch: int = 1
    value: float | None = None
    unit: str = ""
    gflop: float | None = None
    gigabytes: float | None = None
    note: str = ""
    part: str = ""


@dataclass(frozen=True)
class GpuScale:
    """Sizes of what is measured.

    Attributes:
        size: (height, width) of images, multiples of 16.
        small: (height, width) of images that a processor also has to restore.
        networks: Names of derainers, with random weights where others are not to be had.
        copied_bytes: Size of what is copied on the device.
        product: Side of the matrices that are multiplied.
        calls: Calls of which the median is taken.
        scenes: Scenes of the whole run.
        batch: Crops of a step of training.
        steps_seconds: Seconds for which steps of training are counted.
    """

    size: tuple[int, int] = (720, 1280)
    small: tuple[int, int] = (192, 320)
    networks: tuple[str, ...] = ("mspfn-light", "prenet-small", "mspfn")
    copied_bytes: int = 1 << 30
    product: int = 8192
    calls: int = 20
    scenes: int = 24
    batch: int = 64
    steps_seconds: float = 10.0


DRY = GpuScale((32, 48), (32, 48), ("prenet-small",), 1 << 22, 256, 2, 2, 2, 0.5)
"""Sizes at which the command can be tried on a processor."""
