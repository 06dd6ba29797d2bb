"""Who may import whom: a room of the house imports only the rooms that its line names."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("bench", "derainers", "synth", "tasks")

GROUND = frozenset({"contract", "errors", "protocols", "devices", "io", "registry", "version"})
"""All that derainers, synth and tasks may import of bench."""
MIDDLE = GROUND | {"suites", "runs", "scoring", "tables", "runner", "exports", "report"}
"""What knows no other package than bench."""

MAY_IMPORT: dict[str, frozenset[str]] = {
    # the ground floor
    "version": frozenset(),
    "contract": frozenset(),
    "errors": frozenset(),
    "protocols": frozenset({"contract", "errors"}),
    "io": frozenset({"contract", "errors", "protocols"}),
    "devices": frozenset({"contract", "errors", "protocols"}),
    "registry": frozenset({"errors", "io"}),
    # the middle
    "suites": GROUND,
    "runs": GROUND,
    "scoring": GROUND | {"runs"},
    "exports": GROUND | {"runs"},
    "runner": GROUND | {"runs"},
    "tables": GROUND | {"runs", "scoring", "suites"},
    "report": GROUND | {"runs", "scoring", "tables", "suites"},
    # the top
    "api": MIDDLE | {"derainers", "synth", "tasks"},
    "training": MIDDLE | {"api", "derainers", "synth", "tasks"},
    "perf": MIDDLE | {"api", "training", "derainers", "synth", "tasks"},
    "commands": MIDDLE | {"api", "training", "perf"},
    "cli": frozenset({"version", "errors", "commands"}),
    # the other packages
    "derainers/networks": GROUND | {"derainers/core"},
    "derainers/external": GROUND | {"derainers/core", "derainers"},
    "derainers/training": GROUND | {"derainers/core", "derainers/networks"},
    "derainers": GROUND | {"derainers/core", "derainers/networks", "derainers/training", "derainers/weights_shipped"},
    "derainers/core": GROUND,
    "derainers/weights_shipped": frozenset(),
    "synth/rain": GROUND,
    "synth/streets": GROUND,
    "synth/sources": GROUND,
    "synth/datasets": GROUND | {"synth/rain", "synth/streets", "synth/sources", "synth"},
    "synth": GROUND | {"synth/rain"},
    "tasks": GROUND,
}

_LARGEST_ROOM = 22
"""Modules of one folder: more cannot be taken in at a glance."""
_ROOT_FILES = 8
"""Files of ``bench`` beside its rooms."""

FILES = {
    path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__"): path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}


def room_of(module: str) -> str:
    """The room that a module is in: ``runner`` for ``bench.runner.plan``, ``synth/rain`` for ``synth.rain.grid``."""
    package, _, rest = module.partition(".")
    first = rest.partition(".")[0]
    if package == "bench":
        return first or "version"
    if package == "derainers" and first in _DERAINERS_CORE:
        return "derainers/core"
    return f"{package}/{first}" if f"{package}/{first}" in MAY_IMPORT else package


_DERAINERS_CORE = ("torch_derainer", "weights", "pixels", "tensorflow_checkpoint")
"""What a published network builds on."""


def imports_of(source: str) -> Iterator[str]:
    """Full names of the modules that a source text imports, inside functions and for type checkers too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide who imports whom"
            module = node.module or ""
            yield from (whole if (whole := f"{module}.{alias.name}") in FILES else module for alias in node.names)


def may_import(importer: str, imported: str) -> bool:
    """Whether the table lets one module import another; what is not of this project is nobody's concern here."""
    if imported.partition(".")[0] not in PACKAGES:
        return True
    here, there = room_of(importer), room_of(imported)
    package = there.partition("/")[0]
    return here == there or bool({there, package} & MAY_IMPORT[here]) or _of_one_package(here, there)


def _of_one_package(here: str, there: str) -> bool:
    """Rooms that the table does not tell apart, such as all of ``tasks``."""
    return here == there.partition("/")[0] == "tasks"


@pytest.mark.parametrize("module", FILES)
def test_imports_only_what_it_may(module: str) -> None:
    wrong = [name for name in imports_of(FILES[module].read_text()) if not may_import(module, name)]
    assert not wrong, f"{module} imports {wrong}"


def test_there_is_no_import_circle() -> None:
    waiting = {
        module: {name for name in imports_of(path.read_text()) if name in FILES and name != module}
        for module, path in FILES.items()
    }
    while free := [module for module, needed in waiting.items() if not needed & waiting.keys()]:
        for module in free:
            del waiting[module]
    assert not waiting, f"these import each other: {sorted(waiting)}"


def test_the_table_names_every_room_and_no_other() -> None:
    assert {room_of(module) for module in FILES} == MAY_IMPORT.keys()


def test_rooms_can_be_taken_in_at_a_glance() -> None:
    sizes: dict[Path, int] = {}
    for path in FILES.values():
        sizes[path.parent] = sizes.get(path.parent, 0) + 1
    assert max(sizes.values()) <= _LARGEST_ROOM, sizes
    root = [path for path in (ROOT / "bench").iterdir() if path.is_file()]
    assert len(root) <= _ROOT_FILES, root


@pytest.mark.parametrize("path", sorted({path.parent for path in FILES.values()}), ids=lambda path: path.name)
def test_every_room_says_what_is_in_it(path: Path) -> None:
    text = ast.get_docstring(ast.parse((path / "__init__.py").read_text())) or ""
    assert len(text.split()) >= 8, f"{path.relative_to(ROOT)}/__init__.py: say what is here and who comes in"


@pytest.mark.parametrize(
    ("importer", "imported", "allowed"),
    [
        ("derainers.networks.prenet.prenet", "tasks.quality", False),
        ("derainers.networks.prenet.prenet", "bench.runner.runner", False),
        ("derainers.networks.prenet.prenet", "derainers.training.loop", False),
        ("derainers.networks.prenet.prenet", "derainers.external.plugins", False),
        ("derainers.networks.prenet.prenet", "derainers.torch_derainer", True),
        ("derainers.networks.prenet.prenet", "bench.contract", True),
        ("bench.registry", "bench.runs.rows", False),
        ("bench.runner.runner", "bench.scoring.summary", False),
        ("bench.runner.runner", "derainers", False),
        ("bench.runner.runner", "bench.runner.plan", True),
        ("bench.report.page", "tasks.detection.matching", False),
        ("bench.commands.run", "synth.sources.coco", False),
        ("bench.commands.run", "bench.api.run", True),
        ("bench.api.run", "tasks.detection.task", True),
        ("synth.rain.renderer", "synth.sources.coco", False),
        ("synth.rain.renderer", "numpy", True),
        ("tasks.semantic.task", "tasks.classes", True),
    ],
)
def test_the_table_itself(importer: str, imported: str, allowed: bool) -> None:
    assert may_import(importer, imported) is allowed
