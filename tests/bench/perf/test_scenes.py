"""The speed of drawing: plausible figures for the sizes asked."""

import time

from bench.perf.scenes import scene_speeds


def test_speeds_are_of_the_scenes_drawn() -> None:
    start = time.process_time()
    frame = scene_speeds(((32, 48), (96, 160)), count=2, turns=3)
    spent = time.process_time() - start
    assert frame[["height", "width"]].values.tolist() == [[32, 48], [96, 160]]
    small, large = frame["seconds"]
    assert 0 < small < large
    assert (frame["scenes_per_second"] == 1 / frame["seconds"]).all()
    assert 2 * 2 * (small + large) < spent
