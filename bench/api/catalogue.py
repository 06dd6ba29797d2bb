"""List what can be named in a run, and check that this installation is complete."""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

from bench.contract import Options
from bench.io.weights import weights_state
from bench.registry import Registry
from bench.runs.provenance import library_versions, machine
from derainers import DERAINERS
from derainers.facts import Origin, facts_table, origins_table
from derainers.weights import has_weights, unpinned_table, weights_of, weights_page_only, weights_table
from synth import SOURCES
from tasks import TASKS

if TYPE_CHECKING:
    import pandas as pd

Factory = TypeVar("Factory")
Rows: TypeAlias = list[dict[str, str]]
"""A table by rows, all with the same columns: what is only told imports no pandas, which takes longer than telling."""
Kind = Literal["derainers", "tasks", "models", "sources", "suites", "metrics"]

_EXTRAS = {
    "torch": "torch", "torchvision": "torch", "segmentation_models_pytorch": "torch", "ultralytics": "yolo",
    "transformers": "hf", "onnxruntime": "onnx", "ai_edge_litert": "tflite", "imgaug": "imgaug", "ray": "ray",
    "lightning_fabric": "train", "pyarrow": "parquet", "mlflow": "mlflow", "wandb": "wandb", "spandrel": "spandrel",
}  # fmt: skip


_KINDS = ("control", "derain only", "all-in-one", "real rain", "plug-in")
"""Kinds of derainers (``derainers/kinds.csv``) in the order in which they are listed."""


def derainer_names() -> list[str]:
    """Names of the registered derainers, plug-ins too."""
    return list(DERAINERS.entries())


def catalogue(kind: Kind, weights_dirs: Sequence[Path] = ()) -> Rows:
    """List everything of one kind that can be named in a run, one a row; what does not apply is empty."""
    makers: dict[Kind, Callable[[], Rows]] = {
        "derainers": lambda: _derainers(weights_dirs),
        "tasks": lambda: _registered(TASKS),
        "models": lambda: _csv_rows("tasks", "models.csv", ()),
        "sources": lambda: _registered(SOURCES),
        "suites": _suites,
        "metrics": lambda: _csv_rows("bench.io", "metrics.csv", ("metric", "task", "unit", "better", "meaning")),
    }
    return makers[kind]()


def health(weights_dirs: Sequence[Path] = ()) -> dict[str, pd.DataFrame]:
    """Versions, devices, optional libraries and weights of this installation, as tables by title."""
    import pandas as pd

    from tasks.detection.backends.detectron2 import INSTALL

    versions = [{"library": name, "version": text or "absent"} for name, text in library_versions().items()]
    facts = {**machine(), **_cuda()}
    optional = [
        {
            "library": module,
            "state": "present" if importlib.util.find_spec(module) else "absent",
            "install": f"pip install 'derainbench[{extra}]'",
        }
        for module, extra in _EXTRAS.items()
    ]
    optional.append(
        {
            "library": "detectron2",
            "state": "present" if importlib.util.find_spec("detectron2") else "absent",
            "install": INSTALL,
        }
    )
    pages = {name: files[0].page for name, files in weights_table().items()}
    pages |= {name: row.how for name, row in unpinned_table().items() if row.how}
    weights = [{"derainer": name, "state": _weights(name, weights_dirs), "from": page} for name, page in pages.items()]
    return {
        "machine": pd.DataFrame([{"fact": name, "value": str(value)} for name, value in facts.items()]),
        "libraries": pd.DataFrame(versions),
        "extras": pd.DataFrame(optional),
        "weights": pd.DataFrame(weights),
    }


def _derainers(weights_dirs: Sequence[Path]) -> Rows:
    rows = [
        _derainer(name, weights_dirs)
        if entry.is_built_in
        else {"name": name, "year": "", "kind": "plug-in", "paper": f"plug-in: {entry.distribution or entry.origin}"}
        for name, entry in DERAINERS.entries().items()
    ]
    rows.sort(key=lambda row: (_KINDS.index(row["kind"]), row["year"]))
    columns = dict.fromkeys(name for row in rows for name in row)
    return [{name: row.get(name, "") for name in columns} for row in rows]


def _derainer(name: str, weights_dirs: Sequence[Path]) -> dict[str, str]:
    """One built-in derainer; its operations are for one image of 640x480 (:mod:`derainers.facts`)."""
    published = next(iter(weights_of(name)), unpinned_table().get(name))
    parameters, flops = facts_table().get(name, (0, 0))
    origin = origins_table().get(name, Origin("", "derain only"))
    return {
        "name": name,
        "year": origin.year,
        "kind": origin.kind,
        "paper": published.paper if published else "",
        "trained on": published.trained_on if published else "",
        "params (M)": f"{parameters / 1e6:.3f}" if parameters else "",
        "GFLOP": f"{flops / 1e9:.0f}" if flops else "",
        "weights": _weights(name, weights_dirs),
        "licence": published.licence if published else "",
    }


def _weights(name: str, weights_dirs: Sequence[Path]) -> str:
    """``present``, ``download``, ``by hand``, ``train it`` where nobody publishes any, or ``none`` needed."""
    options = Options(weights_dirs=tuple(weights_dirs))
    if not has_weights(name, options):
        return "by hand" if unpinned_table()[name].how else "train it"
    states = dict.fromkeys(weights_state(file, options) for file in weights_of(name))
    return ", ".join(states) or ("present" if weights_page_only(name) else "none")


def _registered(registry: Registry[Factory]) -> Rows:
    return [
        {"name": e.name, "target": e.target, "origin": e.distribution or e.origin} for e in registry.entries().values()
    ]


def _suites() -> Rows:
    from bench.suites.suite import load_suite, suite_names

    suites = [load_suite(name) for name in suite_names()]
    return [
        {
            "name": suite.name,
            "title": suite.title,
            "datasets": ", ".join(suite.datasets),
            "tasks": ", ".join(suite.tasks),
            "needs": ", ".join(dict.fromkeys(d.root for d in suite.datasets.values() if d.root)) or "nothing",
        }
        for suite in suites
    ]


def _csv_rows(package: str, name: str, columns: Sequence[str]) -> Rows:
    """Read a table that lies beside the code; of the columns those named, or all."""
    with files(package).joinpath(name).open(encoding="utf-8") as file:
        return [{key: row[key] for key in columns or row} for row in csv.DictReader(file)]


def _cuda() -> dict[str, object]:
    if not importlib.util.find_spec("torch"):
        return {"cuda": "PyTorch is absent"}
    try:
        import torch
    except Exception as error:  # a library of the system that it needs may be absent or of another version
        return {"cuda": f"PyTorch is installed but cannot be imported: {' '.join(str(error).split())}"}
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {"cuda": ", ".join(names) or "no device"}
