"""However a run is shared out, its files are the same to the last byte."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from bench.api.merge import merge_runs
from bench.api.run import open_suite, plan_run, run_suite
from bench.api.verify import verify_run
from bench.errors import UserError
from bench.io.files import write_json
from bench.runner.ray_cluster import RayCluster
from bench.runs.digests import write_digests
from bench.runs.finished_shards import first_difference
from bench.runs.shards import Shard, joined, read_shard
from bench.suites.suite import Suite, override, parse_suite

SUITE = """
derainers = ["rain", "classical", "clean"]
resamples = 50
[datasets.streets]
source = "streets"
rain = "streets_y"
count = 8
parameters = { width = 96, height = 64, count = 20 }
[datasets.photos]
source = "folder"
root = "photos"
rain = "coco350_y"
parameters = { images = "images", masks = "masks" }
tasks = ["quality"]
[tasks.quality]
"""
MINE = """
import os, time
from pathlib import Path
def build(options):
    def restore(image):
        with (Path(__file__).parent / "begun.txt").open("a") as file:
            file.write(f"{{os.environ.get('RAY_RAYLET_PID', 'here')}}:{{os.getpid()}}\\n")
        time.sleep({seconds})
        if image[0, 0, 0] % 3 == 0:
            raise RuntimeError("not this one")
        return image // 2 * 2
    return restore
"""
NOT_COMPARED = {"card.json", "digests.csv", "timings.csv"}
"""They tell of the machines, of all files, and of the time that was taken."""


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    """Two datasets, and among the rows one of the user's own that fails on some images."""
    (tmp_path / "mine.py").write_text(MINE.format(seconds=0))
    suite = parse_suite(SUITE, "test", "test suite")
    return override(suite, derainers=["rain", "classical", f"{tmp_path / 'mine.py'}:build", "clean"])


@pytest.fixture
def run(suite: Suite, photos: Path, tmp_path: Path) -> Callable[..., Path]:
    """Run the suite into a folder of that name."""

    def start(name: str, suite: Suite = suite, **options: object) -> Path:
        run_suite(suite, tmp_path / name, roots={"photos": photos}, **options)  # type: ignore[arg-type]
        return tmp_path / name

    return start


def files_of(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name[0] != ".")
    named = {path.relative_to(folder).as_posix(): path for path in paths}
    return {name: path.read_bytes() for name, path in sorted(named.items()) if name not in NOT_COMPARED}


def assert_same(ours: Path, theirs: Path) -> None:
    mine, yours = files_of(ours), files_of(theirs)
    assert list(mine) == list(yours)
    assert [name for name in mine if mine[name] != yours[name]] == []


def shards(run: Callable[..., Path], of: int) -> list[Path]:
    return [run(f"shard{number}", shard=Shard(number, of)) for number in range(1, of + 1)]


def test_three_shards_merged_are_the_run_of_one_machine(run: Callable[..., Path], tmp_path: Path) -> None:
    whole, parts = run("whole"), shards(run, 3)
    result = merge_runs(tmp_path / "merged", [parts[1], parts[2], parts[0]])
    assert_same(tmp_path / "merged", whole)
    assert {failure.derainer for failure in result.failures} == {"mine"}
    assert (whole / "failures.csv").read_text().count("not this one") == len(result.failures) > 1
    assert len((whole / "per_image.csv").read_text().splitlines()) > 100
    assert verify_run(tmp_path / "merged") == []
    card = json.loads((tmp_path / "merged/card.json").read_text())
    assert [(shard["shard"], shard["images"]) for shard in card["shards"]] == [
        ("1/3", {"photos": 2, "streets": 3}),
        ("2/3", {"photos": 2, "streets": 3}),
        ("3/3", {"photos": 1, "streets": 2}),
    ]


def test_a_shard_is_a_run_of_its_images_and_can_be_foreseen(
    run: Callable[..., Path], suite: Suite, photos: Path, tmp_path: Path
) -> None:
    outlook = plan_run(open_suite(suite, {"photos": photos}), tmp_path / "part", Shard(2, 3))
    assert outlook.render.images == 5
    part = run("part", shard=Shard(2, 3))
    assert verify_run(part) == []
    assert len(list((part / "restored/streets/rain").iterdir())) == 3
    with pytest.raises(UserError, match=r"part: holds 2/3; give shard 1/3 a folder of its own"):
        run("part", shard=Shard(1, 3))


def test_shards_that_do_not_belong_together_are_refused(run: Callable[..., Path], tmp_path: Path) -> None:
    parts, whole = shards(run, 2), run("whole")
    faults: list[tuple[Sequence[Path], str]] = [
        ([], "no shards to merge"),
        (parts[:1], "missing: shard 2/2"),
        ([*parts, parts[0]], "shard1 and .*shard1 are both shard 1/2"),
        ([whole, *parts], "whole: holds a whole run"),
        ([parts[0], run("third", shard=Shard(3, 3))], "one of 2 shards, .*third one of 3"),
        ([parts[0], tmp_path], "no run here"),
    ]
    for given, message in faults:
        with pytest.raises(UserError, match=message):
            merge_runs(tmp_path / "merged", given)
    assert not (tmp_path / "merged").exists()
    with pytest.raises(UserError, match=r"whole: is not empty"):
        merge_runs(whole, parts)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"commit": "another"}, r"differ in commit: .*another"),
        ({"untrained": ["rain"]}, r"differ in untrained: \[\] and \['rain'\]"),
        ({"resamples": 7}, r"differ in resamples: 50 and 7"),
    ],
)
def test_what_differs_is_named(
    changes: dict[str, object], message: str, run: Callable[..., Path], tmp_path: Path
) -> None:
    parts = shards(run, 2)
    write_json(parts[1] / "card.json", {**json.loads((parts[1] / "card.json").read_text()), **changes})
    with pytest.raises(UserError, match=r"shard2: not as its run left it \(card.json: changed\)"):
        merge_runs(tmp_path / "merged", parts)
    write_digests(parts[1])
    with pytest.raises(UserError, match=message):
        merge_runs(tmp_path / "merged", parts)


FAILED = "dataset,derainer,task,image,stage,reason\n"
TIMED = "dataset,derainer,task,images,seconds_per_image\n"
FORGED: list[tuple[str, str | dict[str, object], str]] = [
    ("failures.csv", "", "damaged.*No columns to parse"),
    ("failures.csv", "dataset,derainer,task,image,reason\nstreets,rain,,a,why\n", "damaged.*stage"),
    ("failures.csv", FAILED + "streets,rain,,a,invented,why\n", "damaged.*stage"),
    ("failures.csv", FAILED + "streets,rain,,a,restore,why,more,and more\n", "damaged.*row 0: stage: "),
    ("failures.csv", FAILED + "elsewhere,rain,,a,restore,why\n", "damaged.*the shard has no elsewhere rain"),
    ("failures.csv", FAILED + "photos,prenet,,a,restore,why\n", "damaged.*the shard has no photos prenet"),
    ("timings.csv", "dataset,derainer,task,images\nstreets,rain,quality,2\n", "damaged.*seconds_per_image"),
    ("timings.csv", TIMED + "streets,rain,quality,1000000000000,0.1\n", "damaged.*more images of streets"),
    ("timings.csv", TIMED + "streets,rain,quality,2,nan\n", "damaged.*seconds_per_image"),
    ("timings.csv", TIMED + "streets,rain,detection,2,0.1\n", "damaged.*the shard has no streets rain detection"),
    ("card.json", {"order": {"derainers": ["rain"], "tasks": []}}, "damaged.*names other rows"),
    ("card.json", {"chosen": {}}, "damaged.*chosen: lacks a dataset"),
    ("card.json", {"schema_version": 1}, "a shard of schema 1"),
    ("data/streets/card.json", {"counts": {"rendered": "many"}}, "damaged.*the card of a dataset"),
    ("data/streets/rows/*.json", {"annotations": [{"iscrowd": 0}]}, "a shard's labels are damaged"),
]


def test_a_shards_tables_and_cards_are_not_believed(run: Callable[..., Path], suite: Suite, tmp_path: Path) -> None:
    part = run("shard1", override(suite, derainers=["rain", "clean"], count=2), shard=Shard(1, 1))
    card = json.loads((part / "card.json").read_text())
    write_json(part / "card.json", card | {"shard": {"number": 1, "of": 1}})
    for number, (name, forged, message) in enumerate(FORGED):
        path = next(part.glob(name))
        before = path.read_bytes()
        if isinstance(forged, str):
            path.write_text(forged)
        else:
            write_json(path, json.loads(before) | forged)
        write_digests(part)  # whoever forges a table can forge its digest
        with pytest.raises(UserError, match=rf"(?s){message}"):
            merge_runs(tmp_path / f"merged{number}", [part])
        path.write_bytes(before)
    write_digests(part)
    assert merge_runs(tmp_path / "merged", [part]).failures == []


def test_the_first_difference_is_named_by_its_place() -> None:
    ours = {"suite": {"count": 3, "tasks": {"quality": {}}}}
    assert first_difference("card", ours, ours) is None
    assert first_difference("card", ours, {"suite": {"count": 4}}) == ("card.suite.count", "3", "4")
    assert first_difference("card", ours, {"suite": {"count": 3}}) == (
        "card.suite.tasks", "{'quality': {}}", "None",
    )  # fmt: skip


@pytest.mark.parametrize("of", [1, 2, 3, 7, 12])
def test_shares_are_even_and_joined_again(of: int) -> None:
    ids = [f"image {number}" for number in range(10)]
    parts = [Shard(number, of).part(ids) for number in range(1, of + 1)]
    assert joined(parts) == ids
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_share_is_read_as_it_is_written() -> None:
    assert read_shard("2/3") == Shard(2, 3)
    assert str(read_shard("12/400")) == "12/400"
    for text in ("0/3", "4/3", "2", "2/", "a/b", "-1/3", "2/3/4", ""):
        with pytest.raises(UserError, match="expected NUMBER/OF such as 2/3"):
            read_shard(text)


@pytest.mark.slow
def test_four_workers_write_the_same_bytes(run: Callable[..., Path]) -> None:
    assert_same(run("four", workers=4), run("one"))


@pytest.mark.slow
def test_a_ray_cluster_that_loses_a_machine_writes_the_same_bytes(
    run: Callable[..., Path], suite: Suite, tmp_path: Path
) -> None:
    ray = pytest.importorskip("ray")
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    (tmp_path / "mine.py").write_text(MINE.format(seconds=0.3))
    streets = suite.datasets["streets"].model_copy(update={"count": 20})
    longer = suite.model_copy(update={"datasets": {**suite.datasets, "streets": streets}})
    begun = tmp_path / "begun.txt"
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    lost = cluster.add_node(num_cpus=1).all_processes["raylet"][0].process

    def kill_when_busy() -> None:
        seen: list[str] = []
        while len(seen) < 2:  # in the middle of a job: its second image has begun
            time.sleep(0.02)
            lines = begun.read_text().split() if begun.exists() else []
            seen = [line for line in lines if line.startswith(f"{lost.pid}:")]
        lost.kill()
        os.kill(int(seen[-1].partition(":")[2]), signal.SIGKILL)  # a machine takes its workers along

    killer = threading.Thread(target=kill_when_busy, daemon=True)
    killer.start()
    try:
        there = run("ray", longer, engine=RayCluster(tmp_path / "ray", cluster.address))
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert not killer.is_alive()
    assert lost.wait(10) == -signal.SIGKILL
    once = 25 + 1  # images of both datasets, and one on which the derainer is tried before any rain
    assert len(begun.read_text().split()) > once, "no image was begun again: the machine was lost between two jobs"
    begun.unlink()
    assert_same(there, run("one", longer))
    assert {line.partition(":")[0] for line in begun.read_text().split()} == {"here"}
    assert len(begun.read_text().split()) == once
