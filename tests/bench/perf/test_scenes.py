"""The speed of drawing: plausible figures for the sizes asked."""

import time

from bench.perf.scenes import scene_speeds


def test_speeds_are_of_the_scenes_drawn() -> None:
    start = time.process_time()
    small, large = scene_speeds(((32, 48), (96, 160)), count=2, turns=3)
    spent = time.process_time() - start
    assert [(speed.height, speed.width) for speed in (small, large)] == [(32, 48), (96, 160)]
    assert 0 < small.seconds < large.seconds
    assert small.scenes_per_second == 1 / small.seconds
    assert 2 * 2 * (small.seconds + large.seconds) < spent
