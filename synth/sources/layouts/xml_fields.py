"""Read small XML files of unknown origin into flat fields, each with its line; nothing outside the file is touched."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers.expat import ExpatError, ParserCreate  # nosec B407 - no document type, so no entity, gets past it

from bench.errors import ImageError
from synth.sources.reading import check_label_file

_DEEPEST = 12
_LONGEST = 1000


@dataclass(frozen=True)
class Field:
    """One element of an XML file.

    Attributes:
        path: Names from the root's child down, parted by slashes.
        text: The text in it, stripped; that of elements inside is not part of it.
        line: Line on which it begins, from 1.
        group: Which child of the root it is in, from 0.
    """

    path: str
    text: str
    line: int
    group: int


@dataclass
class _Reading:
    """What is open while a file is read."""

    path: Path
    fields: list[Field] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    group: int = -1

    def begin(self, name: str, line: int) -> None:
        if len(self.names) == _DEEPEST:
            raise ImageError(f"{self.path}: line {line}: elements are nested more than {_DEEPEST} deep")
        self.group += len(self.names) == 1
        self.names.append(name)
        self.texts.append("")
        self.lines.append(line)

    def end(self, _: str) -> None:
        text, line, place = self.texts.pop().strip(), self.lines.pop(), "/".join(self.names[1:])
        self.names.pop()
        if place:
            self.fields.append(Field(place, text[:_LONGEST], line, self.group))

    def add(self, text: str) -> None:
        self.texts[-1] += text if len(self.texts[-1]) < _LONGEST else ""


def read_fields(path: Path, root: str) -> list[Field]:
    """Read one XML file.

    Args:
        path: The file.
        root: Name that its outermost element must have.

    Returns:
        All elements below the root, in the order in which they end.

    Raises:
        ImageError: The file is absent, too large, no XML, has a document type (and so may have
            entities), is nested deeply, or begins with another element.
    """
    check_label_file(path)
    reading, parser = _Reading(path), ParserCreate()

    def begin(name: str, _: object) -> None:
        if not reading.names and name != root:
            raise ImageError(f"{path}: line {parser.CurrentLineNumber}: expected <{root}>, found <{name[:80]}>")
        reading.begin(name, parser.CurrentLineNumber)

    def refuse(*_: object) -> None:
        raise ImageError(
            f"{path}: line {parser.CurrentLineNumber}: a document type; remove it, labels need no entities"
        )

    parser.StartElementHandler, parser.EndElementHandler = begin, reading.end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = reading.add, refuse
    try:
        parser.Parse(path.read_bytes(), True)
    except (ExpatError, LookupError, ValueError) as error:
        raise ImageError(f"{path}: no valid XML ({error}); is the file complete?") from error
    return reading.fields
