"""Who may import whom: rooms never import each other, and the ground floor imports no room."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = {"bench", "derainers", "synth", "tasks"}
GROUND_FLOOR = {
    "",
    "checkpoints",
    "code_version",
    "contract",
    "errors",
    "files",
    "images",
    "protocols",
    "registry",
    "weights",
}
WIRING = {
    *("bench/api", "bench/catalogue", "bench/data", "bench/rescoring", "bench/speeds", "bench/missing"),
    *("bench/cost", "bench/cost_jobs", "bench/run_card"),
    *("bench/report", "bench/merging", "bench/metric_speeds", "bench/pipeline_speed", "bench/pipeline_budget"),
    *("bench/resampling_speed", "bench/memory_growth"),
    *("bench/training", "bench/training_config", "bench/task_training", "bench/task_training_config"),
}
"""The only modules that know every room."""
FILES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def imports_of(source: str) -> set[str]:
    """Full names of every module that a source text imports, inside functions too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide who imports whom"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module or ""}
    return found


def may_import(importer: str, room: str, imported: str) -> bool:
    """``importer`` is the module's path without suffix; ``imported`` a dotted name."""
    target, _, rest = imported.partition(".")
    if target not in ROOMS or importer in WIRING:
        return True
    on_ground_floor = room == "bench" and importer.removeprefix("bench/").replace("__init__", "") in GROUND_FLOOR
    if target == "bench" and rest.split(".")[0] not in GROUND_FLOOR | {"__version__"}:
        return room == "bench" and not on_ground_floor
    return target in {"bench", room}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_only_what_it_may(path: Path) -> None:
    importer = str(path.relative_to(ROOT).with_suffix(""))
    room = importer.split("/")[0]
    wrong = [name for name in imports_of(path.read_text()) if not may_import(importer, room, name)]
    assert not wrong, f"{importer} imports {wrong}"


@pytest.mark.parametrize(
    ("importer", "imported", "allowed"),
    [
        ("derainers/prenet", "tasks.quality", False),
        ("derainers/prenet", "bench.runner", False),
        ("derainers/prenet", "bench.contract", True),
        ("derainers/prenet", "derainers.network", True),
        ("bench/registry", "bench.runner", False),
        ("bench/runner", "derainers.prenet", False),
        ("bench/runner", "bench.plan", True),
        ("bench/api", "derainers", True),
        ("synth/rain", "numpy", True),
    ],
)
def test_the_rule_itself(importer: str, imported: str, allowed: bool) -> None:
    assert may_import(importer, importer.split("/")[0], imported) is allowed
