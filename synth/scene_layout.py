"""What stands where in a drawn scene: pure chance and geometry, no pixels."""

from __future__ import annotations

import numpy as np

from synth.scene_dice import Dice
from synth.scene_furniture import light_the_street, line_with_houses, line_with_trees, put_signals, put_signs
from synth.scene_houses import add_skyline
from synth.scene_road import throw_road
from synth.scene_stage import TIMES, Layout, Stage
from synth.scene_traffic import cross, drive, park, walk


def throw_layout(dice: Dice) -> Layout:
    """A random scene."""
    time = dice.pick(TIMES)
    road = throw_road(dice)
    low = 2.2 if time == "dusk" else 1.0
    stage = Stage(dice, time, road, (dice.between(-1, 1) * low, dice.between(-0.6, 0.9) * low))
    density = dice.between(0, 1)
    add_skyline(stage.mesh, stage.facades, dice, density)
    for side in (-1, 1):
        line_with_houses(stage, side, density)
        line_with_trees(stage, side)
    light_the_street(stage)
    if road.junction is not None or road.zebra is not None:
        put_signals(stage)
    put_signs(stage)
    drive(stage)
    park(stage)
    cross(stage)
    walk(stage)
    shadows = np.concatenate(stage.shadows) if stage.shadows else np.zeros((0, 4, 3))
    return Layout(
        time,
        road,
        stage.mesh.finished(),
        tuple(stage.categories),
        tuple(stage.facades),
        tuple(stage.lamps),
        shadows,
        stage.sun,
    )
