from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import UserError
from bench.suites.suite import DatasetConfig, Suite, load_suite, override, parse_suite, resolve_roots, suite_names

GOOD = """
title = "Test"
derainers = ["rain", "clean"]
[datasets.d]
source = "folder"
root = "photos"
rain = "coco350_y"
count = 3
[datasets.d.parameters]
images = "val"
ignore = ["void", 7]
[datasets.e]
source = "pairs"
tasks = ["quality"]
[tasks.quality]
[tasks.semantic]
model = "smp:net"
"""


@pytest.fixture
def suite() -> Suite:
    return parse_suite(GOOD, "mine", "mine.toml")


@pytest.mark.parametrize("name", suite_names())
def test_every_built_in_suite_parses_and_names_only_what_there_is(name: str) -> None:
    from derainers import DERAINERS
    from synth import RAINS
    from synth.rain.presets import preset_names
    from tasks import TASKS

    suite = load_suite(name)
    assert suite.name == name
    assert suite.title
    for derainer in suite.derainers:
        DERAINERS.find(derainer.removeprefix("clean+"))
    for task in suite.tasks:
        TASKS.find(task)
    for dataset in suite.datasets.values():
        assert dataset.rain in ("", "real", *preset_names(), *RAINS.entries())


@pytest.mark.parametrize("rain", ["bars", "imgaug"])
def test_further_rains_fall_on_the_photographs_of_the_first_ranking(rain: str) -> None:
    first, further = load_suite("photographs"), load_suite(f"photographs-{rain}")
    assert (further.derainers, further.tasks) == (first.derainers, first.tasks)
    assert further.datasets == {
        name: dataset.model_copy(update={"rain": rain}) for name, dataset in first.datasets.items()
    }


def test_the_default_suite_is_there() -> None:
    assert {"streets", "coco350", "camvid"} <= set(suite_names())


def test_a_suite_is_what_its_text_says(suite: Suite) -> None:
    assert suite.name == "mine"
    assert suite.derainers == ("rain", "clean")
    assert suite.datasets["d"].parameters == {"images": "val", "ignore": ("void", 7)}
    assert suite.datasets["d"].tasks is None
    assert suite.datasets["e"] == DatasetConfig(source="pairs", tasks=("quality",))
    assert suite.tasks == {"quality": {}, "semantic": {"model": "smp:net"}}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("count = 3", "cuont = 3", r"datasets\.d\.cuont: unknown name"),
        ("count = 3", "count = -1", r"datasets\.d\.count: .*greater than or equal"),
        ("count = 3", 'count = "many"', r"datasets\.d\.count: .*valid integer"),
        ("count = 3", 'size = "640"', r"datasets\.d\.size: .*pattern"),
        ("count = 3", "severity = 0", r"datasets\.d\.severity: .*greater than 0"),
        ("count = 3", "severity = 11", r"datasets\.d\.severity: .*less than or equal to 10"),
        ('source = "folder"', "", r"datasets\.d\.source: Field required"),
        ('source = "folder"', 'source = "../up"', r"datasets\.d\.source: .*pattern"),
        ('derainers = ["rain", "clean"]', "derainers = []", r"derainers: .*at least 1 item"),
        ('derainers = ["rain", "clean"]', 'derainers = "rain"', r"derainers: .*valid tuple"),
        ('derainers = ["rain", "clean"]', "", r"derainers: Field required"),
        ("[tasks.semantic]", "[tasks.semantic.deep]", r"tasks\.semantic\.deep"),
        ("[datasets.e]", '[datasets."a/b"]', r"datasets\.a/b"),
        ('title = "Test"', "titel = 1", r"titel: unknown name. Did you mean title"),
        ('["quality"]', '["quality", "detection"]', r"datasets\.e\.tasks names 'detection', which \[tasks\]"),
        ("count = 3", "count = ", r"not valid TOML: Invalid value \(at line 8"),
    ],
)
def test_every_fault_names_file_and_key(old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(UserError, match=rf"^folder/mine\.toml: .*{message}") as caught:
        parse_suite(GOOD.replace(old, new, 1), "mine", "folder/mine.toml")
    assert "\n" not in str(caught.value)


def test_a_suite_without_datasets_or_tasks_is_refused() -> None:
    for text in ('derainers = ["rain"]\n[tasks.quality]\n', 'derainers = ["rain"]\n[datasets.d]\nsource = "folder"\n'):
        with pytest.raises(UserError, match=r"mine\.toml: (datasets|tasks): Field required"):
            parse_suite(text, "mine", "mine.toml")


def test_a_file_is_loaded_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(GOOD)
    assert load_suite(str(tmp_path / "own.toml")).name == "own"
    (tmp_path / "latin.toml").write_bytes('title = "Stra\xdfe"'.encode("latin-1"))
    with pytest.raises(UserError, match=r"latin\.toml: not valid TOML: it is not UTF-8"):
        load_suite(str(tmp_path / "latin.toml"))
    with pytest.raises(UserError, match=r"absent\.toml: no such file"):
        load_suite(str(tmp_path / "absent.toml"))


def test_an_unknown_suite_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"unknown suite 'coco305'\. Did you mean coco350"):
        load_suite("coco305")
    with pytest.raises(UserError, match=r"Known: .*streets.* A file of your own ends in \.toml"):
        load_suite("#")


def test_nothing_given_changes_nothing(suite: Suite) -> None:
    assert override(suite) == suite


def test_the_command_line_goes_before_the_file(suite: Suite) -> None:
    changed = override(
        suite, derainers=["prenet"], tasks=["semantic"], models={"semantic": "smp:other"}, count=9, size="640x480"
    )
    assert changed.derainers == ("prenet",)
    assert changed.tasks == {"semantic": {"model": "smp:other"}}
    assert [(d.count, d.size, d.tasks) for d in changed.datasets.values()] == [(9, "640x480", None)] * 2
    assert changed.datasets["d"].parameters == suite.datasets["d"].parameters
    assert suite.tasks["semantic"] == {"model": "smp:net"}, "the suite itself stays as it is"


def test_a_task_that_the_suite_lacks_gets_its_defaults(suite: Suite) -> None:
    assert override(suite, tasks=["quality", "detection"]).tasks == {"quality": {}, "detection": {}}


def test_changes_that_fit_nothing_are_refused(suite: Suite) -> None:
    with pytest.raises(UserError, match=r"--model detection=u:x: task 'detection' is not part of this run"):
        override(suite, models={"detection": "u:x"})
    for size in ("640", "0x480", "640X480", "any ", "640x480x3"):
        with pytest.raises(UserError, match=rf"--size {size}: expected WIDTHxHEIGHT"):
            override(suite, size=size)


def test_a_root_comes_from_the_command_line_or_is_a_folder_named_in_the_suite(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "given").mkdir()
    assert resolve_roots(suite, {"photos": tmp_path / "given"}) == {"d": tmp_path / "given", "e": None}
    monkeypatch.chdir(tmp_path)
    assert resolve_roots(suite, {})["d"] == tmp_path / "photos"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve_roots(suite, {"photos": Path("~/given")})["d"] == tmp_path / "given"


def test_a_root_that_is_missing_or_fits_nothing_is_said_so(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"dataset d: its folder is not known\. .*--data photos=DIR"):
        resolve_roots(suite, {})
    with pytest.raises(UserError, match=r"dataset d: .*absent is no folder"):
        resolve_roots(suite, {"photos": tmp_path / "absent"})
    with pytest.raises(UserError, match=r"suite mine has no dataset that reads 'coco'; its folders: photos"):
        resolve_roots(suite, {"coco": tmp_path})
    with pytest.raises(UserError, match=r"dataset coco350: .*--coco DIR"):
        resolve_roots(load_suite("coco350"), {})


TWO_WEATHERS = """
derainers = ["rain", "classical"]
[datasets.wet]
source = "coco"
rain = "real"
reference = "dry"
[datasets.dry]
source = "coco"
rain = "real"
[tasks.detection]
[tasks.semantic]
"""


def test_a_reference_is_another_dataset_as_it_was_photographed() -> None:
    suite = parse_suite(TWO_WEATHERS, "two", "two.toml")
    assert suite.datasets["wet"].reference == "dry"
    assert not suite.datasets["wet"].is_drawn
    assert load_suite("coco350").datasets["coco350"].is_drawn


DRY = '[datasets.dry]\nsource = "coco"\nrain = '


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('e = "dry"', 'e = "sun"', r"wet.reference: expected another dataset of this suite \(dry\), got 'sun'"),
        ('e = "dry"', 'e = "wet"', r"wet.reference: expected another dataset of this suite \(dry\), got 'wet'"),
        (f'{DRY}"real"', f'{DRY}"coco350_y"', "wet.reference: dry does not show its photographs as they are"),
        ("[tasks.d", 'tasks = ["semantic"]\n[tasks.d', "wet.reference: dry is not asked task 'detection'; add it"),
        ('reference = "dry"', "severity = 2", "wet: .*draws no rain; leave severity and rain_parameters out"),
    ],
)
def test_a_wrong_reference_or_strength_of_real_rain_is_told(old: str, new: str, fault: str) -> None:
    with pytest.raises(UserError, match=rf"two\.toml: datasets\.{fault}"):
        parse_suite(TWO_WEATHERS.replace(old, new, 1), "two", "two.toml")
