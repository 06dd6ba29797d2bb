"""Run folders for the tests of the ranking: tables and card alone, with numbers that a reader can check by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from bench.contract import Record
from bench.runs.card import RunCard, TaskCard, write_card
from bench.runs.records import long, write_frame

RAIN, CLEAN = 20.0, 40.0
"""AP of the rain and of the clean images."""

Scores = Mapping[str, tuple[float, float]]
"""Row to its AP and half the width of its interval of recovery."""

SCORES: Scores = {
    "best": (36.0, 0.10),  # recovery 0.8 [0.7, 0.9]
    "near": (33.0, 0.06),  # 0.65 [0.59, 0.71]
    "far": (30.0, 0.05),  # 0.5 [0.45, 0.55]
    "clean+best": (39.0, 0.08),  # loses 1 of 20: 5 % [-3, 13]
}


def write_ranked_run(
    root: Path,
    scores: Scores = SCORES,
    rain: str = "coco350_y",
    folder: str = "coco",
    weights: Mapping[str, Mapping[str, str]] | None = None,
    trained: Mapping[str, object] | None = None,
    judge: str = "f",
    precision: str = "fp32",
    protocol_hash: str = "",
    clean: float = CLEAN,
) -> Path:
    """Write a finished run of detection on one dataset.

    Args:
        root: Where.
        scores: Derainers and harm tests.
        rain: Of the dataset.
        folder: Name of its photographs.
        weights: The card's entry of this name.
        trained: The card's entry of this name.
        judge: Fingerprint of the model that looks.
        precision: In which the derainers computed.
        protocol_hash: Of the scores; made of photographs, rain and judge if none is given, as real ones are.
        clean: AP of the clean images.
    """
    rows = ["rain", *scores, "clean"]
    hashed = protocol_hash or f"{folder} {rain} {judge}"
    one = Record("photos", "rain", "detection", "net", "AP", RAIN, "%", 12, 12, "rules", hashed, "higher")
    values = {"rain": RAIN, **{row: score for row, (score, _) in scores.items()}, "clean": clean}
    records = [replace(one, derainer=row, value=value) for row, value in values.items()]
    quality = [replace(one, derainer=row, task="quality", model="", metric="psnr_y", unit="dB") for row in rows[:-1]]
    write_frame(root / "records.csv", long([*quality, *records]))
    write_frame(root / "intervals.csv", pd.DataFrame([_interval(row, values[row], scores) for row in rows]))
    task = TaskCard(model="net", protocol="rules", scoring={}, fingerprint=judge, code="c")
    dataset = {"source": "coco", "root": folder, "rain": rain}
    card = RunCard.model_validate({
        "suite": {
            "name": "mine", "title": "Mine", "derainers": rows, "datasets": {"photos": dataset},
            "tasks": {"detection": {"model": "ultralytics:/home/me/net.pt"}},
        },
        "datasets": {"photos": 12},
        "derainers": dict.fromkeys(rows, "digest"),
        "weights": weights or {},
        "trained": trained,
        "tasks": {"photos": {"detection": task, "quality": task.model_copy(update={"model": ""})}},
        "hardware": "a processor",
        "numerics": None if precision == "fp32" else {"precision": precision},
    })  # fmt: skip
    write_card(root, card)
    return root


def _interval(row: str, value: float, scores: Scores) -> dict[str, object]:
    recovery = (value - RAIN) / (CLEAN - RAIN) if row in scores else None
    half = scores[row][1] if row in scores else 0.0
    ends = {"recovery_low": recovery - half, "recovery_high": recovery + half} if recovery is not None else {}
    named = {"dataset": "photos", "derainer": row, "task": "detection", "metric": "AP", "value": value}
    return {**named, "low": value - 1, "high": value + 1, "recovery": recovery, **{
        end: ends.get(end) for end in ("recovery_low", "recovery_high")
    }}  # fmt: skip
