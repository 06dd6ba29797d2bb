"""Load a user's Python file as a normal module, with its siblings, relative imports and pickles.

The file's folder is importable while the guest's code runs, and only then: two guests may each have a ``model.py``,
and a guest's ``tasks.py`` does not stand in for the ``tasks`` package of this project elsewhere.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder, ModuleSpec, SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

from bench.errors import UserError


class GuestModules:
    """The modules of one user's file: itself and what it imports from beside it.

    Args:
        file: A Python file.
    """

    def __init__(self, file: Path) -> None:
        self.file = file.resolve()
        self._name, root = _name_and_root(self.file)
        self._roots = list(dict.fromkeys((str(self.file.parent), str(root))))
        known = {Path(entry or ".").resolve() for entry in sys.path}
        # What is importable already needs no help, such as the folder of an installed package.
        places = {} if self.file.parent in known else _importable(self.file.parent)
        if root not in known:
            places[self._name.partition(".")[0]] = root
        self._finder = _SiblingFinder(places)
        self._theirs: dict[str, ModuleType] = {}

    @contextmanager
    def importable(self) -> Iterator[None]:
        """Put the guest's folder before all others, and its modules in place of loaded ones of their names."""
        sys.path[:0] = self._roots
        sys.meta_path.insert(0, self._finder)
        hidden = {name: sys.modules.pop(name) for name in list(sys.modules) if self._finder.hides(name)}
        self._finder.hidden = hidden
        sys.modules.update(self._theirs)
        try:
            yield
        finally:
            self._theirs = {name: sys.modules.pop(name) for name in self._finder.found if name in sys.modules}
            sys.modules.update(hidden)
            sys.meta_path.remove(self._finder)
            for root in self._roots:
                if root in sys.path:
                    sys.path.remove(root)

    def load(self) -> ModuleType:
        """Execute the file as it is now; call it while :meth:`importable`.

        Raises:
            UserError: It is no Python file.
            BaseException: Whatever the file raises; nothing of it is left among the loaded modules.
        """
        for name in self._finder.found:
            sys.modules.pop(name, None)
        parent = self._name.rpartition(".")[0]
        if parent:
            importlib.import_module(parent)
        loader = _SourceLoader(self._name, str(self.file))
        spec = spec_from_file_location(self._name, self.file, loader=loader)
        if spec is None:
            raise UserError(f"{self.file}: not a Python file")
        self._finder.merge(spec)
        module = module_from_spec(spec)
        self._finder.found.add(self._name)
        sys.modules[self._name] = module
        try:
            loader.exec_module(module)
        except BaseException:
            del sys.modules[self._name]
            raise
        return module


def imported_siblings(file: Path) -> list[Path]:
    """List a Python file and the modules beside it that it imports, directly or not; nothing is executed."""
    waiting, found = [file.resolve()], dict[Path, None]()
    while waiting:
        if (path := waiting.pop()) not in found and path.is_file():
            found[path] = None
            waiting += _siblings_named_in(path)
    return sorted(found)


def _siblings_named_in(file: Path) -> Iterator[Path]:
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names = [module, *(f"{module}.{alias.name}".strip(".") for alias in node.names)]
        folder = file.parents[max(node.level - 1, 0)] if isinstance(node, ast.ImportFrom) else file.parent
        for path in (folder.joinpath(*name.split(".")) for name in names if name):
            yield from (path.with_name(f"{path.name}.py"), path / "__init__.py")


class _SourceLoader(SourceFileLoader):
    """Compiles a file as it is now. Bytecode beside it would be matched by its size and the second alone."""

    def get_code(self, fullname: str) -> CodeType:
        """Compile, and leave no ``__pycache__`` in the user's folder."""
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


class _SiblingFinder(MetaPathFinder):
    """Finds modules beside a guest's file.

    Args:
        places: Importable names, each with the folder that has it.
    """

    def __init__(self, places: dict[str, Path]) -> None:
        self._places = places
        self.found: set[str] = set()
        self.hidden: dict[str, ModuleType] = {}

    def hides(self, name: str) -> bool:
        """Tell if a loaded module has to make room for its namesake beside the guest's file."""
        parts = name.split(".")
        if (place := self._places.get(parts[0])) is None:
            return False
        path = place.joinpath(*parts)
        return name in self.found or path.with_name(f"{path.name}.py").is_file() or (path / "__init__.py").is_file()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a sibling, or a module in one; None for everything else."""
        if (place := self._places.get(fullname.partition(".")[0])) is None:
            return None
        for folder in [str(place)] if path is None else path:
            spec = FileFinder(folder, (ExtensionFileLoader, EXTENSION_SUFFIXES), (_SourceLoader, [".py"])).find_spec(
                fullname
            )
            if spec is not None:
                self.found.add(fullname)
                self.merge(spec)
                return spec
        return None

    def merge(self, spec: ModuleSpec) -> None:
        """Let a sibling that is called like a package of the project still lead to the package's modules."""
        inner = getattr(self.hidden.get(spec.name), "__path__", None)
        if inner is not None:
            spec.submodule_search_locations = [*(spec.submodule_search_locations or []), *inner]


def _name_and_root(file: Path) -> tuple[str, Path]:
    """Module name of a file, and the folder from which it can be imported under that name."""
    name, root = (file.parent.name, file.parent.parent) if file.stem == "__init__" else (file.stem, file.parent)
    name = name.replace(".", "_")
    levels = _relative_levels(file)
    if not levels:
        return (f"guest_{name}" if name in sys.stdlib_module_names else name), root
    while root.name and (levels > 0 or (root / "__init__.py").is_file()):
        name, root, levels = f"{root.name.replace('.', '_')}.{name}", root.parent, levels - 1
    return name, root


def _relative_levels(file: Path) -> int:
    """Count the folders up that a file's relative imports reach; 0 without any."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):  # said when it is executed
        return 0
    return max((node.level for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)), default=0)


def _importable(folder: Path) -> dict[str, Path]:
    """Names that can be imported from a folder but for those of Python's own library."""
    files = {path.name.partition(".")[0] for suffix in ("*.py", "*.so", "*.pyd") for path in folder.glob(suffix)}
    folders = {path.name for path in folder.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    packages = {path.parent.name for path in folder.glob("*/__init__.py")}
    shadowed = {name for name in folders - packages if name in sys.modules}  # as Python ranks them
    return dict.fromkeys((files | folders) - shadowed - sys.stdlib_module_names, folder)
