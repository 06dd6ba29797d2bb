"""A folder of finished images as a derainer: for methods that run only elsewhere."""

from __future__ import annotations

from pathlib import Path

from bench.contract import Image, Options, Traits
from bench.errors import ImageError, UserError
from bench.io.files import safe_name
from bench.io.images import read_image
from bench.io.names import align_names, nearest_name
from derainers.external.plugins import finished_images


class FolderDerainer:
    """Reads the restored image of the same stem (:class:`bench.protocols.NamedDerainer`).

    Args:
        folder: Images named like the rainy ones; the suffix may differ.
        options: Not needed.

    Raises:
        UserError: There are no images in the folder.
    """

    traits = Traits(batchable=False)

    def __init__(self, folder: str, options: Options) -> None:
        self._folder = folder
        self._images = finished_images(Path(folder))

    def __call__(self, rainy: Image, /) -> Image:
        """Not possible: pixels do not tell which file belongs to them."""
        raise UserError(f"folder:{self._folder} holds finished images of a dataset and cannot restore others")

    def restore_named(self, rainy: Image, id: str, /) -> Image:
        """Read the image called ``id``.

        Raises:
            ImageError: There is none, it is unreadable, or its size is not that of the rainy image.
        """
        path = self._images.get(id) or self._images.get(safe_name(id)) or align_names(self._images, [id]).get(id)
        if path is None:
            near = nearest_name(id, self._images)
            hint = f"; the nearest name is {near!r}" if near else ""
            raise ImageError(f"{self._folder} holds no image {id!r}{hint}")
        return read_image(path, size=rainy.shape[:2])
