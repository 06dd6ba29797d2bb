"""Find and import the factory behind a name: of a derainer, a task, a source of photographs or a rain renderer.

Names are built in, brought by installed plug-ins, or given as ``path/to/file.py:factory``. Nothing is imported before
it is wanted.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Generic, Literal, TypeAlias, TypeVar, cast

from bench.errors import UserError, reason_of
from bench.io.code_version import code_version
from bench.io.isolation import GuestRoom

Factory = TypeVar("Factory")

Origin: TypeAlias = Literal[
    "built-in", "file", "plug-in", "folder", "command", "onnx", "torchscript", "trained", "checkpoint"
]
"""Origins of what is named in a run: this project, a user's Python file, an installed distribution, or a route by which
users bring finished images, programs and networks (:mod:`derainers.external.plugins`)."""

_FILE_SPEC = re.compile(r"(?:(?P<name>[\w.+-]+)=)?(?P<path>.+\.py):(?P<attribute>\w+)")


@dataclass(frozen=True)
class Entry:
    """A name and where its factory is.

    Attributes:
        name: The name that commands, suites and tables use.
        target: ``module:attribute``, ``module:attribute(argument)`` or ``path/to/file.py:attribute``.
        origin: Where the factory comes from.
        distribution: The installed distribution that brought a plug-in; empty for all else.
    """

    name: str
    target: str
    origin: Origin = "built-in"
    distribution: str = ""

    @property
    def is_built_in(self) -> bool:
        """True for a name of this project."""
        return self.origin == "built-in"

    @property
    def is_guest(self) -> bool:
        """True for what is not of this project: a user's file, an installed plug-in, an exported network."""
        return not self.is_built_in

    def room(self) -> GuestRoom | None:
        """Make a room for a plug-in's code; None for code of this project, which needs none."""
        if not self.is_guest:
            return None
        place = self.target.rpartition(":")[0]
        return GuestRoom(Path(place) if place.endswith(".py") else None)

    def load(self, room: GuestRoom | None = None) -> object:
        """Import the module or file and return the factory in it, with the target's argument bound as its first.

        Args:
            room: Where the factory will be called; a plug-in is imported in a new one if not given.

        Raises:
            UserError: The module or file cannot be imported, or lacks the attribute.
        """
        place, _, wanted = self.target.rpartition(":")
        attribute, _, argument = wanted.removesuffix(")").partition("(")
        room = room or self.room()
        try:
            module = room.run(_imported, place, room) if room else importlib.import_module(place)
        except UserError:
            raise
        except Exception as error:  # a plug-in may fail in any way while it is imported
            raise UserError(f"{self.name}: cannot import {place} ({reason_of(error)})") from error
        if not hasattr(module, attribute):
            raise UserError(f"{self.name}: {place} has no {attribute!r}; expected a function of that name")
        factory = getattr(module, attribute)
        return partial(factory, argument) if argument else factory

    def code_version(self) -> str:
        """Digest the code behind the factory into 32 hexadecimal digits, without importing it.

        The code is the factory's module with what it imports of its own package, or the file alone; comments and
        docstrings are no part of it (:mod:`bench.io.code_version`).

        Raises:
            UserError: The module cannot be found.
        """
        place = self.target.rpartition(":")[0]
        if place.endswith(".py"):
            return code_version(Path(place))
        origin = _origin_of(place, self.name)
        depth = place.count(".") + (origin.name == "__init__.py")
        return code_version(origin, origin.parents[depth - 1] if depth else None)


@dataclass(frozen=True)
class Registry(Generic[Factory]):
    """The names of one kind of thing: built-in ones, and those of plug-ins in an entry-point group.

    Attributes:
        kind: The kind in the words of messages, such as ``derainer``.
        targets: Built-in names and their ``module:attribute`` or ``module:attribute(argument)``.
        group: Entry-point group by which installed packages add names; empty for none.
    """

    kind: str
    targets: Mapping[str, str]
    group: str = ""

    def entries(self) -> dict[str, Entry]:
        """List every known name with its entry, built-in ones first.

        Raises:
            UserError: A plug-in takes a name that is already there.
        """
        found = {name: Entry(name, target) for name, target in self.targets.items()}
        for point in entry_points(group=self.group) if self.group else ():
            distribution = point.dist.name if point.dist else ""
            if point.name in found:
                taken = found[point.name]
                raise UserError(
                    f"{self.kind} {point.name!r} of {distribution} is already taken by "
                    f"{taken.distribution or taken.origin}; "
                    "uninstall one of them or rename the entry point"
                )
            found[point.name] = Entry(point.name, point.value, "plug-in", distribution)
        return found

    def find(self, spec: str) -> Entry:
        """Find the entry of a name, of ``path/to/file.py:factory`` or of ``name=path/to/file.py:factory``.

        Raises:
            UserError: There is no such name or file; the nearest known names are given.
        """
        entries = self.entries()
        if spec in entries:
            return entries[spec]
        if match := _FILE_SPEC.fullmatch(spec):
            path = Path(match["path"])
            if not path.is_file():
                raise UserError(f"{self.kind} {spec!r}: no such file {path}")
            name = match["name"] or path.stem
            if name in entries:
                own = f"my-{name}={path}:{match['attribute']}"
                raise UserError(f"{self.kind} {name!r} exists already; give yours a name of its own: {own}")
            return Entry(name, f"{path.resolve()}:{match['attribute']}", "file")
        return self.named(spec)

    def named(self, name: str) -> Entry:
        """Find the entry of a registered name, never of a file: a name in somebody's run folder must not run code.

        Raises:
            UserError: There is no such name; the nearest known names are given.
        """
        entries = self.entries()
        if name in entries:
            return entries[name]
        near = difflib.get_close_matches(name, entries, n=3, cutoff=0.4)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(entries)}"
        if _FILE_SPEC.fullmatch(name):
            hint += f". A {self.kind} is known by name only: let an installed package bring it ({self.group})"
        elif name.endswith(".py"):
            hint = f"Of a file, name the function, too: {name}:build"
        raise UserError(f"unknown {self.kind} {name!r}. {hint}")

    def load(self, entry: Entry) -> Factory:
        """Import the factory behind an entry and check that it can be called; a plug-in's is called in its room.

        Raises:
            UserError: It cannot be imported, or is no function.
        """
        room = entry.room()
        factory = entry.load(room)
        if not callable(factory):
            raise UserError(f"{self.kind} {entry.name!r}: {entry.target} is not callable; expected a factory function")
        return cast(Factory, partial(room.run, factory) if room else factory)


def _origin_of(module: str, name: str) -> Path:
    try:
        spec = importlib.util.find_spec(module)
    except (Exception, SystemExit) as error:  # the packages around it are imported, and may fail in any way
        raise UserError(f"{name}: cannot import what {module} is in ({type(error).__name__}: {error})") from error
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        raise UserError(f"{name}: module {module} cannot be found; reinstall what provides it")
    return Path(spec.origin)


def _imported(place: str, room: GuestRoom) -> ModuleType:
    return room.modules.load() if place.endswith(".py") else importlib.import_module(place)
