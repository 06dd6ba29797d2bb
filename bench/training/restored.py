"""Photographs as a row of a finished run restored them, with their labels: to train and measure task models on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.contract import Classes, Photograph
from bench.errors import ImageError, UserError, did_you_mean
from bench.io.files import key_of
from bench.runs.card import read_card
from bench.runs.folder import RunStore
from bench.runs.rows import Row
from synth.datasets.dataset import FolderDataset, open_dataset

_MULTIPLE = 32
"""Height and width have to be multiples of this, by which the small networks shrink an image."""


@dataclass(frozen=True)
class RestoredImages:
    """What one row of a run made of one of its datasets, as a source of photographs.

    Attributes:
        store: The run folder.
        row: Dataset and derainer.
        dataset: The opened dataset, for the labels.
    """

    store: RunStore
    row: Row
    dataset: FolderDataset

    @property
    def name(self) -> str:
        """Row and dataset in words."""
        return f"{self.row.derainer} on {self.row.dataset}"

    @property
    def classes(self) -> Classes:
        """As the dataset's."""
        return self.dataset.classes

    @property
    def ids(self) -> Sequence[str]:
        """As the dataset's."""
        return self.dataset.ids

    @property
    def digest(self) -> str:
        """Digest of all images and labels, by the run's keys."""
        return key_of(*((id, self.store.key(self.row, id), self.dataset.digest(id)) for id in self.ids))

    def size(self, id: str, /) -> tuple[int, int]:
        """Return (height, width) of one image."""
        return self.dataset.size(id)

    def load(self, id: str, /) -> Photograph:
        """Decode one restored image, which takes the place of the clean one.

        Raises:
            UserError: The run lacks it, or it was changed.
        """
        try:
            image = self.store.read_restored(self.row, id)
        except ImageError as error:
            raise UserError(f"{error}; finish the run before training on it") from error
        return Photograph(id, image, None, self.dataset.truth(id))


def open_restored(run: Path, row: str) -> tuple[RestoredImages, RestoredImages]:
    """Open what a row of a run of two datasets restored: the first to train on, the second to measure on.

    Args:
        run: The run folder.
        row: A row of the run.

    Raises:
        UserError: No such run or row, another number of datasets, or images or classes that the small networks cannot
            be trained on.
    """
    card = read_card(run)
    if row not in card.rows:
        raise UserError(f"{run}: has no row {row!r}. {did_you_mean(row, card.rows)}")
    if len(card.tasks_of) != 2:
        raise UserError(
            f"{run}: expected two datasets, the first to train on and the second to measure on, got "
            f"{', '.join(card.tasks_of)}; run a suite of two"
        )
    store = RunStore(run)
    train, held_out = (
        RestoredImages(store, Row(name, row), open_dataset(store.data_folder(name))) for name in card.tasks_of
    )
    for one in (train, held_out):
        _check(one)
    return train, held_out


def _check(images: RestoredImages) -> None:
    """Refuse sizes that make no batch, and classes that are not numbered as the small networks number theirs."""
    sizes = {images.size(id) for id in images.ids}
    if len(sizes) > 1 or any(side % _MULTIPLE for size in sizes for side in size):
        told = ", ".join(f"{width}x{height}" for height, width in sorted(sizes)[:3])
        raise UserError(f"{images.name}: expected images of one size, a multiple of {_MULTIPLE} each way, got {told}")
    for space, first in ((images.classes.instances, 1), (images.classes.labels, 0)):
        if space is not None and tuple(space.ids) != tuple(range(first, first + len(space.ids))):
            raise UserError(
                f"{images.name}: the small networks need classes numbered from {first} without gaps, those of "
                f"{space.name} are not; train a model of your own and name it behind --retrained"
            )
