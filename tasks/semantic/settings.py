"""Parameters of the semantic segmentation task."""

from __future__ import annotations

from pydantic import Field

from tasks.settings import Settings

Triple = tuple[float, float, float]


class SemanticSettings(Settings):
    """Parameters of the semantic segmentation task.

    Attributes:
        model: ``smp:FOLDER``, ``smp:OWNER/NAME`` (a hub name) or ``refinenet:FILE``.
        mean: Mean of each RGB channel of values in [0, 1], subtracted from the input.
        deviation: Standard deviation of each channel, by which the input is divided.
        multiple_of: Images are padded with zeros, below and on the right, to a multiple of this.
        outputs: What the model's outputs mean: ``dataset`` (the dataset's classes in order) or a known label
            space such as ``cityscapes``; its classes are mapped to the dataset's.
        classes: Names of the dataset's classes to score; empty for all that the model can see.
    """

    model: str
    mean: Triple = (0.485, 0.456, 0.406)
    deviation: Triple = (0.229, 0.224, 0.225)
    multiple_of: int = Field(default=32, ge=1, le=256)
    outputs: str = "dataset"
    classes: tuple[str, ...] = ()
