from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from bench.contract import Evidence, Image, Options, Sample, Summary, Traits, Truth
from bench.errors import ImageError, MissingExtraError, UserError
from bench.protocols import Judge
from bench.registry import Entry
from bench.runner.batches import ONE, BatchRule, batch_rule, fixed_batch
from bench.runner.checks import check_restored
from bench.runner.judge import JudgeWork, judge_step
from bench.runner.loaders import DatasetLoader, DerainerLoader, JudgeLoader
from bench.runner.outcome import Outcome
from bench.runner.plan import Step
from bench.runner.render import render_step
from bench.runner.restore import RestoreWork, input_of, restore_step
from bench.runner.stage_job import StageJob
from bench.runs.folder import RunStore
from bench.runs.rows import Row
from synth.datasets.build import FolderBuilder, open_builder
from synth.datasets.dataset import FolderDataset, open_dataset
from synth.datasets.recipe import Recipe

DerainerOf = Callable[..., DerainerLoader]
ROW = Row("photos", "mine")
INVERT = "def build(options):\n    return lambda image: 255 - image\n"


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "run")


@pytest.fixture
def restore(dataset: FolderDataset, store: RunStore) -> Callable[..., dict[str, Outcome]]:
    """Restore every image of the dataset with a derainer; outcomes by id."""

    def run(loader: DerainerLoader, batch: int = 1) -> dict[str, Outcome]:
        ids = tuple(dataset.ids)
        keys = {id: f"key {id}" for id in ids}
        work = RestoreWork(store, DatasetLoader(open_dataset, dataset.folder), loader, fixed_batch(batch))
        job = StageJob("restore", Step(ROW, ids), work, keys)
        outcomes = list(restore_step(job))
        assert sorted(outcome.id for outcome in outcomes) == sorted(ids)
        return {outcome.id: outcome for outcome in outcomes}

    return run


def reasons(outcomes: Mapping[str, Outcome]) -> dict[str, str]:
    return {id: outcome.failure.reason for id, outcome in outcomes.items() if outcome.failure}


@pytest.mark.parametrize("batch", [1, 3])
def test_a_plain_function_restores_every_image(
    batch: int, restore, derainer_of: DerainerOf, dataset: FolderDataset, store: RunStore
) -> None:
    outcomes = restore(derainer_of(INVERT), batch)
    assert not reasons(outcomes)
    for id in dataset.ids:
        assert np.array_equal(store.read_restored(ROW, id), 255 - dataset.load(id).rainy)
        assert store.key(ROW, id) == f"key {id}"
        assert outcomes[id].seconds > 0


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise ValueError('two\\n  lines')", "ValueError: two lines"),
        ("raise MemoryError", "MemoryError:"),
        ("return image[:-1]", "mine changed a: expected (64, 96, 3) uint8, got (63, 96, 3) uint8"),
        ("return image[..., 0]", "expected (64, 96, 3) uint8, got (64, 96) uint8"),
        ("return image / 255", "got (64, 96, 3) float64. It looks like 0..1: return (x * 255)"),
        ("return image.astype(bool)", "got (64, 96, 3) bool"),
        (
            "return image.tolist()",
            "mine returned no image for a: expected a NumPy array (64, 96, 3) uint8, got a list of 64",
        ),
        ("return None", "expected a NumPy array (64, 96, 3) uint8, got None; does the function end without return?"),
    ],
)
def test_what_a_derainer_does_wrong_is_a_failure_of_that_image(
    body: str, reason: str, restore, derainer_of: DerainerOf, store: RunStore
) -> None:
    outcomes = restore(derainer_of(f"def restore(image):\n    {body}\ndef build(options):\n    return restore\n"))
    failure = outcomes["a"].failure
    assert failure is not None
    assert (failure.dataset, failure.derainer, failure.task, failure.image, failure.stage) == (
        "photos", "mine", "", "a", "restore",
    )  # fmt: skip
    assert reason in failure.reason
    assert "\n" not in failure.reason
    assert len(reasons(outcomes)) == 5
    assert not list(store.root.rglob("*.png"))


def test_a_derainer_may_spoil_its_input(restore, derainer_of: DerainerOf, dataset: FolderDataset) -> None:
    sample = dataset.load("a")
    before = sample.rainy.copy()
    given = input_of(sample, Traits())
    given[:] = 0
    assert np.array_equal(sample.rainy, before)
    source = "def restore(image):\n    image[:] = 0\n    return image\ndef build(options):\n    return restore\n"
    assert not reasons(restore(derainer_of(source)))
    assert np.array_equal(dataset.load("a").rainy, before)


BATCH = """
from bench.contract import Traits
class Net:
    traits = Traits(batchable={batchable})
    def __call__(self, image):
        return self.restore_batch([image])[0]
    def restore_batch(self, images):
        assert len({{image.shape for image in images}}) == 1
        for image in images:
            if image[0, 0].tolist() == {spoilt}:
                raise RuntimeError("cannot do this one")
        return [np.full_like(image, {value}) for image in images][:{most}]
def build(options):
    return Net()
"""


def test_an_image_that_breaks_a_batch_alone_is_blamed(
    restore, derainer_of: DerainerOf, dataset: FolderDataset, store: RunStore
) -> None:
    spoilt = dataset.load("c").rainy[0, 0].tolist()
    source = BATCH.format(batchable=True, spoilt=spoilt, value="len(images)", most=9)
    outcomes = restore(derainer_of(source), 4)
    assert reasons(outcomes) == {"c": "RuntimeError: cannot do this one"}
    assert {int(store.read_restored(ROW, id)[0, 0, 0]) for id in "abde"} == {4}, "every batch is filled up"


def test_batches_hold_images_of_one_size_only_and_are_filled_up(
    restore, derainer_of: DerainerOf, dataset: FolderDataset, store: RunStore
) -> None:
    source = BATCH.format(batchable=True, spoilt="None", value="len(images)", most=9)
    assert not reasons(restore(derainer_of(source), 5))
    assert {id: int(store.read_restored(ROW, id)[0, 0, 0]) for id in dataset.ids} == dict.fromkeys("abcde", 5)


def test_the_copies_that_fill_a_batch_are_their_own_memory(
    restore, derainer_of: DerainerOf, dataset: FolderDataset, store: RunStore
) -> None:
    source = BATCH.format(batchable=True, spoilt="None", value="0", most=9).replace(
        "np.full_like(image, 0)", "np.floor_divide(image, 2, out=image)"
    )
    assert not reasons(restore(derainer_of(source), 3))
    for id in dataset.ids:
        assert np.array_equal(store.read_restored(ROW, id), dataset.load(id).rainy // 2)


def test_the_number_of_a_batch_follows_from_the_size_of_an_image_and_the_memory() -> None:
    assert batch_rule(0, 0) == fixed_batch(1) == ONE
    large = batch_rule(0, 80 << 30)
    assert large == batch_rule(0, 40 << 30) == BatchRule(1 << 20, 16)
    sizes = {(192, 320): 16, (360, 480): 6, (480, 640): 3, (720, 1280): 1, (4000, 6000): 1}
    assert {size: large.images(size) for size in sizes} == sizes
    assert batch_rule(0, 12 << 30).images((480, 640)) == 1
    assert batch_rule(5, 0).images((4000, 6000)) == batch_rule(5, 80 << 30).images((9, 9)) == 5


def test_images_of_one_size_come_together_where_they_make_batches(dataset: FolderDataset) -> None:
    assert ONE.ordered(dataset) == dataset.ids
    assert [dataset.size(id) for id in dataset.ids] == [dataset.load(id).truth.size for id in dataset.ids]
    sizes = [dataset.size(id) for id in BatchRule(1 << 20, 16).ordered(dataset)]
    assert sizes == sorted(sizes)


def test_a_derainer_that_depends_on_its_neighbours_gets_one_image_at_a_time(
    restore, derainer_of: DerainerOf, dataset: FolderDataset, store: RunStore
) -> None:
    source = BATCH.format(batchable=False, spoilt="None", value="len(images)", most=9)
    assert not reasons(restore(derainer_of(source), 5))
    assert {int(store.read_restored(ROW, id)[0, 0, 0]) for id in dataset.ids} == {1}


def test_a_batch_with_too_few_results_is_refused(restore, derainer_of: DerainerOf) -> None:
    few = BATCH.format(batchable=True, spoilt="None", value=7, most=3)
    assert set(reasons(restore(derainer_of(few), 5)).values()) == {"the model gave 3 results for 5 images"}


def test_the_oracle_alone_reads_the_clean_image(restore, dataset: FolderDataset, store: RunStore) -> None:
    assert not reasons(restore(DerainerLoader(Entry("clean", "derainers.controls:clean"), Options())))
    sample = dataset.load("a")
    assert np.array_equal(store.read_restored(ROW, "a"), sample.clean)
    assert not np.array_equal(sample.rainy, sample.clean)


def test_there_is_no_oracle_for_real_rain() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(ImageError, match="x: there is no clean image to read; leave this row out for real rain"):
        input_of(Sample("x", image, None, Truth((4, 4))), Traits(reads="clean"))


def test_a_factory_that_fails_is_a_failure_of_its_images_and_a_user_error_ends_the_run(
    restore, derainer_of: DerainerOf
) -> None:
    outcomes = restore(derainer_of("def build(options):\n    raise OSError('no such device')\n"))
    assert set(reasons(outcomes).values()) == {"OSError: no such device"}
    with pytest.raises(UserError, match="mine: its factory returned int, expected a callable"):
        restore(derainer_of("def build(options):\n    return 5\n"))
    missing = (
        "from bench.errors import MissingExtraError\n"
        "def build(options):\n    raise MissingExtraError('Net', 'torch', 'mine')\n"
    )
    with pytest.raises(MissingExtraError, match="mine needs Net"):
        restore(derainer_of(missing))


def test_a_damaged_image_of_the_dataset_is_a_failure_and_the_rest_goes_on(
    restore, derainer_of: DerainerOf, dataset: FolderDataset
) -> None:
    for id in ("b", "e"):  # one in the middle of a batch, and the last
        path = dataset.path("rainy", id)
        path.write_bytes(path.read_bytes()[:-300])
    outcomes = restore(derainer_of(INVERT), 3)
    assert set(reasons(outcomes)) == {"b", "e"}
    assert "truncated or damaged" in reasons(outcomes)["b"]


def test_a_finished_folder_is_paired_by_name(
    restore, derainer_of: DerainerOf, dataset: FolderDataset, store: RunStore
) -> None:
    source = (
        "class Folder:\n"
        "    def __call__(self, image):\n        raise RuntimeError('asked without a name')\n"
        "    def restore_named(self, image, id):\n        return np.full_like(image, ord(id))\n"
        "def build(options):\n    return Folder()\n"
    )
    assert not reasons(restore(derainer_of(source)))
    assert {id: int(store.read_restored(ROW, id)[0, 0, 0]) for id in dataset.ids} == {id: ord(id) for id in "abcde"}


def test_what_is_checked_is_shape_and_type() -> None:
    image = np.zeros((4, 5, 3), np.uint8)
    sample = Sample("x", image, None, Truth((4, 5)))
    check_restored("mine", sample, image[::-1])
    for wrong in (image.transpose(1, 0, 2), image.astype(np.int8), memoryview(image)):
        with pytest.raises(ImageError, match="mine"):
            check_restored("mine", sample, wrong)


@dataclass(frozen=True)
class Brightness:
    """A task whose judge fails as it is told."""

    fails: str = ""
    name: str = "brightness"
    model: str = ""
    protocol: str = "mean of all pixels"
    needs: frozenset[Literal["clean", "boxes", "masks", "label_map"]] = frozenset({"clean"})
    fingerprint: str = "1"

    def judge(self, options: Options) -> Judge:
        if self.fails == "loading":
            raise RuntimeError("the model file is cut short")

        def look(images: Sequence[Image], samples: Sequence[Sample]) -> Sequence[Evidence]:
            if self.fails in [sample.id for sample in samples]:
                raise RuntimeError("cannot see this")
            return [{"mean": float(image.mean())} for image in images]

        return look

    def summarise(self, evidence: Mapping[str, Evidence], truths: Mapping[str, Truth]) -> Summary:
        return Summary(())


@pytest.fixture
def judge(restore, derainer_of: DerainerOf, dataset: FolderDataset, store: RunStore):
    restore(derainer_of(INVERT))

    def run(task: Brightness, batch: int = 1) -> dict[str, Outcome]:
        ids = tuple(dataset.ids)
        loader = DatasetLoader(open_dataset, dataset.folder)
        step = Step(Row("photos", "mine", task.name), ids)
        work = JudgeWork(store, loader, JudgeLoader(task, Options()), fixed_batch(batch))
        job = StageJob("judge", step, work, {id: id for id in ids})
        return {outcome.id: outcome for outcome in judge_step(job)}

    return run


def test_evidence_is_stored_for_every_image(judge, dataset: FolderDataset, store: RunStore) -> None:
    assert not reasons(judge(Brightness(), 2))
    for id in dataset.ids:
        row = Row("photos", "mine", "brightness")
        assert store.read_evidence(row, id) == {"mean": float(store.read_restored(ROW, id).mean())}
        assert store.key(row, id) == id


@pytest.mark.parametrize("batch", [1, 4])
def test_an_image_that_a_judge_cannot_see_alone_fails(batch: int, judge, store: RunStore) -> None:
    outcomes = judge(Brightness("b"), batch)
    assert reasons(outcomes) == {"b": "RuntimeError: cannot see this"}
    failure = outcomes["b"].failure
    assert failure is not None
    assert (failure.task, failure.stage) == ("brightness", "judge")
    assert store.key(Row("photos", "mine", "brightness"), "b") == ""


@dataclass(frozen=True)
class Alone(Brightness):
    """A task whose judge wants nothing but restored images, and says what else it was given."""

    name: str = "alone"
    needs: frozenset[Literal["clean", "boxes", "masks", "label_map"]] = frozenset()

    def judge(self, options: Options) -> Judge:
        def look(images: Sequence[Image], samples: Sequence[Sample]) -> Sequence[Evidence]:
            pairs = zip(images, samples, strict=True)
            return [{"same": float(s.rainy is i), "clean": float(s.clean is not None)} for i, s in pairs]

        return look


def test_beside_the_restored_image_nothing_is_decoded_but_the_clean_one_where_it_is_needed(
    judge, dataset: FolderDataset, store: RunStore
) -> None:
    dataset.path("rainy", "b").unlink()
    assert not reasons(judge(Brightness(), 2))
    dataset.path("clean", "b").unlink()
    assert not reasons(judge(Alone(), 2))
    assert store.read_evidence(Row("photos", "mine", "alone"), "b") == {"same": 1.0, "clean": 0.0}
    assert set(reasons(judge(Brightness(), 2))) == {"b"}, "others need it"
    store.write_restored(ROW, "d", np.zeros((5, 5, 3), np.uint8), "key d")
    assert "mine changed d: expected (64, 96, 3)" in reasons(judge(Alone()))["d"]


def test_a_judge_that_cannot_be_loaded_is_a_failure_of_its_images(judge) -> None:
    assert set(reasons(judge(Brightness("loading"))).values()) == {"RuntimeError: the model file is cut short"}


def test_a_restored_image_that_was_exchanged_is_refused(judge, store: RunStore) -> None:
    store.write_restored(ROW, "d", np.zeros((5, 5, 3), np.uint8), "key d")
    assert "mine changed d: expected (64, 96, 3)" in reasons(judge(Brightness()))["d"]


@dataclass(frozen=True)
class Opener:
    photos: Path
    folder: Path

    def __call__(self) -> FolderBuilder:
        return open_builder(Recipe("photos", "folder", self.photos / "images", rain="coco350_y"), self.folder)


def test_a_bad_photograph_is_a_failure_of_rendering(photos: Path, tmp_path: Path) -> None:
    path = photos / "images" / "b.jpg"
    path.write_bytes(path.read_bytes()[:-500])
    job = StageJob("render", Step(Row("photos"), ("a", "b", "c")), Opener(photos, tmp_path / "data"))
    outcomes = {outcome.id: outcome for outcome in render_step(job)}
    assert list(outcomes) == ["a", "b", "c"]
    assert list(reasons(outcomes)) == ["b"]
    assert "b.jpg: truncated or damaged" in reasons(outcomes)["b"]
    assert sorted(path.stem for path in (tmp_path / "data" / "rainy").iterdir()) == ["a", "c"]
