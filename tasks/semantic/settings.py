"""Parameters of the semantic segmentation task."""

from __future__ import annotations

from pydantic import Field

from tasks.settings import Settings

Triple = tuple[float, float, float]


class SemanticSettings(Settings):
    """Parameters of the semantic segmentation task.

    Attributes:
        model: ``smp:FOLDER``, ``smp:OWNER/NAME`` (a hub name), ``smp:ARCHITECTURE/ENCODER@FILE`` (a state dict),
            ``torchvision:ARCHITECTURE``, ``torchvision:ARCHITECTURE@FILE``, ``refinenet:FILE``,
            ``ultralytics:NAME``, ``transformers:FOLDER``, ``transformers:OWNER/NAME@COMMIT``, ``shipped:NAME``,
            ``trained:FILE``, or your own, ``path/to/mine.py:build``.
        trust_checkpoint: As for detection: an ultralytics ``.pt`` file, or a transformers folder with a pickle.
        mean: Mean of each RGB channel of values in [0, 1], subtracted from the input; None for what the backend
            is usually trained with (ImageNet's for smp, torchvision and refinenet).
        deviation: Standard deviation of each channel, by which the input is divided; None as for ``mean``.
        multiple_of: Images are padded with zeros, below and on the right, to a multiple of this. Neither this nor the
            two above are for transformers and your own, which prepare their input by themselves.
        outputs: Meaning of the model's outputs: ``dataset`` (the dataset's classes in order), a known label space
            such as ``cityscapes``, whose classes are mapped to the dataset's, or ``auto``: what published weights
            are known for, else ``dataset``.
        classes: Names of the dataset's classes to score; empty for all that the model can see.
    """

    model: str
    trust_checkpoint: bool = False
    mean: Triple | None = None
    deviation: Triple | None = None
    multiple_of: int = Field(default=32, ge=1, le=256)
    outputs: str = "auto"
    classes: tuple[str, ...] = ()
