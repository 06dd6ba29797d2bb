"""The code version of a result: a digest of what lies beside its factory, and what that imports of its own package."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.io.files import key_of, sha256_of


def code_version(files: Sequence[Path], root: Path) -> str:
    """Digest of the content of files and of their places below ``root``: their *code version*."""
    return key_of(*[(file.relative_to(root).as_posix(), sha256_of(file)) for file in files])


def code_files(folder: Path, package: Path) -> list[Path]:
    """Python files directly in a folder, and those of its package that they import, directly or not.

    Modules that are found by name only (a table of backends) have to lie in the folder.

    Args:
        folder: Where the factory is.
        package: Folder of the top-level package that it belongs to.
    """
    waiting, found = list(folder.glob("*.py")), set[Path]()
    while waiting:
        if (file := waiting.pop()) not in found:
            found.add(file)
            waiting += _imported(file, package)
    return sorted(found)


def _imported(file: Path, package: Path) -> Iterator[Path]:
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):  # said when it is imported
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            places = [package.parent.joinpath(*name.name.split(".")) for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = file.parents[node.level - 1] if node.level else package.parent
            module = start.joinpath(*(node.module or "").split("."))
            places = [module, *(module / name.name for name in node.names)]
        else:
            continue
        for place in places:
            if place == package or package in place.parents:
                yield from (path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file())
