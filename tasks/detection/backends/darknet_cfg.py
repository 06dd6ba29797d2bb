"""Read Darknet's network descriptions, which are texts of sections, and build YOLOv3's (Redmon and Farhadi, 2018)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.errors import UserError

YOLOV3_ANCHORS = "10,13, 16,30, 33,23, 30,61, 62,45, 59,119, 116,90, 156,198, 373,326"


@dataclass(frozen=True)
class Section:
    """One layer of the description.

    Attributes:
        kind: Such as ``convolutional``.
        options: Settings of the section as written.
    """

    kind: str
    options: Mapping[str, str]

    def number(self, name: str, default: int) -> int:
        """Read a whole number."""
        return int(self.options.get(name, default))

    def numbers(self, name: str) -> list[int]:
        """Read a list of whole numbers."""
        return [int(text) for text in self.options.get(name, "").split(",") if text.strip()]


def parse_cfg(text: str, origin: str) -> list[Section]:
    """Read a description.

    Raises:
        UserError: A line that is neither a section, a setting nor a comment.
    """
    sections: list[tuple[str, dict[str, str]]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        if line.startswith("[") and line.endswith("]"):
            sections.append((line[1:-1].strip(), {}))
        elif "=" in line and sections:
            name, _, value = line.partition("=")
            sections[-1][1][name.strip()] = value.strip()
        else:
            raise UserError(f"{origin}, line {number}: expected [section] or name=value, found {line[:60]!r}")
    if not sections or sections[0][0] not in ("net", "network"):
        raise UserError(f"{origin}: expected a darknet description that begins with [net]")
    return [Section(kind, options) for kind, options in sections]


def yolov3_cfg(classes: int = 80, side: int = 416) -> str:
    """Build YOLOv3's description: Darknet-53 and three heads."""
    parts = [f"[net]\nwidth={side}\nheight={side}\nchannels=3", _convolution(32, 3)]
    for filters, count in ((64, 1), (128, 2), (256, 8), (512, 8), (1024, 4)):
        parts.append(_convolution(filters, 3, stride=2))
        for _ in range(count):
            parts += [_convolution(filters // 2, 1), _convolution(filters, 3), "[shortcut]\nfrom=-3\nactivation=linear"]
    # The finer heads join the trunk's output before its last and last but one halving.
    for filters, mask, joined in ((512, "6,7,8", None), (256, "3,4,5", 61), (128, "0,1,2", 36)):
        if joined is not None:
            parts += [
                "[route]\nlayers=-4",
                _convolution(filters, 1),
                "[upsample]\nstride=2",
                f"[route]\nlayers=-1,{joined}",
            ]
        for _ in range(3):
            parts += [_convolution(filters, 1), _convolution(2 * filters, 3)]
        parts.append(_convolution(3 * (classes + 5), 1, plain=True))
        parts.append(f"[yolo]\nmask={mask}\nanchors={YOLOV3_ANCHORS}\nclasses={classes}\nnum=9")
    return "\n\n".join(parts) + "\n"


def _convolution(filters: int, size: int, stride: int = 1, plain: bool = False) -> str:
    normalise = "" if plain else "batch_normalize=1\n"
    activation = "linear" if plain else "leaky"
    return (
        f"[convolutional]\n{normalise}filters={filters}\nsize={size}\nstride={stride}\npad=1\nactivation={activation}"
    )
