"""Place who moves or parks in the street: vehicles, people on foot and on two wheels."""

from __future__ import annotations

from synth.streets.classes import Category, Label
from synth.streets.dice import Dice
from synth.streets.furniture import beside
from synth.streets.people import POSES, bicycle, clothes, motorcycle, rider, walker
from synth.streets.solids import Colour, Model, coloured
from synth.streets.stage import Lamp, Place, Stage
from synth.streets.vehicles import LIVERIES, PAINTS, SHAPES, bus, car, paint, truck


def _put_vehicle(stage: Stage, x: float, z: float, turn: Place, kind: str, moving: bool) -> None:
    """Place one car, bus or truck, with its lights on when it moves in the dark."""
    dice = stage.dice
    if kind == "bus":
        model, half, category, label, height = bus(), (1.25, 5.5), Category.BUS, Label.BUS, 3.0
        palette = paint(dice, LIVERIES) | {"stripe": dice.pick(LIVERIES)}
        if stage.dark:
            palette["glass"] = (0.62, 0.58, 0.46)
    elif kind == "truck":
        length = dice.pick((6.5, 9.0))
        model, half, category, label, height = truck(length), (1.25, length / 2), Category.TRUCK, Label.TRUCK, 3.3
        palette = paint(dice, PAINTS) | {
            "stripe": dice.pick(LIVERIES),
            "cargo": dice.pick(((0.78, 0.78, 0.76), (0.55, 0.57, 0.60), (0.62, 0.50, 0.36), (0.30, 0.42, 0.58))),
        }
    else:
        model, half, category, label, height = car(kind), (0.9, 2.25), Category.CAR, Label.CAR, 1.4
        palette = paint(dice, PAINTS)
    if not stage.free(x, z, half[1] + 0.35):
        return
    glow: dict[str, float] = {"sign": 0.5, "glass": 0.45} if kind == "bus" and stage.dark else {}
    if moving and stage.dark:
        palette |= {"head": (1.0, 0.96, 0.84), "tail": (1.0, 0.10, 0.08)}
        glow |= {"head": 1.0, "tail": 0.75}
    elif moving and dice.happens(0.4):
        palette["tail"], glow["tail"] = (0.95, 0.14, 0.10), 0.5
    colours, glows = coloured(model, palette, glow)
    number = stage.count(category)
    stage.mesh.add(
        model.placed(x, z, turn), colours, label=label, instance=number, glows=glows, sunlit=stage.sunlit(x, z)
    )
    stage.shade(x, z, turn, half, height)
    if moving and stage.dark and z < 45:
        ahead = (turn[0] * (half[1] + 2.5), turn[1] * (half[1] + 2.5))
        stage.lamps.append(Lamp((x + ahead[0], 0.5, z + ahead[1]), 3.0, (0.8, 0.78, 0.68)))


def _kind(dice: Dice) -> str:
    return dice.pick(("bus", "bus", "bus", "truck", "truck", *SHAPES, *SHAPES, *SHAPES))


def drive(stage: Stage) -> None:
    """Place vehicles in their lanes, ours and oncoming."""
    road, dice = stage.road, stage.dice
    busy = dice.between(0.25, 1.0)
    for index, (left, right) in enumerate(zip(road.lanes, road.lanes[1:], strict=False)):
        oncoming = index < road.divide
        own = left < 0 < right
        z = dice.between(9, 26) if own else dice.between(5, 22)
        while z < 75:
            kind = _kind(dice)
            if kind in ("bus", "truck"):
                z += 3.5
            if dice.happens(busy):
                turn = road.heading(z)
                turn = (-turn[0], -turn[1]) if oncoming else turn
                x = float(road.path(z)) + (left + right) / 2 + dice.between(-0.25, 0.25)
                _put_vehicle(stage, x, z, turn, kind, moving=True) if dice.happens(0.9) else _put_cyclist(
                    stage, x, z, oncoming
                )
            z += dice.between(7, 11) + dice.between(0, 24) * (1.2 - busy)


def park(stage: Stage) -> None:
    """Place vehicles in the parking strips, without lights."""
    road, dice = stage.road, stage.dice
    for side, strip in ((-1, road.parking[0]), (1, road.parking[1])):
        if strip == 0:
            continue
        full, z = dice.between(0.3, 0.95), dice.between(4.5, 9)
        middle = road.kerbs[0] + strip / 2 if side < 0 else road.kerbs[1] - strip / 2
        while z < 70:
            blocked = road.crossed_at(z, 6) or (road.zebra is not None and -4 < z - road.zebra < 8)
            if not blocked and dice.happens(full):
                turn = road.heading(z)
                turn = (-turn[0], -turn[1]) if side < 0 and road.divide else turn
                kind = dice.pick(SHAPES) if dice.happens(0.93) else "truck"
                _put_vehicle(stage, float(road.path(z)) + middle, z, turn, kind, moving=False)
            z += dice.between(5.6, 6.6)


def cross(stage: Stage) -> None:
    """Place vehicles and people on the crossing road and the zebra."""
    road, dice = stage.road, stage.dice
    if road.junction is not None:
        for direction, offset in ((1, -0.5), (-1, 0.5)):
            z = road.junction[0] + offset * road.junction[1]
            x = dice.between(-30, -6) if dice.happens(0.5) else dice.between(6, 30)
            if dice.happens(0.6):
                _put_vehicle(stage, x + float(road.path(z)), z, (float(direction), 0.0), _kind(dice), moving=True)
    if road.zebra is not None:
        for _ in range(dice.below(5)):
            z = road.zebra + dice.between(0.5, 2.6)
            x = float(road.path(z)) + dice.between(road.kerbs[0], road.kerbs[1])
            _put_walker(stage, x, z, sideways=True)


def walk(stage: Stage) -> None:
    """Place people on the pavements, alone and in small groups, now and then with a cycle."""
    road, dice = stage.road, stage.dice
    for side in (-1, 1):
        wide = road.pavement[0] if side < 0 else road.pavement[1]
        for _ in range(dice.below(9)):
            z = 4 + 42 * dice.between(0, 1) * dice.between(0.15, 1)
            if road.crossed_at(z):
                continue
            for member in range(1 + dice.below(2)):
                place = beside(stage, side, -dice.between(0.3, wide - 0.5), z) + 0.4 * member
                _put_walker(stage, place, z + 0.5 * member, sideways=dice.happens(0.35))
        if dice.happens(0.5):
            z = dice.between(5, 22)
            x = beside(stage, side, -wide + 0.5, z)
            if not road.crossed_at(z) and stage.free(x, z, 0.9):
                turn = (1.0, 0.0) if dice.happens(0.5) else road.heading(z)
                model = dice.pick((bicycle(), bicycle(), motorcycle()))
                _put_cycle(stage, x, z, turn, model, clothes(dice), moving=False)
    for _ in range(1 + dice.below(3)):
        z = dice.between(5, 30)
        oncoming = dice.happens(0.4) and road.divide > 0
        kerb = road.lanes[0] + 0.7 if oncoming else road.lanes[-1] - 0.7
        _put_cyclist(stage, float(road.path(z)) + kerb, z, oncoming)


def _put_walker(stage: Stage, x: float, z: float, sideways: bool) -> None:
    dice = stage.dice
    if z < 3 or not stage.free(x, z, 0.3):
        return
    model = walker(dice.below(POSES), sideways, dice.happens(0.25))
    colours, _ = coloured(model, clothes(dice), {})
    corners = model.placed(x, z, scale=dice.between(0.9, 1.07), mirrored=dice.happens(0.5))
    stage.mesh.add(
        corners, colours, label=Label.PERSON, instance=stage.count(Category.PERSON), sunlit=stage.sunlit(x, z)
    )
    stage.shade(x, z, (0.0, 1.0), (0.22, 0.15), 1.6)


def _put_cycle(
    stage: Stage, x: float, z: float, turn: Place, model: Model, palette: dict[str, Colour], moving: bool
) -> None:
    motor = model is motorcycle()
    glow = {"head": 0.9, "tail": 0.7} if stage.dark and motor and moving else {}
    colours, glows = coloured(model, palette, glow)
    number = stage.count(Category.MOTORCYCLE if motor else Category.BICYCLE)
    label = Label.MOTORCYCLE if motor else Label.BICYCLE
    stage.mesh.add(
        model.placed(x, z, turn), colours, label=label, instance=number, glows=glows, sunlit=stage.sunlit(x, z)
    )
    stage.shade(x, z, turn, (0.15, 0.85), 1.0)


def _put_cyclist(stage: Stage, x: float, z: float, oncoming: bool) -> None:
    dice = stage.dice
    if z < 4 or not stage.free(x, z, 1.0):
        return
    palette = clothes(dice)
    motor = dice.happens(0.5)
    sideways = stage.road.zebra is not None and dice.happens(0.3)
    turn = stage.road.heading(z) if not sideways else (1.0, 0.0)
    turn = (-turn[0], -turn[1]) if oncoming else turn
    _put_cycle(stage, x, z, turn, motorcycle() if motor else bicycle(), palette, moving=True)
    body = rider(sideways, 0.12 if motor else 0.28)
    colours, _ = coloured(body, palette, {})
    corners = body.placed(x, z - (0.0 if sideways else 0.1), mirrored=sideways and oncoming)
    stage.mesh.add(
        corners, colours, label=Label.RIDER, instance=stage.count(Category.PERSON), sunlit=stage.sunlit(x, z)
    )
