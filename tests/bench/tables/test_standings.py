"""Who is ranked and who leads: recoveries and intervals that can be checked by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from bench.io.training.origin import TrainedOn
from bench.runs.records import long, read_records, write_frame
from bench.tables.places import finished_run, places_of
from bench.tables.standings import Origin, Standing, standings
from tests.bench.ranked_runs import SCORES, write_ranked_run

TOLD = Origin("photographs of its own", TrainedOn("net", ("own/train",), ("bdd350_y",), whole=True))


def stand(root: Path, **origins: Origin) -> dict[str, Standing]:
    (places,) = places_of([finished_run(root)])
    return standings(places, {"best": TOLD, "near": TOLD, "far": TOLD, **origins})


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


def test_derainers_of_several_runs_are_compared(tmp_path: Path) -> None:
    first = finished_run(write_ranked_run(tmp_path / "first"))
    second = finished_run(write_ranked_run(tmp_path / "second", {"new": (38.0, 0.04)}))
    known = {"best": TOLD, "near": TOLD, "far": TOLD, "new": TOLD}
    (places,) = places_of([first, second])
    assert leaders(standings(places, known)) == ["new", "best"]
    for fewer in ({"new"}, {"clean"}):
        records = [replace(one, images=11) if one.derainer in fewer else one for one in second.records]
        (places,) = places_of([first, replace(second, records=records)])
        assert standings(places, known)["new"].partial
        assert leaders(standings(places, known)) == ["best", "near"]


def test_photographs_have_the_names_of_all_runs(tmp_path: Path) -> None:
    runs = [finished_run(write_ranked_run(tmp_path / one, folder=one, protocol_hash="same")) for one in ("a", "coco")]
    saw = Origin("COCO", TrainedOn("net", ("coco/val2017",), (), whole=True))
    for order in (runs, runs[::-1]):
        (places,) = places_of(order)
        assert standings(places, {"best": saw})["best"].saw_photographs


def test_harm_is_of_the_same_weights(tmp_path: Path) -> None:
    scores, control = {"best": SCORES["best"]}, {"clean+best": SCORES["clean+best"]}
    weights = {"best": {"net.pth": "0" * 64}}
    known = [finished_run(write_ranked_run(tmp_path / "1", scores, weights=weights))]
    known += [finished_run(write_ranked_run(tmp_path / "2", control, weights=weights, clean=38.0))]
    (places,) = places_of(known)
    assert standings(places, {"best": TOLD})["best"].change == pytest.approx(
        39.0 - 38.0
    )  # of its own run's clean images
    bare = [finished_run(write_ranked_run(tmp_path / str(3 + n), one)) for n, one in enumerate((scores, control))]
    (places,) = places_of(bare)
    assert math.isnan(standings(places, {"best": TOLD})["best"].change)
    again = finished_run(write_ranked_run(tmp_path / "5", scores | control))
    (places,) = places_of([bare[0], again])
    assert standings(places, {"best": TOLD})["best"].change == pytest.approx(39.0 - 40.0)
