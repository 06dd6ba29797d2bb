"""Derainers that a user brings without touching the project, beside ``file.py:factory``.

* ``folder:DIR``: finished images, paired with the rainy ones by stem.
* ``command:TOOL {input} {output}``: any program that reads one PNG and writes one.
* ``onnx:FILE`` and ``torchscript:FILE``: exported networks, RGB in [0, 1], (N, 3, H, W) to the same.
* ``trained:FILE``: weights written by ``derainbench train``.
* ``spandrel:FILE``: a checkpoint of a restoration network that the library spandrel knows.
* ``NETWORK@FILE``: a checkpoint of one's own for a registered network, as in ``prenet@net.pth``.

Each may be preceded by the row's name: ``mine=folder:DIR``.
"""

from __future__ import annotations

import importlib
import re
import shlex
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import cast

from bench.contract import Options
from bench.errors import ImageError, UserError
from bench.io.files import key_of, sha256_of
from bench.io.guest_module import imported_siblings
from bench.io.images import list_images
from bench.io.isolation import GuestRoom
from bench.io.onnx_files import digest_of_onnx
from bench.protocols import Derainer
from bench.registry import Entry, Origin
from derainers import DERAINERS
from derainers.weights import own_files

_SPEC = re.compile(
    r"(?:(?P<name>[\w.+-]+)=)?(?P<kind>folder|command|onnx|torchscript|trained|spandrel):(?P<value>.+)", re.DOTALL
)
_MOST_FILES = 10_000
"""Of a folder that a command names."""
_CHECKPOINT = re.compile(r"(?:(?P<name>[\w.+-]+)=)?(?P<network>[\w.+-]+)@(?P<value>(?!.*\.py:\w+\Z).+)", re.DOTALL)
_TARGETS = {
    "folder": "derainers.external.folder:FolderDerainer",
    "command": "derainers.external.command:CommandDerainer",
    "onnx": "derainers.external.exported:onnx_derainer",
    "torchscript": "derainers.external.exported:torchscript_derainer",
    "trained": "derainers.trained:trained_file",
    "spandrel": "derainers.external.spandrel_file:spandrel_derainer",
}


@dataclass(frozen=True)
class PluginEntry(Entry):
    """A derainer made of something on the user's disk.

    Attributes:
        kind: ``folder``, ``command``, ``onnx``, ``torchscript``, ``trained`` or ``spandrel``.
        value: What follows the colon; paths are absolute.
    """

    kind: str = "folder"
    value: str = ""

    @property
    def is_guest(self) -> bool:
        """False: the code is this project's, and programs run in processes of their own."""
        return False

    def load(self, room: GuestRoom | None = None) -> object:
        """Import the route's factory, which takes the options."""
        module, _, attribute = _TARGETS[self.kind].rpartition(":")
        build = cast(Callable[[str, Options], Derainer], getattr(importlib.import_module(module), attribute))
        return partial(build, self.value)

    def code_version(self) -> str:
        """Digest of all that decides the result: the images, the model, or the command and its files."""
        if self.kind == "folder":
            return key_of([(path.name, sha256_of(path)) for path in finished_images(Path(self.value)).values()])
        if self.kind == "command":
            words = command_words(self.value)
            return key_of(words, [sha256_of(path) for path in command_files(words)])
        if self.kind == "onnx":
            return digest_of_onnx(Path(self.value))
        return sha256_of(Path(self.value))


@dataclass(frozen=True)
class CheckpointEntry(PluginEntry):
    """A registered network with a checkpoint of the user's; its target is that of the registered name.

    Attributes:
        network: The registered name.
    """

    network: str = ""

    def load(self, room: GuestRoom | None = None) -> object:
        """Import the network's factory and bind the file to the options that it takes."""
        return partial(_with_file, cast(Callable[[Options], Derainer], Entry.load(self, room)), Path(self.value))

    def code_version(self) -> str:
        """Digest of the network's code and of the checkpoint."""
        return key_of(Entry.code_version(self), sorted(self.digests().values()))

    def digests(self) -> dict[str, str]:
        """Map the checkpoint's files to their SHA-256."""
        return {path.name: sha256_of(path) for path in own_files(self.network, Path(self.value))}


def _with_file(build: Callable[[Options], Derainer], file: Path, options: Options) -> Derainer:
    return build(replace(options, weights_file=file))


def find_derainer(spec: str) -> Entry:
    """The entry of a registered name, of ``file.py:factory``, or of one of the routes above.

    Raises:
        UserError: Nothing of that name, no such file or folder, or the name is taken.
    """
    if spec in DERAINERS.entries():
        return DERAINERS.find(spec)
    if checkpoint := _CHECKPOINT.fullmatch(spec):
        return _checkpoint(checkpoint)
    if (route := _SPEC.fullmatch(spec)) is None:
        return DERAINERS.find(spec)
    kind, value = route["kind"], route["value"]
    name = _free_name(route["name"] or _default_name(kind, value), f"{kind}:{value}")
    if kind == "command":
        command_words(value)
    else:
        path = Path(value).expanduser()
        if not (path.is_dir() if kind == "folder" else path.is_file()):
            raise UserError(f"{kind}:{value}: no such {'folder' if kind == 'folder' else 'file'}")
        value = str(path.resolve())
    return PluginEntry(name, _TARGETS[kind], cast(Origin, kind), kind=kind, value=value)


def find_derainers(specs: Sequence[str]) -> list[Entry]:
    """Find the entries of a list of derainers; a name that one of the list gives is known to all of it.

    So ``gpu`` is known beside ``gpu=trained:FILE``, and ``mine`` beside ``mine.py:build``.

    Raises:
        UserError: As :func:`find_derainer`; names that the list gives are no mistakes.
    """
    registered = DERAINERS.entries()
    given = {spec: find_derainer(spec) for spec in specs if _brings_its_own(spec) and spec not in registered}
    by_name = {entry.name: entry for entry in given.values()}
    return [given.get(spec) or by_name.get(spec) or find_derainer(spec) for spec in specs]


def _brings_its_own(spec: str) -> bool:
    """Test one spec for a route or a file, from which a name follows; a bare name is neither."""
    return bool(_SPEC.fullmatch(spec) or _CHECKPOINT.fullmatch(spec)) or ".py:" in spec


def _checkpoint(match: re.Match[str]) -> CheckpointEntry:
    network, value = match["network"], match["value"]
    registered = DERAINERS.named(network)
    name = _free_name(match["name"] or Path(value).stem, f"{network}@{value}")
    if not registered.is_built_in:
        plugin = registered.distribution or registered.origin
        raise UserError(f"{network}@{value}: {network} is a plug-in of {plugin}, which loads its own weights")
    (file, *_) = own_files(network, Path(value).expanduser())
    return CheckpointEntry(
        name, registered.target, "checkpoint", kind="checkpoint", value=str(file.resolve()), network=network
    )


def _free_name(name: str, what: str) -> str:
    """Refuse a name that the registry has."""
    if name in DERAINERS.entries():
        raise UserError(f"derainer {name!r} exists already; give yours a name of its own: my-{name}={what}")
    return name


def finished_images(folder: Path) -> dict[str, Path]:
    """The images of a folder by stem.

    Raises:
        UserError: The folder is absent, empty, or has two files of one stem.
    """
    try:
        images = list_images(folder)
    except ImageError as error:
        raise UserError(str(error)) from error
    if not images:
        raise UserError(f"{folder}: no images here; expected restored images named like the rainy ones")
    return images


def command_words(template: str) -> list[str]:
    """Split a command template into its words.

    Raises:
        UserError: It cannot be split, or lacks ``{input}`` or ``{output}``.
    """
    try:
        words = shlex.split(template)
        if len(words) == 1:  # the whole was quoted, as in command:"tool {input} {output}"
            words = shlex.split(words[0])
    except ValueError as error:
        raise UserError(f"command {template!r}: {error}") from error
    for place in ("{input}", "{output}"):
        if not any(place in word for word in words):
            raise UserError(f"command {template!r} lacks {place}; expected something like: tool {{input}} {{output}}")
    return words


def command_files(words: Sequence[str]) -> list[Path]:
    """Files that decide what a command does: its program, and what its words name.

    A word may be a file or a folder, or hold one behind an option: ``--weights=FILE``, ``-wFILE``, ``a=FILE,b=FILE``.
    Of a folder every file counts, of a Python file also the modules beside it that it imports.
    """
    found: dict[Path, None] = {Path(shutil.which(words[0]) or words[0]): None}
    for word in words[1:]:
        pieces = [word, word.partition("=")[2], *re.split(r"[=,:;]", word), word[2:] if word.startswith("-") else ""]
        for path in (Path(piece).expanduser() for piece in pieces if piece and "{" not in piece):
            if path.is_dir() and path.resolve() not in (Path.cwd(), *Path.cwd().parents):
                found |= dict.fromkeys(sorted(file for file in path.rglob("*") if file.is_file())[:_MOST_FILES])
            elif path.suffix == ".py":
                found |= dict.fromkeys(imported_siblings(path))
            else:
                found[path] = None
    return [path for path in found if path.is_file()]


def _default_name(kind: str, value: str) -> str:
    if kind == "command":
        return Path(command_words(value)[0]).stem
    return Path(value).resolve().name if kind == "folder" else Path(value).stem
