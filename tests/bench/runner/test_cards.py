"""A process a card does what its models compute; the others do the rest, and all wait for the next stage."""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bench.api.run import run_suite
from bench.contract import Options
from bench.devices import cards_of, check_precision, visible_to
from bench.errors import UserError
from bench.runner.engines import CARD_IMAGES, STEP_IMAGES
from bench.runner.outcome import Outcome
from bench.runner.plan import Step
from bench.runner.processes import WatchedProcesses, local_engine
from bench.runs.rows import Row
from bench.suites.suite import Suite, override


@dataclass(frozen=True)
class Told:
    id: str
    pid: int
    card: str
    niceness: int = 0


@dataclass(frozen=True)
class Asks:
    """A job that tells where it was done."""

    step: Step
    on_card: bool

    def only(self, id: str) -> Asks:
        return replace(self, step=replace(self.step, ids=(id,)))

    def lost(self, id: str, reason: str) -> Told:
        return Told(id, 0, reason)


def asks(on_card: bool, *ids: str) -> Asks:
    return Asks(Step(Row("photos", "mine"), ids), on_card)


def three() -> deque[Asks]:
    return deque([asks(True, "a"), asks(True, "b"), asks(False, "c")])


def tell(job: Asks) -> Iterator[Told]:
    for id in job.step.ids:
        if id == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.1)
        yield Told(id, os.getpid(), os.environ.get("CUDA_VISIBLE_DEVICES", "none"), os.nice(0))


def again(job: Asks) -> Iterator[Told]:
    return tell(job)


@pytest.fixture
def crew(monkeypatch: pytest.MonkeyPatch) -> Iterator[WatchedProcesses]:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    engine = WatchedProcesses(1, cards=("1,0", "0,1"))
    yield engine
    engine.close()


def test_jobs_for_cards_are_done_by_a_process_a_card_and_no_other(crew: WatchedProcesses) -> None:
    jobs = [asks(number % 2 == 0, str(number)) for number in range(16)]
    found = {each.id: each for each in crew.run(tell, deque(jobs))}
    assert len(found) == 16
    cards = {each.card: each.pid for id, each in found.items() if int(id) % 2 == 0}
    others = {each.card: each.pid for id, each in found.items() if int(id) % 2}
    assert cards.keys() == {"1,0", "0,1"}
    assert others.keys() == {"none"}
    assert len({each.pid for each in found.values()}) == 3
    here = os.nice(0)
    assert {each.niceness for each in found.values() if each.card != "none"} == {here}, "a card waits for nobody"
    assert {each.niceness for each in found.values() if each.card == "none"} == {min(19, here + 5)}


def test_processes_wait_for_the_next_stage_and_end_when_told(crew: WatchedProcesses) -> None:
    first = {each.pid for each in crew.run(tell, three())}
    second = {each.pid for each in crew.run(again, three())}
    assert second <= first
    assert all(Path(f"/proc/{pid}").exists() for pid in first)
    crew.close()
    assert not any(Path(f"/proc/{pid}").exists() for pid in first)


def test_a_card_process_that_dies_costs_its_image_and_another_takes_its_card(crew: WatchedProcesses) -> None:
    found = {each.id: each.card for each in crew.run(tell, deque([asks(True, "a", "kill", "b"), asks(False, "c")]))}
    assert found.pop("kill") == "its process was ended by SIGKILL; out of memory?"
    assert found.pop("c") == "none"
    assert set(found.values()) <= {"1,0", "0,1"}
    assert found.keys() == {"a", "b"}


def test_where_there_is_no_card_all_do_everything() -> None:
    engine = WatchedProcesses(1)
    found = list(engine.run(tell, deque([asks(True, "a"), asks(False, "b")])))
    engine.close()
    assert len({each.pid for each in found}) == 1
    assert engine.images_a_job(True) == engine.images_a_job(False) == STEP_IMAGES
    around = local_engine(1, cards=("",))
    assert (around.images_a_job(True), around.images_a_job(False)) == (CARD_IMAGES, STEP_IMAGES)


NETWORK = """
from bench.contract import Traits
class Net:
    traits = Traits()
    def __call__(self, image):
        return 255 - image
    def restore_batch(self, images):
        return [255 - image for image in images]
def build(options):
    return Net()
"""


def test_a_run_around_cards_writes_the_bytes_of_one_process(suite: Suite, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NETWORK)
    chosen = override(suite, derainers=["rain", f"{tmp_path / 'net.py'}:build", "clean"])
    roots = {"photos": photos}
    run_suite(chosen, tmp_path / "one", roots=roots)
    run_suite(chosen, tmp_path / "cards", roots=roots, engine=local_engine(2, cards=("", "")))
    patterns = ("*.csv", "tables/*.csv", "data/*/*/*.png", "restored/*/*/*.png", "evidence/*/*/*/*")
    names = [path.relative_to(tmp_path / "one") for pattern in patterns for path in (tmp_path / "one").glob(pattern)]
    compared = [name for name in names if name.name not in ("timings.csv", "digests.csv")]
    assert len(compared) > 40
    for name in compared:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "cards" / name).read_bytes(), name


def test_a_rule_of_batches_is_part_of_the_keys_and_of_the_card(suite: Suite, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NETWORK)
    chosen = override(suite, derainers=[f"{tmp_path / 'net.py'}:build"])
    roots = {"photos": photos}
    one = run_suite(chosen, tmp_path / "out", roots=roots)
    three = run_suite(chosen, tmp_path / "out", roots=roots, options=Options(batch=3))
    assert sum(map(len, three.work.seconds.values())) > 0, "nothing is reused under another rule"
    assert [record.value for record in one.records] == [record.value for record in three.records]
    assert '"most": 3' in (tmp_path / "out/card.json").read_text()


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the GPUs that PyTorch sees."""
    torch = pytest.importorskip("torch")
    names = ["A", "A", "B"]
    monkeypatch.setattr("bench.devices.device_of", torch.device)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(names))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: names[device.index])
    return names


def test_cuda_is_all_that_are_visible_and_names_are_those_named(gpus: list[str]) -> None:
    assert cards_of("cpu") == ()
    assert cards_of("cuda:2") == ("cuda:2",)
    assert cards_of("cuda:1, cuda:0") == ("cuda:1", "cuda:0")
    with pytest.raises(UserError, match="A and B round differently; name those of one kind"):
        cards_of("cuda")
    gpus[2] = "A"
    assert cards_of("cuda") == ("cuda:0", "cuda:1", "cuda:2")
    for wrong in ("cuda:1,cuda:1", "cpu,cuda:0", "cuda:0,cpu", "cuda,cuda:0", "cpu,cpu"):
        with pytest.raises(UserError, match="several devices are different GPUs, such as cuda:0,cuda:1"):
            cards_of(wrong)


def test_the_card_of_a_process_is_where_its_models_are_told_to_compute() -> None:
    assert visible_to("cuda:0", "cuda", 3) == "0,1,2"
    assert visible_to("cuda:2", "cuda", 3) == "2,1,0"
    assert visible_to("cuda:2", "cuda:1", 3) == "0,2,1"
    assert visible_to("cuda:1", "cuda", 2, "GPU-a,GPU-b") == "GPU-b,GPU-a"


def test_tf32_is_refused_where_there_is_none() -> None:
    check_precision(Options("cuda:1", precision="tf32"))
    with pytest.raises(UserError, match="--precision tf32 is arithmetic of NVIDIA's GPUs, but the device is cpu"):
        check_precision(Options(precision="tf32"))


class CardAndCores:
    """An engine in which a card restores job after job, and cores do at once what needs no card."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def run(self, work: Callable[[Any], Iterator[Any]], jobs: deque[Any]) -> Iterator[Any]:
        waiting: deque[Any] = deque()
        while jobs or waiting:
            while jobs and jobs[0].stage == "restore":
                waiting.append(jobs.popleft())
            job = jobs.popleft() if jobs else waiting.popleft()
            for outcome in work(job):
                self.told.append((job.stage, outcome.id))
                yield outcome

    def images_a_job(self, on_card: bool) -> int:
        return 2

    def close(self) -> None:
        pass


class Stages:
    """Progress that notes what it is told, and of which stage an image is beside the stage that has begun."""

    def __init__(self) -> None:
        self.begun: dict[str, tuple[int, int]] = {}
        self.told: list[tuple[str, str]] = []

    def begin(self, stage: str, images: int, done: int) -> None:
        self.begun[stage] = (images, done)

    def advance(self, outcome: Outcome) -> None:
        stage = "judge" if outcome.row.task else "restore" if outcome.row.derainer else "render"
        self.told.append((list(self.begun)[-1], stage))


def test_what_is_restored_is_measured_while_others_are_restored(
    suite: Suite, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.runner.restore_and_judge.STEP_IMAGES", 2)
    chosen, roots = override(suite, derainers=["rain", "clean"]), {"photos": photos}
    engine, progress = CardAndCores(), Stages()
    run_suite(chosen, tmp_path / "one", roots=roots)
    run_suite(chosen, tmp_path / "beside", roots=roots, engine=engine, progress=progress)
    stages = [stage for stage, _ in engine.told]
    last = max(index for index, stage in enumerate(stages) if stage == "restore")
    assert stages[:last].count("judge") >= 4, "the first images are measured before the last is restored"
    assert stages.count("judge") == 10, "and none twice"
    assert progress.begun == {"render": (5, 0), "restore": (10, 0), "judge": (10, 0)}
    assert all(begun == stage for begun, stage in progress.told), "stages are told one after the other"
    for path in [*(tmp_path / "one").glob("evidence/*/*/*/*"), tmp_path / "one/records.csv"]:
        assert path.read_bytes() == (tmp_path / "beside" / path.relative_to(tmp_path / "one")).read_bytes()


def test_a_run_that_ends_at_the_first_failure_judges_nothing_before_all_is_restored(
    suite: Suite, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.runner.restore_and_judge.STEP_IMAGES", 1)
    engine = CardAndCores()
    run_suite(override(suite, derainers=["rain", "clean"]), tmp_path, roots={"photos": photos}, engine=engine,
              fail_fast=True)  # fmt: skip
    assert [stage for stage, _ in engine.told] == ["render"] * 5 + ["restore"] * 10 + ["judge"] * 10
