"""The ranking of finished runs: what their weights were trained on, and the page in which it stands."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from bench.api.ranking import origin_of, write_ranking
from bench.api.run import run_suite
from bench.errors import UserError
from bench.runs.card import read_card
from bench.suites.suite import load_suite, override
from bench.tables.places import finished_run
from derainers.weights import weights_of
from tests.bench.ranked_runs import write_ranked_run

PAGE = "# Mine\n\n<!-- ranking -->\nold\n<!-- end of ranking -->\n\nMore.\n"
SHIPPED = weights_of("prenet-small")[0]


def test_published_weights_are_found_by_their_digest(tmp_path: Path) -> None:
    (published,) = weights_of("prenet-rain100h")
    root = write_ranked_run(tmp_path, weights={"near": {"other.pth": published.sha256}, "far": {"x": "0" * 64}})
    run = finished_run(root)
    assert origin_of("near", [run]).words == "Rain100H"
    assert not origin_of("far", [run]).stated


def test_shipped_weights_tell_what_they_saw(tmp_path: Path) -> None:
    root = write_ranked_run(tmp_path, weights={"best": {SHIPPED.file: SHIPPED.sha256}})
    origin = origin_of("best", [finished_run(root)])
    assert origin.words == SHIPPED.trained_on
    assert origin.stated
    assert origin.trained
    assert origin.trained.saw("camvid")


def test_what_needs_no_weights_saw_nothing(tmp_path: Path) -> None:
    run = finished_run(write_ranked_run(tmp_path, {"classical": (30.0, 0.1)}))
    assert origin_of("classical", [run]).stated


def test_the_card_of_a_run_has_what_a_users_weights_were_trained_on(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    assert SHIPPED.shipped
    for suffix in (".safetensors", ".json"):
        shutil.copyfile(SHIPPED.shipped.with_suffix(suffix), tmp_path / f"mine{suffix}")
    watched = json.loads((tmp_path / "mine.json").read_text()) | {"watch": {"set": "coco350", "photographs": ["a"]}}
    (tmp_path / "mine.json").write_text(json.dumps(watched))
    rows = [f"trained:{tmp_path / 'mine.safetensors'}", "clean+mine", "classical"]
    run_suite(override(load_suite("streets"), count=1, derainers=rows, tasks=["quality"]), tmp_path / "run")
    trained = read_card(tmp_path / "run").trained
    assert trained
    assert list(trained) == ["clean+mine", "mine"]
    assert trained["mine"].saw("camvid")
    assert trained["mine"].network == "prenet-small"
    assert origin_of("mine", [finished_run(tmp_path / "run")]).words == (
        "rain drawn on bsds/train, camvid/train; watched meanwhile on 1 photographs of coco350"
    )


def test_the_ranking_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    run, page = write_ranked_run(tmp_path / "run"), tmp_path / "page.md"
    page.write_text(PAGE)
    write_ranking([run], page)
    text = page.read_text()
    assert text.startswith("# Mine\n\n<!-- ranking -->\n<div")
    assert text.endswith("```\n<!-- end of ranking -->\n\nMore.\n")
    assert "old" not in text.split()
    write_ranking([run], page)
    assert page.read_text() == text


@pytest.mark.parametrize("text", ["# Mine\n", "<!-- ranking -->\n", "<!-- end of ranking -->\n<!-- ranking -->\n"])
def test_a_page_without_a_place_for_it_is_left_alone(text: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(UserError, match="needs the lines '<!-- ranking -->' and '<!-- end of ranking -->'"):
        write_ranking([write_ranked_run(tmp_path / "run")], page)
    assert page.read_text() == text


def test_a_page_that_is_not_there_is_made(tmp_path: Path) -> None:
    run, page = write_ranked_run(tmp_path / "run"), tmp_path / "page.md"
    write_ranking([run], page)
    text = page.read_text()
    assert text.startswith("# The ranking\n\n<!-- ranking -->\n<div")
    write_ranking([run], page)
    assert page.read_text() == text


def test_what_unknown_weights_were_trained_on_can_be_told(tmp_path: Path) -> None:
    (published,) = weights_of("prenet-rain100h")
    run = write_ranked_run(tmp_path / "run", weights={"near": {"other.pth": published.sha256}, "best": {"x": "0" * 64}})
    page = tmp_path / "page.md"
    write_ranking([run], page)
    assert "<b>80 % [70, 90]</b>" not in unlinked(page)
    write_ranking([run], page, {"best": "Rain13K"})
    assert "<b>80 % [70, 90]</b>" in unlinked(page)
    assert "Rain13K (told for this page)" in page.read_text()
    assert "--trained-on best=Rain13K --into" in page.read_text()
    with pytest.raises(UserError, match=r"'bset' was trained on was told, but it is in no run\. Did you mean best"):
        write_ranking([run], page, {"bset": "Rain13K"})
    with pytest.raises(UserError, match="what best was trained on was told in no words"):
        write_ranking([run], page, {"best": " "})
    with pytest.raises(UserError, match="what near was trained on is known: Rain100H; do not tell it"):
        write_ranking([run], page, {"near": "Rain13K"})


def unlinked(page: Path) -> str:
    return re.sub(r"</?a[^>]*>", "", page.read_text())


def test_a_page_may_end_with_the_ranking(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- ranking -->\n<!-- end of ranking -->")
    write_ranking([write_ranked_run(tmp_path / "run")], page)
    assert page.read_text().endswith("```\n<!-- end of ranking -->")


def test_a_run_stands_once(tmp_path: Path) -> None:
    run, page = write_ranked_run(tmp_path / "run"), tmp_path / "page.md"
    page.write_text(PAGE)
    with pytest.raises(UserError, match="given twice"):
        write_ranking([run, tmp_path / "there" / ".." / "run"], page)
    assert page.read_text() == PAGE
