from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.errors import UserError
from bench.registry import Entry, Registry

GROUP = "derainbench.tests"
REGISTRY: Registry[object] = Registry("thing", {"alpha": "json:loads", "alphabet": "json:dumps"}, GROUP)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Make an installed distribution with one entry point; the real importlib.metadata finds it."""

    def make(name: str, target: str, distribution: str = "plugin-of-tests") -> Path:
        site = tmp_path / distribution
        info = site / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {target}\n")
        monkeypatch.syspath_prepend(str(site))
        return site

    return make


def test_importing_the_rooms_imports_nothing_heavy_and_no_factory() -> None:
    code = (
        "import sys, derainers, synth, tasks\n"
        "for registry in (derainers.DERAINERS, synth.SOURCES, synth.RAINS, tasks.TASKS):\n"
        "    for name, entry in registry.entries().items():\n"
        "        registry.find(name); entry.code_version()\n"
        "heavy = {'torch', 'torchvision', 'ultralytics', 'cv2', 'scipy', 'skimage', 'pandas', 'pycocotools'}\n"
        "print(sorted(heavy & sys.modules.keys()), 'derainers.networks.prenet.prenet' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] False"


def test_a_target_with_an_argument_gives_the_factory_its_first() -> None:
    entry = Entry("seven", "operator:mul(7)")
    assert Registry("thing", {}).load(entry)(2) == "77"
    assert entry.code_version() == Entry("eight", "operator:mul(8)").code_version()
    with pytest.raises(UserError, match="operator has no 'multiply'"):
        Entry("seven", "operator:multiply(7)").load()


def test_a_plug_in_is_imported_only_when_it_is_loaded(install, monkeypatch: pytest.MonkeyPatch) -> None:
    site = install("gamma", "lazy_plugin_of_tests:build")
    (site / "lazy_plugin_of_tests.py").write_text("def build():\n    return 'built'\n")
    entry = REGISTRY.find("gamma")
    assert (entry.origin, entry.distribution) == ("plug-in", "plugin-of-tests")
    assert len(entry.code_version()) == 32
    assert "lazy_plugin_of_tests" not in sys.modules
    assert REGISTRY.load(entry)() == "built"
    monkeypatch.delitem(sys.modules, "lazy_plugin_of_tests")


def test_a_plug_in_cannot_take_a_built_in_name(install) -> None:
    install("alpha", "json:loads")
    with pytest.raises(UserError, match=r"thing 'alpha' of plugin-of-tests is already taken by built-in"):
        REGISTRY.entries()


def test_two_plug_ins_cannot_share_a_name(install) -> None:
    install("gamma", "json:loads", "first-of-tests")
    install("gamma", "json:dumps", "second-of-tests")
    with pytest.raises(UserError, match=r"(first|second)-of-tests is already taken by (first|second)-of-tests"):
        REGISTRY.find("alpha")


def test_an_unknown_name_is_answered_with_the_nearest_or_with_all() -> None:
    with pytest.raises(UserError, match=r"unknown thing 'alpah'. Did you mean alpha or alphabet\?"):
        REGISTRY.find("alpah")
    with pytest.raises(UserError, match=r"unknown thing 'zzz'. Known: alpha, alphabet"):
        REGISTRY.find("zzz")
    with pytest.raises(UserError, match=r"Of a file, name the function, too: mine\.py:build"):
        REGISTRY.find("mine.py")


def test_a_file_is_a_row_called_by_its_stem_or_by_a_given_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("def build(options):\n    return options\n")
    entry = REGISTRY.find(f"{path}:build")
    assert (entry.name, entry.target, entry.origin) == ("mine", f"{path}:build", "file")
    assert REGISTRY.find(f"other+1={path}:build").name == "other+1"
    assert REGISTRY.load(entry)(7) == 7


def test_a_relative_file_stays_found_from_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.py").write_text("def build():\n    return 1\n")
    monkeypatch.chdir(tmp_path)
    entry = REGISTRY.find("mine.py:build")
    monkeypatch.chdir("/")
    assert REGISTRY.load(entry)() == 1


def test_a_file_cannot_take_a_known_name_and_the_advice_works(tmp_path: Path) -> None:
    path = tmp_path / "alpha.py"
    path.write_text("def build():\n    return 1\n")
    for spec in (f"{path}:build", f"alpha={path}:build"):
        with pytest.raises(UserError, match="'alpha' exists already") as caught:
            REGISTRY.find(spec)
        advice = str(caught.value).rpartition(": ")[2]
        assert REGISTRY.find(advice).name == "my-alpha"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def other(): ...\n", r"mine: .*mine\.py has no 'build'; expected a function of that name"),
        ("import a_module_that_is_not_there\n", r"cannot import .*mine\.py \(ModuleNotFoundError"),
        ("def build(:\n", r"cannot import .*mine\.py \(SyntaxError"),
        ("import json\njson.nothing_of_that_name\n", r"cannot import .*AttributeError.*nothing_of_that_name"),
        ("import sys\nsys.exit(3)\n", r"cannot import .*mine\.py \(SystemExit: 3\)"),
        ("build = 5\n", r"mine\.py:build is not callable"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_fault(source: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(source)
    with pytest.raises(UserError, match=message):
        REGISTRY.load(REGISTRY.find(f"{tmp_path / 'mine.py'}:build"))


def test_no_such_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no such file .*absent\.py"):
        REGISTRY.find(f"{tmp_path / 'absent.py'}:build")


def test_a_module_that_cannot_be_found_is_said_so() -> None:
    entry = Entry("gone", "a_module_that_is_not_there:build", "some-plugin")
    with pytest.raises(UserError, match="gone: cannot import a_module_that_is_not_there"):
        entry.load()
    with pytest.raises(UserError, match="gone: module a_module_that_is_not_there cannot be found"):
        entry.code_version()
    inside = Entry("gone", "a_package_that_is_not_there.module:build", "some-plugin")
    with pytest.raises(UserError, match=r"gone: cannot import what a_package_that_is_not_there\.module is in \(Module"):
        inside.code_version()


def test_a_file_is_loaded_as_it_is_now_and_its_folder_stays_clean(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("def build():\n    return 1\n")
    entry = REGISTRY.find(f"{path}:build")
    assert REGISTRY.load(entry)() == 1
    before = entry.code_version()
    path.write_text("# why\ndef build():\n    return (1)\n")
    assert entry.code_version() == before
    path.write_text("def build():\n    return 2\n")  # the same second, the same size
    assert REGISTRY.load(entry)() == 2
    assert entry.code_version() != before
    assert [item.name for item in tmp_path.iterdir()] == ["mine.py"]


def test_two_files_of_one_name_do_not_meet(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "mine.py").write_text(f"def build():\n    return {number}\n")
    entries = [REGISTRY.find(f"m{number}={tmp_path / str(number) / 'mine.py'}:build") for number in (1, 2)]
    assert [REGISTRY.load(entry)() for entry in entries] == [1, 2]


def test_what_is_known_by_name_only_is_never_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("raise SystemExit('it was run')")
    with pytest.raises(
        UserError, match=r"is known by name only: let an installed package bring it \(derainbench.tests"
    ):
        REGISTRY.named(f"{tmp_path / 'mine.py'}:build")
    assert REGISTRY.named("alpha").target == "json:loads"
