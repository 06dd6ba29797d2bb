"""Everything that a suite lacks is said at once, before any work; what is here can be run alone."""

import pytest
from typer.testing import CliRunner

from bench.api.run import open_suite, run_suite
from bench.cli import app, main
from bench.contract import Options
from bench.errors import UserError
from bench.suites.suite import load_suite, missing_roots, parse_suite

SUITE = """
derainers = ["rain", "classical", "mspfn", "mspfn-m6n3", "clean"]
[datasets.streets]
source = "streets"
rain = "streets_y"
count = 1
[datasets.pairs]
source = "pairs"
root = "my-pairs"
[tasks.quality]
"""


@pytest.fixture(autouse=True)
def no_weights(monkeypatch, tmp_path):
    monkeypatch.setattr("bench.io.weights.cache_dir", lambda: tmp_path / "no-cache")
    monkeypatch.delenv("DERAINBENCH_WEIGHTS", raising=False)


@pytest.fixture
def suite():
    return parse_suite(SUITE, "mine", "mine.toml")


def test_all_that_is_missing_is_listed_before_any_work(suite, tmp_path):
    with pytest.raises(UserError) as raised:
        run_suite(suite, tmp_path / "run")
    first, *lines, last = str(raised.value).splitlines()
    assert first == "3 things are missing:"
    assert [line.split(":")[0] for line in lines] == ["- dataset pairs", "- row mspfn", "- row mspfn-m6n3"]
    assert "--data my-pairs=DIR" in lines[0]
    assert "derainbench weights import mspfn" in lines[1]
    assert "derainbench train mspfn-m6n3" in lines[2]
    assert "--available" in last
    assert not (tmp_path / "run").exists()


def test_one_missing_thing_is_one_line(suite, tmp_path):
    alone = suite.model_copy(update={"derainers": ("rain", "mspfn"), "datasets": {"s": suite.datasets["streets"]}})
    with pytest.raises(UserError, match=r"^row mspfn: the weights of mspfn are not here\. [^\n]+$"):
        run_suite(alone, tmp_path / "run")


def test_what_is_here_can_be_run_alone(suite):
    opened = open_suite(suite)
    missing = opened.missing()
    part = opened.without(missing)
    assert part.suite.derainers == ("rain", "classical", "clean")
    assert [row.name for row in part.rows] == ["rain", "classical", "clean"]
    assert list(part.suite.datasets) == ["streets"]
    assert (list(missing.derainers), list(missing.datasets)) == (["mspfn", "mspfn-m6n3"], ["pairs"])
    assert not open_suite(suite, options=Options(allow_random_weights=True)).missing().derainers


def test_controls_alone_are_no_benchmark(suite):
    bare = suite.model_copy(update={"derainers": ("rain", "mspfn", "clean")})
    opened = open_suite(bare)
    with pytest.raises(UserError, match="2 things are missing"):
        opened.without(opened.missing())


def test_the_command_says_what_it_leaves_out(tmp_path, monkeypatch, capsys):
    (tmp_path / "mine.toml").write_text(SUITE)
    ran = CliRunner().invoke(app, ["run", str(tmp_path / "mine.toml"), "--available", "--dry-run"])
    assert ran.exit_code == 0
    assert ran.stderr.count("left out: ") == 3
    assert "derain: 0 images to do" in ran.stdout
    monkeypatch.setattr("sys.argv", ["derainbench", "run", str(tmp_path / "mine.toml"), "--also", "semi"])
    monkeypatch.setenv("DERAINBENCH_OFFLINE", "1")
    with pytest.raises(SystemExit):
        main()
    assert "row semi: " in capsys.readouterr().err


def test_table_6_is_the_three_suites_in_one():
    table6 = load_suite("table6")
    assert table6.derainers == ("rain", "rescan", "prenet", "mspfn-light", "mspfn", "clean")
    for name in ("coco350", "bdd350", "bdd150"):
        alone = load_suite(name)
        tasks = tuple(alone.tasks)
        assert table6.datasets[name] == alone.datasets[name].model_copy(update={"tasks": tasks})
        assert {task: table6.tasks[task] for task in tasks} == alone.tasks


def test_the_papers_test_sets_are_asked_for_by_name():
    assert set(missing_roots(load_suite("table4"), {})) == {"rain100h", "rain100l", "test100", "test1200", "test2800"}
    assert set(missing_roots(load_suite("table5"), {})) == {"real200", "rid", "ris"}
    assert "clean" not in load_suite("table5").derainers
