"""Read a plain folder: photographs, optionally masks of the same names and a class list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.contract import Classes, ClassSpace, LabelMap, Parameters, Photograph, Truth
from bench.errors import ImageError, UserError
from bench.io.files import key_of, sha256_of
from bench.io.images import left_out, list_images, read_depth, read_image, read_label_map, size_of_image
from bench.io.names import align_names
from synth.sources.findings import Finding
from synth.sources.label_maps import check_label_map
from synth.sources.reading import AbsentError, check_names, check_root, parameter, read_classes, words

_EXPECTED = "a folder of images, or images with masks of the same names and a class list (classes.csv: id,name)"


@dataclass(frozen=True)
class FolderSource:
    """Photographs of a folder and the masks that belong to them; see :func:`open_folder`.

    Attributes:
        images: The image files by id.
        masks: The mask files by id; empty when the source has no masks.
        ignored: Ids in the masks that mean "not labelled".
        depths: The depth maps by id, where there are any.
        metres: Metres per unit of the depth maps.
    """

    name: str
    classes: Classes
    images: Mapping[str, Path]
    masks: Mapping[str, Path]
    ignored: frozenset[int] = frozenset()
    depths: Mapping[str, Path] = field(default_factory=dict)
    metres: float = 1 / 256

    @property
    def ids(self) -> Sequence[str]:
        """List the ids: the stems of the image files, sorted."""
        return tuple(self.images)

    @property
    def unpaired(self) -> Sequence[str]:
        """List images without mask and masks without image; none when the source has no masks."""
        return sorted(self.images.keys() ^ self.masks.keys()) if self.classes.labels else []

    def size(self, id: str, /) -> tuple[int, int] | None:
        """Read (height, width) of one image from its header."""
        return size_of_image(self.images[id])

    def identity(self, id: str, /) -> str:
        """Digest the files of one image, its mask and its depth map; empty if one is absent."""
        files = [self.images[id], *([self.masks.get(id)] if self.classes.labels else [])]
        files += [self.depths[id]] if id in self.depths else []
        found = [file for file in files if file is not None and file.is_file()]
        return key_of([sha256_of(file) for file in found]) if len(found) == len(files) else ""

    def label_maps(self) -> Mapping[str, Path]:
        """List the mask files by image id, those of no image among them; none if the source has none."""
        return self.masks

    def audit(self) -> Iterator[Finding]:
        """Name what has no partner, and files that look like images and are not read."""
        folders = {path.parent for files in (self.images, self.masks, self.depths) for path in files.values()}
        for folder in sorted(folders):
            if text := left_out(folder, folders):
                yield Finding("not read", "", f"{folder}: {text}")
        for id in self.unpaired:
            lacks = "mask" if id in self.images else "image"
            yield Finding("unpaired", id, f"there is no {lacks} of this name")

    def load(self, id: str, /) -> Photograph:
        """Decode one photograph and its label map.

        Raises:
            ImageError: One of the files is absent or unusable, they differ in size, or the mask has unknown ids.
        """
        image = read_image(self.images[id])
        size = (image.shape[0], image.shape[1])
        depth = read_depth(self.depths[id], self.metres, size) if id in self.depths else None
        return Photograph(id, image, None, Truth(size, None, self._label_map(id, size)), depth)

    def _label_map(self, id: str, size: tuple[int, int]) -> LabelMap | None:
        if self.classes.labels is None:
            return None
        if id not in self.masks:
            raise ImageError(f"image {id!r} ({self.images[id]}): there is no mask of that name")
        path = self.masks[id]
        return check_label_map(read_label_map(path, size), self.classes.labels, self.ignored, str(path))


def open_folder(root: Path | None, parameters: Parameters) -> FolderSource:
    """Open one folder of photographs.

    Args:
        root: The folder.
        parameters: ``images`` and ``masks``, folders below the root (the root itself; no masks); ``classes``
            (``classes.csv``); ``ignore``, ids or names of what is no class (``void`` if the list has it);
            ``image_suffix`` and ``mask_suffix``, what follows the common part of the names, without extension;
            ``space``, the class space's name (``custom``); ``depth``, a folder of depth maps of the images' names,
            and ``metres``, what a unit in them is worth (1/256).

    Raises:
        UserError: A folder or the class list is absent, there are no images, or no mask matches any.
    """
    known = ("images", "masks", "classes", "ignore", "image_suffix", "mask_suffix", "space", "depth", "metres")
    check_names(parameters, known, "folder")
    folder = check_root(root, "folder", _EXPECTED)
    images = _files(folder / parameter(parameters, "images", ""), parameter(parameters, "image_suffix", ""))
    depth_name, metres = parameter(parameters, "depth", ""), parameter(parameters, "metres", 1 / 256)
    depths = _files(folder / depth_name, "") if depth_name else {}
    masks_name = parameter(parameters, "masks", "")
    depths = align_names(depths, images)
    if not masks_name:
        return FolderSource("folder", Classes(), images, {}, depths=depths, metres=metres)
    masks = _files(folder / masks_name, parameter(parameters, "mask_suffix", ""))
    masks = align_names(masks, images)
    if not images.keys() & masks.keys():
        raise UserError(
            f"{folder}: no mask has the name of an image (first image {next(iter(images))!r}, first mask "
            f"{next(iter(masks))!r}); set image_suffix or mask_suffix"
        )
    space, ignored = _classes(folder, parameters)
    return FolderSource("folder", Classes(labels=space), images, masks, ignored, depths, metres)


def _classes(folder: Path, parameters: Parameters) -> tuple[ClassSpace, frozenset[int]]:
    path = folder / parameter(parameters, "classes", "classes.csv")
    name = parameter(parameters, "space", "custom")
    if "ignore" in parameters:
        return read_classes(path, name, words(parameters, "ignore"))
    space, _ = read_classes(path, name)
    return read_classes(path, name, ("void",)) if "void" in space.names else (space, frozenset())


def _files(folder: Path, suffix: str) -> dict[str, Path]:
    """List image files by stem without the suffix; files without it are left out."""
    try:
        found = list_images(folder)
    except ImageError as error:
        raise UserError(f"{error}. Expected {_EXPECTED}") from error
    named = {stem.removesuffix(suffix): path for stem, path in found.items() if stem.endswith(suffix)}
    if not named:
        there = f"; it has {text}" if (text := left_out(folder)) else ""
        what = f"no images{f' with names ending in {suffix}' if suffix else ''}"
        raise AbsentError(f"{folder}: holds {what}{there}. Expected {_EXPECTED}")
    return named
