"""Who is ranked and who leads: recoveries and intervals that can be checked by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from bench.errors import UserError
from bench.io.training.origin import TrainedOn
from bench.runs.records import long, read_records, write_frame
from bench.tables.standings import Origin, Standing, finished_run, places_of, rows_of, standings
from tests.bench.ranked_runs import SCORES, write_ranked_run

TOLD = Origin("photographs of its own", TrainedOn("net", ("own/train",), ("bdd350_y",), whole=True))


def stand(root: Path, **origins: Origin) -> dict[str, Standing]:
    (place,) = places_of([finished_run(root)])
    return standings(place, {"best": TOLD, "near": TOLD, "far": TOLD, **origins})


def leaders(found: dict[str, Standing]) -> list[str]:
    return [row for row, one in found.items() if one.leads]


def test_whose_interval_overlaps_that_of_the_best_leads_with_it(tmp_path: Path) -> None:
    found = stand(write_ranked_run(tmp_path))
    assert list(found) == ["best", "near", "far"]
    assert leaders(found) == ["best", "near"]
    assert found["far"].ranked


def test_harm_is_the_score_on_clean_images_less_theirs(tmp_path: Path) -> None:
    found = stand(write_ranked_run(tmp_path))
    assert found["best"].change == pytest.approx(39.0 - 40.0)
    assert found["best"].on_clean.recovery == pytest.approx(0.95)
    assert math.isnan(found["near"].change)


def test_who_saw_the_photographs_is_not_ranked_on_them(tmp_path: Path) -> None:
    saw = Origin("COCO", TrainedOn("net", ("coco/val2017",), ("coco350_y",), whole=True))
    found = stand(write_ranked_run(tmp_path), best=saw)
    assert found["best"].saw_photographs
    assert found["best"].knows_rain
    assert leaders(found) == ["near"]


def test_who_knows_the_rain_is_ranked(tmp_path: Path) -> None:
    knows = Origin("photographs", TrainedOn("net", ("own/train",), ("coco350_y",), whole=True))
    found = stand(write_ranked_run(tmp_path), best=knows)
    assert found["best"].knows_rain
    assert leaders(found) == ["best", "near"]


def test_who_was_led_by_the_judge_is_not_ranked_by_it(tmp_path: Path) -> None:
    root = write_ranked_run(tmp_path, judge='{"weights": "' + "ab" * 32 + '"}')
    led = TrainedOn("net", ("own/train",), (), whole=True, guides=("ab" * 32,))
    found = stand(root, best=Origin("photographs", led))
    assert found["best"].knows_judge
    assert leaders(found) == ["near"]
    other = replace(led, guides=("cd" * 32,))
    assert leaders(stand(root, best=Origin("photographs", other))) == ["best", "near"]


@pytest.mark.parametrize("origin", [Origin(), Origin("photographs", TrainedOn("net", ("own",), (), whole=False))])
def test_who_does_not_say_what_it_saw_is_not_ranked(origin: Origin, tmp_path: Path) -> None:
    assert leaders(stand(write_ranked_run(tmp_path), best=origin)) == ["near"]


def test_published_weights_are_ranked_by_what_their_table_says(tmp_path: Path) -> None:
    assert leaders(stand(write_ranked_run(tmp_path), best=Origin("Rain100H"))) == ["best", "near"]


def test_a_number_on_fewer_images_is_not_ranked(tmp_path: Path) -> None:
    root = write_ranked_run(tmp_path)
    fewer = [replace(one, images=11) if one.derainer == "best" else one for one in read_records(root)]
    write_frame(root / "records.csv", long(fewer))
    found = stand(root)
    assert found["best"].partial
    assert leaders(found) == ["near"]


def test_rows_without_intervals_are_not_ranked(tmp_path: Path) -> None:
    root = write_ranked_run(tmp_path)
    (root / "intervals.csv").unlink()
    assert leaders(stand(root)) == []


def test_a_place_knows_its_photographs_and_rain(tmp_path: Path) -> None:
    (place,) = places_of([finished_run(write_ranked_run(tmp_path, rain="bars", folder="data/camvid"))])
    assert (place.photographs, place.rain, place.metric, place.model) == ("camvid", "bars", "AP", "net")


def test_runs_that_can_be_compared_share_a_place(tmp_path: Path) -> None:
    first = finished_run(write_ranked_run(tmp_path / "first"))
    second = finished_run(write_ranked_run(tmp_path / "second", {"best": (24.0, 0.1), "new": (38.0, 0.04)}))
    (place,) = places_of([first, second])
    assert place.run is first
    assert {row: run.root.name for row, run in place.runs.items() if row in ("best", "new")} == {
        "best": "first", "new": "second",
    }  # fmt: skip
    found = standings(place, {"best": TOLD, "near": TOLD, "far": TOLD, "new": TOLD})
    assert found["best"].estimate.recovery == pytest.approx(0.8)
    assert leaders(found) == ["best", "new"]
    fewer = replace(second, records=[replace(one, images=11) for one in second.records])
    (place,) = places_of([first, fewer])
    assert standings(place, {"new": TOLD})["new"].partial


@pytest.mark.parametrize("other", [{"rain": "bars"}, {"judge": "g"}, {"precision": "bf16"}])
def test_runs_that_differ_stand_apart(other: dict[str, str], tmp_path: Path) -> None:
    runs = [finished_run(write_ranked_run(tmp_path / name, **more)) for name, more in (("one", {}), ("two", other))]
    assert [place.run for place in places_of(runs)] == runs


def test_numbers_without_a_protocol_hash_stand_apart(tmp_path: Path) -> None:
    run = finished_run(write_ranked_run(tmp_path))
    old = replace(run, records=[replace(one, protocol_hash="") for one in run.records])
    assert len(places_of([old, old])) == 2


def test_a_name_stands_for_the_same_weights_in_all_runs(tmp_path: Path) -> None:
    one = finished_run(write_ranked_run(tmp_path / "one", weights={"best": {"net.pth": "0" * 64}}))
    more = {**SCORES, "new": (22.0, 0.1)}
    two = finished_run(write_ranked_run(tmp_path / "two", more, weights={"best": {"net.pth": "0" * 64}}))
    assert rows_of([one, two]) == ["best", "near", "far", "new"]
    other = finished_run(write_ranked_run(tmp_path / "other", weights={"best": {"net.pth": "1" * 64}}))
    with pytest.raises(UserError, match=r"best has other weights in \S+other than in \S+one; run one of them again"):
        rows_of([one, other])


@pytest.mark.parametrize("part", ["datasets", "tasks"])
def test_records_and_card_are_of_one_run(part: str, tmp_path: Path) -> None:
    root = write_ranked_run(tmp_path)
    card = json.loads((root / "card.json").read_text())
    (root / "card.json").write_text(json.dumps({**card, part: {}, "order": None}))
    with pytest.raises(
        UserError, match=r"on 'photos', of which card\.json says nothing; expected both files of one run"
    ):
        finished_run(root)
