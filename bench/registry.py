"""A name and the factory behind it, imported only when it is wanted."""

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
from typing import Generic, TypeVar, cast

from bench.errors import UserError, reason_of
from bench.io.code_version import code_files, code_version
from bench.io.isolation import GuestRoom

Factory = TypeVar("Factory")

_FILE_SPEC = re.compile(r"(?:(?P<name>[\w.+-]+)=)?(?P<path>.+\.py):(?P<attribute>\w+)")


@dataclass(frozen=True)
class Entry:
    """A registered name.

    Attributes:
        name: The row's name in every table.
        target: ``module:attribute`` or ``path/to/file.py:attribute``.
        origin: ``built-in``, ``file`` or the distribution that brought the plug-in.
    """

    name: str
    target: str
    origin: str = "built-in"

    @property
    def is_guest(self) -> bool:
        """True for code that is not of this project: a user's file, or an installed plug-in."""
        return self.origin != "built-in"

    def room(self) -> GuestRoom | None:
        """Make a room for a plug-in's code; None for code of this project, which needs none."""
        if not self.is_guest:
            return None
        place = self.target.rpartition(":")[0]
        return GuestRoom(Path(place) if place.endswith(".py") else None)

    def load(self, room: GuestRoom | None = None) -> object:
        """Import the factory.

        Args:
            room: Where the factory will be called; a plug-in is imported in a new one if not given.

        Raises:
            UserError: The module or file cannot be imported, or lacks the attribute.
        """
        place, _, attribute = self.target.rpartition(":")
        room = room or self.room()
        try:
            module = room.run(_imported, place, room) if room else importlib.import_module(place)
        except UserError:
            raise
        except Exception as error:  # a plug-in may fail in any way while it is imported
            raise UserError(f"{self.name}: cannot import {place} ({reason_of(error)})") from error
        if not hasattr(module, attribute):
            raise UserError(f"{self.name}: {place} has no {attribute!r}; expected a function of that name")
        return getattr(module, attribute)

    def code_version(self) -> str:
        """Digest of the sources behind the factory (of the file alone, for a file), without importing them."""
        place = self.target.rpartition(":")[0]
        if place.endswith(".py"):
            return code_version([Path(place)], Path(place).parent)
        spec = importlib.util.find_spec(place)
        if spec is None or spec.origin is None:
            raise UserError(f"{self.name}: module {place} cannot be found; reinstall what provides it")
        origin = Path(spec.origin)
        depth = place.count(".") + (origin.name == "__init__.py")
        if not depth:
            return code_version([origin], origin.parent)
        package = origin.parents[depth - 1]
        return code_version(code_files(origin.parent, package), package)


@dataclass(frozen=True)
class Registry(Generic[Factory]):
    """Names of one kind of thing; built-in ones, and plug-ins of an entry-point group.

    Attributes:
        kind: What is registered, for messages: ``derainer``.
        targets: Built-in names and their ``module:attribute``.
        group: Entry-point group by which installed packages add names; empty for none.
    """

    kind: str
    targets: Mapping[str, str]
    group: str = ""

    def entries(self) -> dict[str, Entry]:
        """Every known name, built-in first.

        Raises:
            UserError: A plug-in takes a name that is already there.
        """
        found = {name: Entry(name, target) for name, target in self.targets.items()}
        for point in entry_points(group=self.group) if self.group else ():
            origin = point.dist.name if point.dist else "plug-in"
            if point.name in found:
                raise UserError(
                    f"{self.kind} {point.name!r} of {origin} is already taken by {found[point.name].origin}; "
                    "uninstall one of them or rename the entry point"
                )
            found[point.name] = Entry(point.name, point.value, origin)
        return found

    def find(self, spec: str) -> Entry:
        """The entry for a name, for ``path/to/file.py:factory`` or for ``name=path/to/file.py:factory``.

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
        """The entry for a registered name alone: a name out of somebody's run folder must not run a file.

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
        """Import the factory behind an entry; that of a plug-in is called in the plug-in's room.

        Raises:
            UserError: It cannot be imported, or is nothing that can be called.
        """
        room = entry.room()
        factory = entry.load(room)
        if not callable(factory):
            raise UserError(f"{self.kind} {entry.name!r}: {entry.target} is not callable; expected a factory function")
        return cast(Factory, partial(room.run, factory) if room else factory)


def _imported(place: str, room: GuestRoom) -> ModuleType:
    return room.modules.load() if place.endswith(".py") else importlib.import_module(place)
