"""Place what stands along the street: houses, trees, lamps, traffic lights and signs."""

from __future__ import annotations

from synth.streets.classes import Category, Label
from synth.streets.houses import FOLIAGE, add_boundary, add_house, plots_along
from synth.streets.solids import Colour, Model, coloured
from synth.streets.stage import Lamp, Stage
from synth.streets.street_models import (
    LEAVES,
    LIT,
    SIGNS,
    STREET,
    TREE_KINDS,
    bush,
    foliage,
    gantry,
    lamp_post,
    pole,
    sign,
    signal_back,
    signal_head,
    tree,
)


def line_with_houses(stage: Stage, side: int, density: float) -> None:
    """Place houses on one side of the road; on empty plots a wall, fence or hedge and some trees."""
    for plot in plots_along(stage.road, stage.dice, side):
        if stage.dice.happens(0.45 + 0.5 * density):
            stage.shade_house(*add_house(stage.mesh, stage.facades, stage.road, stage.dice, plot, density))
            if plot.setback > 2.5:
                add_boundary(stage.mesh, stage.road, stage.dice, plot)
        else:
            add_boundary(stage.mesh, stage.road, stage.dice, plot)
            for _ in range(2 + stage.dice.below(4)):
                z = stage.dice.between(plot.near, plot.far)
                _plant(stage, beside(stage, side, stage.dice.between(2.5, 12), z), z)


def beside(stage: Stage, side: int, beyond: float, z: float) -> float:
    """X of a place this far beyond the pavement."""
    edge = stage.road.plots[0] if side < 0 else stage.road.plots[1]
    return float(stage.road.path(z)) + edge + side * beyond


def _plant(stage: Stage, x: float, z: float) -> None:
    if z < 4 or not stage.free(x, z, 0.8):
        return
    shades = foliage(stage.dice.pick(LEAVES))
    if stage.dice.happens(0.72):
        model, scale = tree(stage.dice.below(TREE_KINDS)), stage.dice.between(0.7, 1.25)
        stage.shade(x, z, (0.0, 1.0), (0.25, 0.25), 5 * scale)
    else:
        model, scale = bush(stage.dice.below(4)), stage.dice.between(0.7, 1.3)
    colours, _ = coloured(model, shades, {})
    corners = model.placed(x, z, scale=scale, mirrored=stage.dice.happens(0.5))
    stage.mesh.add(corners, colours, label=Label.VEGETATION, surface=FOLIAGE, sunlit=stage.sunlit(x, z))


def line_with_trees(stage: Stage, side: int) -> None:
    """Place street trees at the kerb side of the pavement."""
    road, dice = stage.road, stage.dice
    wide = road.pavement[0] if side < 0 else road.pavement[1]
    if wide < 2.6 or dice.happens(0.45):
        return
    z, step = dice.between(5, 14), dice.between(8, 16)
    while z < 85:
        if not road.crossed_at(z, 3):
            _plant(stage, beside(stage, side, -wide + 0.8, z), z)
        z += step


def light_the_street(stage: Stage) -> None:
    """Place street lamps, lit unless it is day."""
    road, dice = stage.road, stage.dice
    height, step, z = dice.between(5.5, 8), dice.between(20, 30), dice.between(6, 18)
    warm: Colour = dice.pick(((1.0, 0.78, 0.45), (1.0, 0.66, 0.30), (0.86, 0.92, 1.0)))
    side = dice.pick((-1, 1))
    alternate = dice.happens(0.5)
    while z < 95:
        x = beside(stage, side, 0.5 - (road.pavement[0] if side < 0 else road.pavement[1]), z)
        if not road.crossed_at(z, 1) and stage.free(x, z, 0.3):
            post, head = lamp_post(height, -side * 1.6)
            glow = {"lamp": 1.0} if stage.dark else {}
            for model in (post, head):
                colours, glows = coloured(model, STREET | ({"lamp": warm} if stage.dark else {}), glow)
                stage.mesh.add(model.placed(x, z), colours, label=Label.POLE, glows=glows)
            if stage.dark:
                stage.lamps.append(Lamp((x - side * 2.0, height, z), height * 1.05, warm))
        side = -side if alternate else side
        z += step


def put_signals(stage: Stage) -> None:
    """Place traffic lights where a road is crossed."""
    road, dice = stage.road, stage.dice
    if not dice.happens(0.75):
        return
    lit = dice.pick(("red", "red", "green", "green", "amber"))
    z = (
        road.zebra + 3.4
        if road.zebra is not None
        else (road.junction[0] - road.junction[1] - 1.0 if road.junction else 20)
    )
    left, right = (float(road.path(z)) + kerb for kerb in road.kerbs)
    spots: list[tuple[float, float, Model, float, float]] = [(right + 0.5, z, pole(3.6), 0.0, 3.1)]
    if dice.happens(0.7):
        spots.append((left - 0.5, z, pole(3.6), 0.0, 3.1))
    if dice.happens(0.5):
        spots.append((right + 0.8, z + 0.6, gantry(5.7, -(right - left) * 0.45), -(right - left) * 0.42, 5.3))
    if road.junction is not None and dice.happens(0.6):
        beyond = road.junction[0] + road.junction[1] + 1.5
        spots.append((float(road.path(beyond)) + road.kerbs[1] + 0.6, beyond, pole(3.6), 0.0, 3.1))
    for x, far, post, across, up in spots:
        colours, _ = coloured(post, STREET, {})
        stage.mesh.add(post.placed(x, far), colours, label=Label.POLE)
        head = signal_head(across, up)
        colours, glows = coloured(head, STREET | {lit: LIT[lit]}, {lit: 0.85})
        number = stage.count(Category.TRAFFIC_LIGHT)
        stage.mesh.add(head.placed(x, far - 0.15), colours, label=Label.TRAFFIC_LIGHT, instance=number, glows=glows)
        stage.free(x, far, 0.3)
    if dice.happens(0.4):
        back = signal_back(0.0, 3.1)
        colours, _ = coloured(back, STREET, {})
        number = stage.count(Category.TRAFFIC_LIGHT)
        stage.mesh.add(back.placed(left - 1.1, z), colours, label=Label.TRAFFIC_LIGHT, instance=number)
        colours, _ = coloured(pole(3.6), STREET, {})
        stage.mesh.add(pole(3.6).placed(left - 1.1, z), colours, label=Label.POLE)


def put_signs(stage: Stage) -> None:
    """Place traffic signs on poles at the kerb."""
    road, dice = stage.road, stage.dice
    for _ in range(dice.below(6)):
        side, z = dice.pick((-1, 1, 1)), 6 + 60 * dice.between(0, 1) * dice.between(0.2, 1)
        wide = road.pavement[0] if side < 0 else road.pavement[1]
        x = beside(stage, side, dice.between(0.3, 0.8) - wide, z)
        if road.crossed_at(z, 1) or not stage.free(x, z, 0.4):
            continue
        kind = dice.pick(SIGNS)
        up = 2.4 if kind != "guide" else 3.2
        colours, _ = coloured(pole(up + 0.1), STREET, {})
        stage.mesh.add(pole(up + 0.1).placed(x, z), colours, label=Label.POLE)
        plate = sign(kind, up)
        colours, _ = coloured(plate, STREET, {})
        number = stage.count(Category.TRAFFIC_SIGN)
        stage.mesh.add(plate.placed(x, z - 0.08), colours, label=Label.TRAFFIC_SIGN, instance=number)
