"""Command ``ranking``: what it writes and what it says."""

from __future__ import annotations

import pytest

from tests.bench.cli_call import Call
from tests.bench.ranked_runs import write_ranked_run


def test_the_ranking_goes_into_the_page(call: Call, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("ranked")
    run, page = write_ranked_run(folder / "run"), folder / "page.md"
    page.write_text("<!-- ranking -->\n<!-- end of ranking -->\n")
    done = call("ranking", run, "--into", page)
    assert done.status == 0, done.error
    assert done.out == f"Ranking: {page}\n"
    assert '<th scope="row">best</th>' in page.read_text()


def test_what_a_row_was_trained_on_is_told_by_an_option(call: Call, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("ranked")
    run = write_ranked_run(folder / "run")
    done = call("ranking", run, "--trained-on", "far=my own pairs", "--into", folder / "page.md")
    assert done.status == 0, done.error
    assert "my own pairs (told for this page)" in (folder / "page.md").read_text()
    done = call("ranking", run, "--trained-on", "far", "--into", folder / "page.md")
    assert "--trained-on far: expected ROW=WORDS" in done.error


def test_a_folder_without_a_run_is_refused(call: Call, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("ranked")
    (folder / "page.md").write_text("<!-- ranking -->\n<!-- end of ranking -->\n")
    done = call("ranking", folder, "--into", folder / "page.md")
    assert done.status == 2
    assert "no run here" in done.error
