"""Lay out a drawn scene by chance and geometry, without pixels."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from bench.contract import UNLABELLED
from synth.streets.dice import Dice
from synth.streets.furniture import light_the_street, line_with_houses, line_with_trees, put_signals, put_signs
from synth.streets.houses import add_skyline
from synth.streets.road import throw_road
from synth.streets.solids import Sculptor, coloured
from synth.streets.stage import TIMES, Layout, Stage
from synth.streets.traffic import cross, drive, park, walk
from synth.streets.vehicles import PAINTS, paint


def throw_layout(dice: Dice) -> Layout:
    """Draw a random scene as geometry."""
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
    if dice.happens(0.35):
        _show_bonnet(stage)
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


def _show_bonnet(stage: Stage) -> None:
    """Add the driver's own bonnet at the lower edge, which has no label, as in Cityscapes."""
    height = stage.dice.between(0.80, 0.93)
    front = [
        (-0.86, 0.75),
        (-0.84, 1.35),
        (-0.62, 1.72),
        (-0.25, 1.84),
        (0.25, 1.84),
        (0.62, 1.72),
        (0.84, 1.35),
        (0.86, 0.62),
    ]
    sculptor = Sculptor()
    for (x0, z0), (x1, z1) in pairwise(front):
        inner = (x0 * 0.55, height, 0.62), (x1 * 0.55, height, 0.62)
        sculptor.face("body", inner[0], inner[1], (x1, height - 0.03 * x1 * x1, z1), (x0, height - 0.03 * x0 * x0, z0))
    model = sculptor.model()
    colours, _ = coloured(model, paint(stage.dice, PAINTS), {})
    stage.mesh.add(model.placed(0.0, 0.0), colours, label=UNLABELLED, sunlit=stage.sunlit(0.0, 2.0))
