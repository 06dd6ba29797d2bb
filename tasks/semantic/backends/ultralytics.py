"""Load ultralytics' semantic segmenters (``-sem``), which run at the image's own size."""

from __future__ import annotations

from dataclasses import dataclass

from bench.contract import ClassSpace, Options
from bench.devices import torch_for
from bench.errors import UserError
from tasks.classes import known_spaces
from tasks.detection.backends.ultralytics import check_trust, checked_file, import_yolo
from tasks.models.checkpoints import Checkpoint, find_checkpoint
from tasks.semantic.segmenter import NO_NORMALISATION, LoadedNetwork, Normalisation
from tasks.semantic.settings import SemanticSettings


@dataclass(frozen=True)
class UltralyticsNetwork:
    """A ``-sem`` network before it is loaded.

    Attributes:
        checkpoint: Weights of the network.
        trust: Load a file that is not published.
        normalisation: None: these networks take RGB in [0, 1].
    """

    checkpoint: Checkpoint
    trust: bool
    normalisation: Normalisation = NO_NORMALISATION

    @property
    def label(self) -> str:
        """Short name for tables."""
        return self.checkpoint.label

    @property
    def digest(self) -> str:
        """SHA-256 of the file."""
        return self.checkpoint.digest

    @property
    def space(self) -> ClassSpace | None:
        """Classes of published weights."""
        return known_spaces().get(self.checkpoint.trained_on)

    def load(self, options: Options) -> LoadedNetwork:
        """Load the network.

        Raises:
            MissingExtraError: ultralytics is not installed.
            UserError: The file cannot be had, is not trusted, or is made for another task.
        """
        path = self.checkpoint.locate(options)
        check_trust(path, self.checkpoint, self.trust)
        torch_for(options, "semantic segmentation by ultralytics")
        yolo = import_yolo()
        try:
            model = yolo(str(path), verbose=False)
        except Exception as error:  # a damaged file fails in as many ways as there are formats
            raise UserError(f"{path}: not a model that ultralytics reads ({type(error).__name__}: {error})") from error
        if model.task != "semantic":
            raise UserError(f"{path}: is made for {model.task!r}, expected 'semantic'")
        return LoadedNetwork(model.model.eval().to(options.device), len(model.names))


def find_ultralytics(text: str, settings: SemanticSettings) -> UltralyticsNetwork:
    """Find the segmenter of a ``.pt`` file or of a published name.

    Raises:
        UserError: Neither of them.
    """
    checkpoint = find_checkpoint(text, (".pt",), "semantic")
    return UltralyticsNetwork(
        checked_file(checkpoint, settings.trust_checkpoint, "semantic"), settings.trust_checkpoint
    )
