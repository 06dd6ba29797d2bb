"""What can be named in a run, and whether this installation is complete. Knows every room."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Literal, TypeVar

import pandas as pd

from bench.config import load_suite, suite_names
from bench.provenance import library_versions, machine
from bench.registry import Registry
from bench.weights import weights_state
from derainers import DERAINERS
from derainers.table import weights_of, weights_table
from synth import SOURCES
from tasks import TASKS
from tasks.detection.detectron2 import INSTALL

Factory = TypeVar("Factory")
Kind = Literal["derainers", "tasks", "datasets", "suites", "metrics"]

_EXTRAS = {
    "torch": "torch", "torchvision": "torch", "segmentation_models_pytorch": "torch", "ultralytics": "yolo",
    "onnxruntime": "onnx", "ai_edge_litert": "tflite", "imgaug": "imgaug", "ray": "ray",
}  # fmt: skip


def catalogue(kind: Kind, weights_dirs: Sequence[Path] = ()) -> pd.DataFrame:
    """Everything of one kind that can be named in a run, one a row."""
    makers: dict[Kind, Callable[[], pd.DataFrame]] = {
        "derainers": lambda: _derainers(weights_dirs),
        "tasks": lambda: _registered(TASKS),
        "datasets": lambda: _registered(SOURCES),
        "suites": _suites,
        "metrics": _metrics,
    }
    return makers[kind]()


def health(weights_dirs: Sequence[Path] = ()) -> dict[str, pd.DataFrame]:
    """Versions, devices, optional libraries and weights of this installation, as tables by title."""
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
    weights = [
        {"derainer": name, "file": file.file, "state": weights_state(file, weights_dirs), "from": file.url or file.page}
        for name, entries in weights_table().items()
        for file in entries
    ]
    return {
        "machine": pd.DataFrame([{"fact": name, "value": str(value)} for name, value in facts.items()]),
        "libraries": pd.DataFrame(versions),
        "extras": pd.DataFrame(optional),
        "weights": pd.DataFrame(weights, columns=["derainer", "file", "state", "from"]),
    }


def _derainers(weights_dirs: Sequence[Path]) -> pd.DataFrame:
    rows: list[dict[str, str]] = []
    for name, entry in DERAINERS.entries().items():
        files = weights_of(name) if entry.origin == "built-in" else ()
        states = [weights_state(file, weights_dirs) for file in files]
        rows.append(
            {
                "name": name,
                "weights": ", ".join(dict.fromkeys(states)) or "needs none",
                "trained on": files[0].trained_on if files else "",
                "paper": files[0].paper if files else "",
                "licence": files[0].licence if files else "",
                "origin": entry.origin,
            }
        )
    return pd.DataFrame(rows)


def _registered(registry: Registry[Factory]) -> pd.DataFrame:
    rows = [{"name": e.name, "target": e.target, "origin": e.origin} for e in registry.entries().values()]
    return pd.DataFrame(rows)


def _suites() -> pd.DataFrame:
    suites = [load_suite(name) for name in suite_names()]
    return pd.DataFrame(
        {
            "name": suite.name,
            "title": suite.title,
            "datasets": ", ".join(suite.datasets),
            "tasks": ", ".join(suite.tasks),
            "needs": ", ".join(dict.fromkeys(d.root for d in suite.datasets.values() if d.root)) or "nothing",
        }
        for suite in suites
    )


def _metrics() -> pd.DataFrame:
    with files("tasks").joinpath("metrics.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, keep_default_na=False)


def _cuda() -> dict[str, object]:
    if not importlib.util.find_spec("torch"):
        return {"cuda": "PyTorch is absent"}
    import torch

    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {"cuda": ", ".join(names) or "no device"}
