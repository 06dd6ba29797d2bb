"""Digest the code behind a result: its *code version*, by which stored results are used again.

The code is a module with all modules of its own package that it imports. Comments, docstrings and formatting are no
part of it, so whoever edits them makes nobody's results again. For what may be compared, a person raises a version:
see :class:`bench.protocols.Task`.
"""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

from bench.io.files import key_of, sha256_of


def code_version(start: Path, package: Path | None = None) -> str:
    """Digest the code of a module and of what it imports of its package into 32 hexadecimal digits.

    Args:
        start: File of the module that the factory is in.
        package: Folder of the top-level package that it belongs to; None for a file that stands alone.
    """
    return key_of(*sorted(code_digests(start, package).items()))


def code_digests(start: Path, package: Path | None = None) -> dict[str, str]:
    """Digest the code of every file behind a module.

    Imports are followed within the package: directly or not, inside functions and for type checkers too, with the
    ``__init__.py`` of the folders in between. That of the package itself counts only where it is imported by name: it
    holds the table of names, and a new name must not make the results of all others again. Modules that are loaded
    by a name in a string are not found.

    Args:
        start: As in :func:`code_version`.
        package: As in :func:`code_version`.

    Returns:
        Place of a file below the package to its digest. Files without code, such as an ``__init__.py`` that is only a
        docstring, are left out; files that Python cannot read count with their bytes.
    """
    waiting, found = [start], dict[Path, str]()
    while waiting:
        if (file := waiting.pop()) in found:
            continue
        try:
            found[file], imports = _examined(file.read_bytes())
        except (SyntaxError, ValueError, RecursionError, MemoryError):  # said when it is imported
            found[file] = sha256_of(file)
            continue
        if package is not None:
            waiting += _imported(file, imports, package)
    root = package or start.parent
    return {file.relative_to(root).as_posix(): digest for file, digest in found.items() if digest}


_Imports: TypeAlias = tuple[tuple[int, tuple[str, ...]], ...]
"""What a file may import: how many folders up (0 is from the top), and the names on the way down."""


@lru_cache(maxsize=1024)  # the tasks of a run import much of the same
def _examined(content: bytes) -> tuple[str, _Imports]:
    """Digest the code of a file, empty where there is none, and list what it may import."""
    tree = ast.parse(content)
    nodes = list(_nodes(tree))
    return key_of(nodes) if len(nodes) > 1 else "", tuple(_imports(tree))


def _imports(tree: ast.Module) -> Iterator[tuple[int, tuple[str, ...]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((0, tuple(name.name.split("."))) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = tuple((node.module or "").split("."))
            yield node.level, module
            yield from ((node.level, (*module, name.name)) for name in node.names)


def _imported(file: Path, imports: _Imports, package: Path) -> Iterator[Path]:
    places = [folder for folder in file.parents if package in folder.parents]
    for level, names in imports:
        start = file.parents[level - 1] if level else package.parent
        places.append(start.joinpath(*names))
    files = (file for place in places for file in (place / "__init__.py", place.with_suffix(".py")))
    yield from (file for file in files if package in file.parents and file.is_file())


def _nodes(tree: ast.Module) -> Iterator[tuple[str, dict[str, list[str]]]]:
    """Describe a tree node by node, level by level: type, and fields with the types of children or the values.

    Unlike ``ast.dump``, this is the same under every version of Python: fields that later versions add are empty
    where older code is read, and empty fields are left out.
    """
    waiting: deque[ast.AST] = deque([tree])
    while waiting:
        node = waiting.popleft()
        fields: dict[str, list[str]] = {}
        for name, value in ast.iter_fields(node):
            values = [one for one in (value if isinstance(value, list) else [value]) if not _is_prose(one)]
            waiting.extend(one for one in values if isinstance(one, ast.AST))
            if values not in ([], [None]) and name != "kind":  # kind: the u of u"text"
                fields[name] = [type(one).__name__ if isinstance(one, ast.AST) else repr(one) for one in values]
        yield type(node).__name__, fields


def _is_prose(node: object) -> bool:
    """Return True for a string that stands alone: the docstring of a module, class, function or constant."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
