"""Find the class names that a folder of YOLO labels brings: ``data.yaml``, ``classes.txt`` or ``obj.names``."""

from __future__ import annotations

from pathlib import Path

from bench.contract import ClassSpace
from bench.errors import MissingExtraError, UserError

_PLACES = ("data.yaml", "dataset.yaml", "classes.txt", "obj.names", "labels/classes.txt")
_MOST_BYTES = 1 << 16
_MOST_CLASSES = 10_000


def read_class_names(root: Path, given: str, space: str) -> ClassSpace:
    """Read the class names of one folder, numbered from 0 unless its YAML numbers them.

    Args:
        root: The folder.
        given: The file below it; empty to look for one of the usual names.
        space: What to call the class space.

    Raises:
        UserError: There is no such file, or it does not name classes.
    """
    names = [given] if given else list(_PLACES)
    path = next((root / name for name in names if (root / name).is_file()), None)
    if path is None:
        raise UserError(f"{root}: no class names; expected {', '.join(names)} (a name a line, or YAML with names)")
    if path.stat().st_size > _MOST_BYTES:
        raise UserError(f"{path}: {path.stat().st_size} bytes; expected class names, at most {_MOST_BYTES} bytes")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: no text ({error})") from error
    found = _of_yaml(text, path) if path.suffix in (".yaml", ".yml") else _of_lines(text, path)
    if not found or len(found) > _MOST_CLASSES:
        raise UserError(f"{path}: names {len(found)} classes; expected 1 to {_MOST_CLASSES}")
    return ClassSpace(space, tuple(found), tuple(found.values()))


def _of_lines(text: str, path: Path) -> dict[int, str]:
    names = [line.strip() for line in text.rstrip().split("\n")]
    if "" in names:
        raise UserError(f"{path}: line {names.index('') + 1} is empty; expected a class name on each line")
    return dict(enumerate(names))


def _of_yaml(text: str, path: Path) -> dict[int, str]:
    try:
        import yaml
    except ImportError as error:
        raise MissingExtraError("PyYAML", "yolo", str(path)) from error
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError, TypeError, AttributeError, KeyError) as error:
        raise UserError(f"{path}: no valid YAML ({' '.join(str(error).split())[:200]})") from error
    names = content.get("names") if isinstance(content, dict) else None
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not all(_is_class(key, value) for key, value in names.items()):
        raise UserError(f"{path}: expected names: a list of class names, or whole numbers with a name each")
    return names


def _is_class(key: object, value: object) -> bool:
    return type(key) is int and 0 <= key < _MOST_CLASSES and isinstance(value, str) and bool(value.strip())
