"""Run folders for the page's tests: real rain, real scoring, and answers made from the truth instead of a model's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from bench.api.conclude import conclude
from bench.contract import Detections, Evidence, Image, Instances, LabelMap, Options, Sample
from bench.protocols import Task
from bench.runs.card import SCHEMA, RunCard, RunOrder, TaskCard, write_card
from bench.runs.folder import RunStore
from bench.runs.keys import judged_key, restored_key
from bench.runs.result import WorkDone
from bench.runs.rows import Row
from synth.datasets.build import open_builder
from synth.datasets.dataset import FolderDataset, open_dataset
from synth.datasets.recipe import Recipe
from tasks import TASKS

STREETS = Recipe("streets", "streets", rain="streets_y", count=10, seed=7)
SKILLS = {"rain": 0.45, "fogger": 0.1, "mine": 0.8, "wild": 0.95, "clean": 1.0, "clean+mine": 0.85}
"""Row to the share of the truth that its answers hold: one derainer helps, one harms, one is untrained."""

SCORING: dict[str, dict[str, object]] = {
    "quality": {"metrics": ("psnr_y", "ssim_y")},
    "detection": {"model": "recorded:net", "score": 0.25, "overlap": 0.6},
    "instances": {"model": "recorded:outliner", "score": 0.25, "overlap": 0.5},
    "semantic": {"model": "recorded:segmenter"},
}


def make_run(
    root: Path,
    recipe: Recipe = STREETS,
    skills: Mapping[str, float] = SKILLS,
    tasks: Sequence[str] = tuple(SCORING),
    suite: Mapping[str, object] | None = None,
    renamed: Mapping[str, str] | None = None,
    reference: Recipe | None = None,
) -> Path:
    """Make a finished run folder.

    Args:
        root: Where.
        recipe: Its dataset.
        skills: Rows; ``wild`` counts as untrained.
        tasks: Names of tasks; those of plug-ins have no parameters.
        suite: Title and note in the card.
        renamed: Class names of the dataset that are changed.
        reference: A second dataset, in clear weather: every row sees all of the truth in it.
    """
    store = RunStore(root)
    recipes = [recipe, *([reference] if reference else [])]
    datasets = {one.name: _build(store, one, renamed or {}) for one in recipes}
    classes = datasets[recipe.name].classes
    asked = {name: TASKS.load(TASKS.find(name))(SCORING.get(name, {}), classes) for name in tasks}
    for name, dataset in datasets.items():
        for row, skill in skills.items():
            for place, id in enumerate(dataset.ids):
                _answer(store, dataset, asked, Row(name, row), skill if name == recipe.name else 1.0, id, place)
    about = {"name": "tiny", "title": "A tiny run", "note": "Made for tests.", **(suite or {})}
    card = RunCard(
        schema_version=SCHEMA,
        suite={**about, "derainers": list(skills), "tasks": {n: {} for n in tasks}, "datasets": _configs(recipes)},
        datasets={name: len(dataset.ids) for name, dataset in datasets.items()},
        without_clean=[one.name for one in recipes if one.rain == "real"],
        derainers={row: f"digest of {row}" for row in skills},
        tasks={name: {task: _task_card(one) for task, one in asked.items()} for name in datasets},
        order=RunOrder(derainers=list(skills), tasks=[(name, list(asked)) for name in datasets]),
        libraries={"numpy": np.__version__, "torch": ""},
        commit="c0ffee",
        device="cpu",
        machine={"cores": 2},
        resamples=50,
        untrained=[row for row in skills if row == "wild"],
    )
    write_card(root, card)
    conclude(store, card, WorkDone(datasets=dict(datasets)), dict.fromkeys(datasets, asked))
    return root


def _build(store: RunStore, recipe: Recipe, renamed: Mapping[str, str]) -> FolderDataset:
    folder = store.data_folder(recipe.name)
    builder = open_builder(recipe, folder)
    assert not builder.render(builder.ids)
    builder.finish()
    for old, new in renamed.items():
        card = (folder / "card.json").read_text()
        assert old in card
        (folder / "card.json").write_text(card.replace(f'"{old}"', new))
    return open_dataset(folder)


def _configs(recipes: Sequence[Recipe]) -> dict[str, object]:
    """The first dataset refers to the second, if there is one."""
    configs: dict[str, dict[str, object]] = {
        one.name: {"source": one.source, "rain": one.rain, "seed": one.seed} for one in recipes
    }
    for other in recipes[1:]:
        configs[recipes[0].name]["reference"] = other.name
    return dict(configs)


def _task_card(task: Task) -> TaskCard:
    return TaskCard(
        model=task.model,
        version=task.version,
        protocol=task.protocol,
        scoring=dict(task.scoring),
        fingerprint="f",
        code="c",
    )


def _answer(
    store: RunStore, dataset: FolderDataset, tasks: Mapping[str, Task], row: Row, skill: float, id: str, place: int
) -> None:
    sample = dataset.load(id)
    restored = _between(sample, skill)
    key = restored_key(f"digest of {row.derainer}", dataset.digest(id))
    store.write_restored(row, id, restored, key)
    for name, task in tasks.items():
        evidence = _evidence(name, task, restored, sample, skill, place)
        store.write_evidence(Row(row.dataset, row.derainer, name), id, evidence, judged_key(key, "f", "c"))


def _between(sample: Sample, skill: float) -> Image:
    if sample.clean is None:
        return sample.rainy
    mixed = (1 - skill) * sample.rainy.astype(np.float64) + skill * sample.clean
    return sample.clean if skill == 1 else mixed.round().astype(np.uint8)


def _evidence(name: str, task: Task, restored: Image, sample: Sample, skill: float, place: int) -> Evidence:
    if name == "quality":
        return task.judge(Options())([restored], [sample])[0]
    if "label_map" in task.needs:
        assert sample.truth.label_map is not None
        return _labels(sample.truth.label_map, skill)
    assert sample.truth.instances is not None
    return _objects(sample.truth.instances, skill, place, masks="masks" in task.needs)


def _labels(truth: LabelMap, skill: float) -> LabelMap:
    """The truth at the left, one class everywhere at the right."""
    seen = np.where(truth == 255, 0, truth).astype(np.uint8)
    seen[:, round(skill * seen.shape[1]) :] = 0
    return seen


def _objects(truth: Instances, skill: float, place: int, masks: bool) -> Detections:
    """The same objects are the hard ones for every row.

    What is not found is a wrong box elsewhere, less certain; with masks it is missed.
    """
    ease = np.random.default_rng(place).uniform(0, 1, len(truth.boxes))
    found = ease < skill
    boxes = truth.boxes + np.where(found, 0, 200)[:, None]
    scores = np.where(found, 0.9 - 0.5 * ease, 0.3)
    order = np.argsort(-scores, kind="stable")
    if masks:
        order = order[found[order]]
    outlines = tuple(truth.masks[index] for index in order) if masks and truth.masks is not None else None
    return Detections(boxes[order], scores[order], truth.class_ids[order], outlines)
