"""Where derainers of finished runs can be compared, and which runs are of one place."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench.errors import UserError
from bench.tables.places import finished_run, first_of, places_of, rows_of
from tests.bench.ranked_runs import SCORES, write_ranked_run


def test_a_place_knows_its_photographs_and_rain(tmp_path: Path) -> None:
    ((place,),) = places_of([finished_run(write_ranked_run(tmp_path, rain="bars", folder="data/camvid"))])
    assert (place.photographs, place.rain, place.metric, place.model) == ("camvid", "bars", "AP", "net")


def test_runs_that_can_be_compared_share_a_place(tmp_path: Path) -> None:
    first = finished_run(write_ranked_run(tmp_path / "first"))
    second = finished_run(write_ranked_run(tmp_path / "second", {"best": SCORES["best"], "new": (38.0, 0.04)}))
    (places,) = places_of([first, second])
    assert [place.run for place in places] == [first, second]
    counts = first_of(places)
    assert counts["best"].run is first
    assert counts["new"].run is second


@pytest.mark.parametrize("other", [{"rain": "bars"}, {"judge": "g"}, {"precision": "bf16"}])
def test_runs_that_differ_stand_apart(other: dict[str, str], tmp_path: Path) -> None:
    one, two = finished_run(write_ranked_run(tmp_path / "1")), finished_run(write_ranked_run(tmp_path / "2", **other))
    assert [[place.run for place in places] for places in places_of([one, two])] == [[one], [two]]


def test_numbers_without_a_protocol_hash_stand_apart(tmp_path: Path) -> None:
    run = finished_run(write_ranked_run(tmp_path))
    old = replace(run, records=[replace(one, protocol_hash="") for one in run.records])
    assert len(places_of([old, old])) == 2


def test_random_weights_hide_no_later_run(tmp_path: Path) -> None:
    first, second = (finished_run(write_ranked_run(tmp_path / name)) for name in ("first", "second"))
    random = [replace(one, untrained=one.derainer == "best") for one in first.records]
    (places,) = places_of([replace(first, records=random), second])
    assert first_of(places)["best"].run is second


def test_a_row_without_weights_has_the_same_score_in_all_runs(tmp_path: Path) -> None:
    first = finished_run(write_ranked_run(tmp_path / "first"))
    other = {"best": (24.0, 0.1)}
    with pytest.raises(
        UserError, match=r"best has AP 24\.00 on photos in \S+second, 36\.00 in \S+first, and no weights"
    ):
        places_of([first, finished_run(write_ranked_run(tmp_path / "second", other))])
    known = {"best": {"net.pth": "0" * 64}}
    runs = [finished_run(write_ranked_run(tmp_path / f"{one}", weights=known)) for one in (1, 2)]
    assert len(places_of(runs)) == 1


def test_a_name_stands_for_the_same_weights_in_all_runs(tmp_path: Path) -> None:
    one = finished_run(write_ranked_run(tmp_path / "one", weights={"best": {"net.pth": "0" * 64}}))
    more = {**SCORES, "new": (22.0, 0.1)}
    two = finished_run(write_ranked_run(tmp_path / "two", more, weights={"best": {"net.pth": "0" * 64}}))
    assert rows_of([one, two]) == ["best", "near", "far", "new"]
    other = finished_run(write_ranked_run(tmp_path / "other", weights={"best": {"net.pth": "1" * 64}}))
    with pytest.raises(UserError, match=r"best has other weights in \S+other than in \S+one; run one of them again"):
        rows_of([one, other])
    harm = finished_run(write_ranked_run(tmp_path / "harm", {"clean+best": (39.0, 0.1)}, weights=other.card.weights))
    with pytest.raises(UserError, match=r"clean\+best has other weights in \S+harm than in \S+one"):
        rows_of([one, harm])


@pytest.mark.parametrize("part", ["datasets", "tasks"])
def test_records_and_card_are_of_one_run(part: str, tmp_path: Path) -> None:
    root = write_ranked_run(tmp_path)
    card = json.loads((root / "card.json").read_text())
    (root / "card.json").write_text(json.dumps({**card, part: {}, "order": None}))
    with pytest.raises(
        UserError, match=r"on 'photos', of which card\.json says nothing; expected both files of one run"
    ):
        finished_run(root)
