"""Train derainers on photographs from folders, with rain rendered while training, or on published pairs."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from bench.api.images import quality_judge
from bench.contract import Options, Photograph
from bench.errors import ImageError, UserError
from bench.io.training.plan import TrainingPlan, kept_plan, plan_within
from bench.io.training.state import StepCallback
from bench.protocols import Derainer, Source
from bench.training.card import card_of, command_of, measured, place_of, start_from
from bench.training.config import check_plannable
from bench.training.derainer_config import (
    DerainerTraining,
    RainMixture,
    changes_of,
    load_training,
    training_names,
    with_clean_share,
)
from bench.training.guides import open_guide, with_short_guide
from bench.training.rains import fingerprints_of, open_rains
from bench.training.tones import change_tones
from bench.training.watching import Watched, baseline_of, evenly_taken, open_watch, save_best
from derainers.trained import trained
from derainers.training.checkpoints import save_weights
from derainers.training.crops import ImagePair
from derainers.training.loop import DerainerJob, TrainingMachine, measure_speed, train
from derainers.training.networks import TrainableDerainer, network_of
from derainers.training.settings import DerainerSettings
from derainers.training.start_share import mix_in
from derainers.training.watch import Watch
from synth import SOURCES
from synth.datasets.build import open_renderer
from synth.rain.renderer import Renderer

__all__ = [
    "DerainerTraining",
    "Material",
    "RainMixture",
    "TrainingMachine",
    "load_training",
    "plan_derainer",
    "train_derainer",
    "training_names",
    "with_clean_share",
]

HELD_OUT = 6
"""Number of photographs on which PSNR is measured while training."""
HELD_OUT_RAIN = "coco350_y"
"""Rain of the held-out photographs."""
_KEPT_PHOTOGRAPHS = 1024  # decoded photographs kept in memory: about 0.5 MB each at 480x320


@dataclass(frozen=True)
class Material:
    """Folders of the images that a training uses.

    Attributes:
        photographs: Folders of clean photographs to rain on; one named twice counts twice.
        pairs: Folders of published pairs by the set's name, beside the photographs or alone.
        held_out: Folder of clean photographs that are not trained on, or None.
        tests: Folders of published pairs to measure the trained network on, by the set's name.
        watched: Task, model and labelled photographs that judge the network at every checkpoint, or None.
    """

    photographs: Sequence[Path] = ()
    pairs: Mapping[str, Path] = field(default_factory=dict)
    held_out: Path | None = None
    tests: Mapping[str, Path] = field(default_factory=dict)
    watched: Watched | None = None

    def options(self) -> list[tuple[str, str, Path]]:
        """List all folders as on the command line: option, set (empty for photographs) and folder."""
        return [
            *(("--photographs", "", folder) for folder in self.photographs),
            *(("--pairs", name, folder) for name, folder in self.pairs.items()),
            *([("--held-out", "", self.held_out)] if self.held_out else []),
            *(("--test", name, folder) for name, folder in self.tests.items()),
        ]

    def described(self) -> list[dict[str, str]]:
        """List sets and folders of the training images as the card states them."""
        folders = [("photographs", folder) for folder in self.photographs] + list(self.pairs.items())
        return [{"set": name, "folder": place_of(folder)} for name, folder in folders]


class RecentPhotographs:
    """Give photographs by number and keep the last ones decoded; in another process none is kept at first.

    Args:
        load: Decodes the photograph of a number.
        most: Number of photographs that are kept.
    """

    def __init__(self, load: Callable[[int], Photograph], most: int) -> None:
        self._load, self._most = load, most
        self._kept = lru_cache(maxsize=most)(load)

    def __call__(self, number: int, /) -> Photograph:
        """Give the photograph of one number."""
        return self._kept(number)

    def __reduce__(self) -> tuple[type[RecentPhotographs], tuple[Callable[[int], Photograph], int]]:
        return type(self), (self._load, self._most)


@dataclass(frozen=True)
class Photographs:
    """Every photograph of some sources, by number.

    Attributes:
        sources: Opened sources.
        ids: Number of the source and id of the photograph, for every photograph.
    """

    sources: tuple[Source, ...]
    ids: tuple[tuple[int, str], ...]

    def load(self, number: int) -> Photograph:
        """Decode the photograph of one number.

        Raises:
            UserError: The photograph is damaged.
        """
        source, id = self.ids[number]
        try:
            return self.sources[source].load(id)
        except ImageError as error:
            raise UserError(f"{error}. Mend it, or leave it out of the folder") from error


@dataclass(frozen=True)
class PairStream:
    """Endless pairs: every photograph once an epoch, in an order and under a rain that follow from the number.

    Attributes:
        load: Gives the photograph of a number.
        count: Number of photographs.
        renderers: Rains to choose from, for photographs that are no published pairs.
        severities: Severities to choose from.
        seed: Seed of order and rain.
        clean_share: Share of these photographs that stay dry.
        tones: Greatest random change of these photographs' brightness, contrast and colours, 0 to 1.
    """

    load: Callable[[int], Photograph]
    count: int
    renderers: Sequence[Renderer]
    severities: Sequence[float]
    seed: int
    clean_share: float = 0.0
    tones: float = 0.0

    def __call__(self, number: int, /) -> ImagePair:
        """Give the pair of one number; see :class:`derainers.training.crops.Stream`."""
        epoch, place = divmod(number, self.count)
        order = np.random.default_rng([self.seed, epoch]).permutation(self.count)
        photograph = self.load(int(order[place]))
        if photograph.rainy is not None:
            return _given_pair(photograph)
        if self.tones:
            photograph = _toned(photograph, self.tones, np.random.default_rng([self.seed, epoch, place, 2]))
        random = np.random.default_rng([self.seed, epoch, place])
        if self.clean_share and np.random.default_rng([self.seed, epoch, place, 1]).random() < self.clean_share:
            return _dry(photograph)
        renderer = self.renderers[int(random.integers(len(self.renderers)))]
        severity = self.severities[int(random.integers(len(self.severities)))]
        return _rained_on(photograph, renderer, f"train/{self.seed}/{number}", severity)


def train_derainer(
    training: DerainerTraining,
    material: Material,
    out: Path,
    machine: TrainingMachine | None = None,
    start: Path | None = None,
    after_step: StepCallback | None = None,
    plan: TrainingPlan | None = None,
) -> dict[str, object]:
    """Train one network, measure it and write its weights; go on where the same training was stopped.

    Args:
        training: Network, settings and rain.
        material: Folders of images.
        out: Folder for checkpoint, log, weights and card.
        machine: Devices to train on; one CPU if not given.
        start: Weights of the same network to start from; their card becomes part of the new one.
        after_step: Called after every step.
        plan: The plan of :func:`plan_derainer`, whose number of steps counts.

    Returns:
        The card, as written beside the weights.

    Raises:
        UserError: Something the user has to mend.
    """
    machine = machine or TrainingMachine()
    training = training.model_copy(update={"steps": plan.steps}) if plan else training
    job, begun, guided = _begin(training, material, out, machine, start)
    trainee = job.trainee
    first = copy.deepcopy(trainee.network.state_dict()) if start and training.start_share else {}
    progress = train(job, machine, after_step)
    if first:
        mix_in(trainee.network, first, training.start_share)
    card = card_of(training.name, progress, trainee.network, machine.accelerator, machine.devices)
    card |= {**job.identity, **begun, **({"plan": asdict(plan)} if plan else {})}
    card |= {"guide": {**guided, "weight": job.guide.weight}} if job.guide else {}
    changes = changes_of(with_short_guide(training)) | (material.watched.options() if material.watched else {})
    card["command"] = command_of(f"train {training.name}", material.options(), changes, start)

    def measure(network: TrainableDerainer) -> list[dict[str, object]]:
        return _quality(trained(network, Options(machine.accelerator)), material)

    if job.watch:
        card = save_best(card, job.watch, progress.log, trainee, measure, out)
    card["quality"] = measure(trainee)
    return save_weights(out, training.name, trainee, card)


def plan_derainer(
    training: DerainerTraining,
    material: Material,
    out: Path,
    minutes: float,
    machine: TrainingMachine | None = None,
    start: Path | None = None,
) -> TrainingPlan:
    """Plan how many steps of one training fit into some minutes, from the speed measured here and now.

    The plan is kept in ``out``, where the same training finds it when it goes on.

    Args:
        training: Network, settings and rain; its number of steps does not count.
        material: Folders of images.
        out: Folder of the training.
        minutes: Time of the training, measuring included.
        machine: The device to train on; one CPU if not given.
        start: Weights to start from.

    Raises:
        UserError: No step fits, the schedule is no cosine, or the folder holds the plan of another training.
    """
    machine = machine or TrainingMachine()
    check_plannable(training)
    job, *_ = _begin(training, material, out, machine, start)
    identity = json.dumps(job.identity, sort_keys=True)
    make = partial(plan_within, minutes, training.every, partial(measure_speed, job, machine))
    return kept_plan(out, identity, minutes, make)


def _begin(
    training: DerainerTraining, material: Material, out: Path, machine: TrainingMachine, start: Path | None
) -> tuple[DerainerJob, dict[str, object], dict[str, object]]:
    """Open images and network of one training; return it with the card's facts about its start and its guide."""
    import torch

    stream = open_stream(training, material, machine.loaders)
    for name, folder in material.tests.items():  # a folder that is missing is told now, not after the last step
        _open_photographs([], {name: folder})
    held_out = held_out_pairs(material.held_out, HELD_OUT) if material.held_out else []
    guide, guided = open_guide(training)  # before the seed: building a network draws numbers
    score = open_watch(material.watched, Options(machine.accelerator)) if material.watched else None
    torch.manual_seed(training.seed)
    trainee = network_of(training.network)
    begun = {"start": "", **start_from(trainee.network, start)}
    stated = with_short_guide(training)
    identity = _identity(stated, material) | {"pairs": stream.count, "start": begun["start"]}
    identity |= {"guide": guided} if guide else {}
    watch = Watch(score.metric, score, copy.deepcopy(trainee.network)) if score else None
    if score:
        identity["watch"] = score.facts()
        begun["watch"] = score.facts() | baseline_of(score)
    settings = DerainerSettings.of(stated)
    return DerainerJob(settings, trainee, stream, held_out, out, identity, guide, watch), begun, guided


def _identity(training: DerainerTraining, material: Material) -> dict[str, object]:
    """Settings, rains and folders, which decide the weights."""
    rains = fingerprints_of(training) if material.photographs else {}
    return {"training": training.model_dump(mode="json"), "rains": rains, "data": material.described()}


def open_stream(training: DerainerTraining, material: Material, loaders: int = 0) -> PairStream:
    """Open the endless pairs of one training, for this process or for so many loaders.

    Raises:
        UserError: Photographs or sets are missing, one is smaller than a crop, or the rains are none
            (:func:`bench.training.rains.open_rains`).
    """
    _check(training, material)
    photographs = _open_photographs(material.photographs, material.pairs)
    _check_sizes(photographs, [*material.photographs, *material.pairs.values()], training.crop)
    rains, mixture = open_rains(training) if material.photographs else [], training.rain
    load = RecentPhotographs(photographs.load, _KEPT_PHOTOGRAPHS // max(1, loaders))
    return PairStream(
        load, len(photographs.ids), rains, mixture.severities, training.seed, mixture.clean_share, training.tones
    )


def held_out_pairs(folder: Path, count: int | None = None) -> list[ImagePair]:
    """Load photographs of a folder, evenly taken in order of name, and render the benchmark's rain on them.

    Raises:
        UserError: The folder holds no photographs.
    """
    photographs = _open_photographs([folder])
    total = len(photographs.ids)
    renderer = open_renderer(HELD_OUT_RAIN, {})
    chosen = map(photographs.load, evenly_taken(range(total), count or total))
    return [_rained_on(photograph, renderer, f"held out/0/{photograph.id}", 1.0) for photograph in chosen]


def _quality(derainer: Derainer, material: Material) -> list[dict[str, object]]:
    images = {name: _published_pairs(name, folder) for name, folder in material.tests.items()}
    if material.held_out:
        images[f"{place_of(material.held_out)} under {HELD_OUT_RAIN}"] = held_out_pairs(material.held_out)
    judge = quality_judge()
    return [measured(name, derainer, judge, pairs) for name, pairs in images.items()]


def _check(training: DerainerTraining, material: Material) -> None:
    if not material.photographs and not material.pairs:
        needs = f" (made for {', '.join(training.pairs)})" if training.pairs else ""
        raise UserError(f"training {training.name}{needs}: give --photographs DIR, --pairs SET=DIR, or both")
    if material.pairs and (lacking := [name for name in training.pairs if name not in material.pairs]):
        raise UserError(f"training {training.name} is on {', '.join(training.pairs)}; give --pairs {lacking[0]}=DIR")


def _open_photographs(folders: Sequence[Path], pairs: Mapping[str, Path] | None = None) -> Photographs:
    sources = [SOURCES.load(SOURCES.find("folder"))(folder, {}) for folder in folders]
    sources += [SOURCES.load(SOURCES.find("pairs"))(folder, {"set": name}) for name, folder in (pairs or {}).items()]
    ids = tuple((place, id) for place, source in enumerate(sources) for id in source.ids)
    if not ids:
        raise UserError(f"no photographs in {', '.join(map(str, [*folders, *(pairs or {}).values()]))}")
    return Photographs(tuple(sources), ids)


def _check_sizes(photographs: Photographs, folders: Sequence[Path], crop: int) -> None:
    """Find what is smaller than a crop by its header: its turn may come after hours."""
    for source, id in photographs.ids:
        size = photographs.sources[source].size(id)
        if size and min(size) < crop:
            raise UserError(
                f"{folders[source]}: image {id!r} has {size[1]}x{size[0]} pixels, expected {crop}x{crop} of a crop at "
                "least; leave it out, or lower --crop"
            )


def _published_pairs(name: str, folder: Path) -> list[ImagePair]:
    photographs = _open_photographs([], {name: folder})
    return [_given_pair(photographs.load(number)) for number in range(len(photographs.ids))]


def _given_pair(photograph: Photograph) -> ImagePair:
    if photograph.rainy is None or photograph.clean is None:
        raise UserError(f"image {photograph.id!r}: a pair to train or measure on needs a rainy and a clean image")
    return photograph.rainy, photograph.clean


def _toned(photograph: Photograph, most: float, random: np.random.Generator) -> Photograph:
    _, clean = _dry(photograph)
    return replace(photograph, clean=change_tones(clean, most, random))


def _dry(photograph: Photograph) -> ImagePair:
    if photograph.clean is None:
        raise UserError(f"image {photograph.id!r}: there is no clean image to rain on")
    return photograph.clean, photograph.clean


def _rained_on(photograph: Photograph, renderer: Renderer, key: str, severity: float) -> ImagePair:
    _, clean = _dry(photograph)
    return renderer(clean, key=key, severity=severity, depth=photograph.depth).rainy, clean
