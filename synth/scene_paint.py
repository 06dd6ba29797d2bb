"""Colour and class of every sample before any light falls on it: ground, walls, leaves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.contract import IntArray, LabelMap
from synth.scene_camera import GROUND, Camera, View
from synth.scene_classes import Label
from synth.scene_dice import Dice, Floats, hashed, noise_at, noise_tile
from synth.scene_houses import FIRST_FACADE, FOLIAGE
from synth.scene_road import Road
from synth.scene_stage import Layout

_ASPHALT, _PAVING, _GRASS, _MARKING = (0.27, 0.275, 0.285), (0.46, 0.45, 0.43), (0.29, 0.36, 0.15), (0.80, 0.80, 0.77)
_LIT_SHARE = {"day": 0.03, "dusk": 0.30, "night": 0.38}


@dataclass(frozen=True)
class Surface:
    """What is seen, before any light falls on it.

    Attributes:
        colour: (3, rows, columns) float32 in [0, 1] of every sample; the sky is left black.
        glow: (rows, columns) float32, light of its own relative to its colour, of every sample.
        labels: (H, W) uint8, label-map class of every pixel.
        instances: (H, W) int64, object of every pixel, 0 for none.
    """

    colour: Floats
    glow: Floats
    labels: LabelMap
    instances: IntArray


def paint_surface(layout: Layout, camera: Camera, view: View, dice: Dice) -> Surface:
    """Colour all that is seen except the sky.

    Args:
        layout: The scene.
        camera: The camera.
        view: Nearest face and depth per sample.
        dice: Chance for wear and stains.
    """
    faces, seen = layout.faces, view.faces.ravel()
    table = np.zeros((4, len(faces.colours) + 2), np.float32)
    table[:3, 2:], table[3, 2:] = faces.colours.T, faces.glows
    planes = np.take(table, seen, axis=1)
    labels = np.concatenate([[Label.ROAD, Label.SKY], faces.labels]).astype(np.uint8)[seen]
    kinds = np.concatenate([[0, 0], faces.surfaces]).astype(np.int16)[seen]

    ground = np.flatnonzero(seen == GROUND)
    x, _, z = places(camera, view, ground)
    painted, labels[ground] = paint_ground(layout.road, x, z, z / np.float32(camera.focal), dice)
    _fill(planes, ground, painted)
    walls = np.flatnonzero(kinds >= FIRST_FACADE)
    if len(walls):
        numbers = kinds[walls] - FIRST_FACADE
        bare = np.take(planes[:3], walls, axis=1)
        _fill(planes, walls, paint_walls(layout, bare, numbers, places(camera, view, walls)))
    leaves = np.flatnonzero(kinds == FOLIAGE)
    x, y, z = places(camera, view, leaves)
    grain = noise_at(noise_tile(3), x * 34 + z * 27 + 9000, y * 34 + 9000)
    _fill(planes, leaves, np.take(planes[:3], leaves, axis=1) * (np.float32(0.62) + np.float32(0.76) * grain))
    planes = planes.reshape(4, *camera.grid)
    instances = np.concatenate([[0, 0], faces.instances])[view.faces[1::2, 1::2]]
    return Surface(planes[:3], planes[3], labels.reshape(camera.grid)[1::2, 1::2].copy(), instances)


def _fill(planes: Floats, samples: IntArray, values: Floats) -> None:
    """Write values (C, N) into the first planes at N samples; plane by plane, which NumPy does twice as fast."""
    for plane, value in zip(planes, values, strict=False):
        plane[samples] = value


def places(camera: Camera, view: View, samples: IntArray) -> tuple[Floats, Floats, Floats]:
    """x, y and z in metres of what some samples show, each (N,) float32.

    Args:
        camera: The camera.
        view: Depth per sample.
        samples: (N,) indices into the flattened grid.
    """
    sideways, downward = (ray.astype(np.float32) for ray in camera.rays())
    rows, columns = np.divmod(samples.astype(np.int32), np.int32(camera.grid[1]))
    z = view.depth.ravel()[samples].astype(np.float32)
    return z * sideways[columns], np.float32(camera.above_ground) - z * downward[rows], z


def _line(offset: Floats, half_width: float, footprint: Floats) -> Floats:
    """How much of a sample a painted line covers, by its distance from the line's middle."""
    covering = (np.float32(half_width) - np.abs(offset)) / footprint + np.float32(0.5)
    covered: Floats = np.clip(covering, 0, np.minimum(1, np.float32(2 * half_width) / footprint))
    return covered


def _markings(road: Road, q: Floats, z: Floats, footprint: Floats) -> Floats:
    """White paint, 0..1, at lateral places q and distances z on the road."""
    paint = np.zeros_like(q)
    dashes = (_part(z, 9) < 3.6).astype(np.float32)
    for index, place in enumerate(road.lanes):
        edge = index in (0, len(road.lanes) - 1)
        if edge and road.parking[0 if index == 0 else 1] == 0:
            place += 0.3 if index == 0 else -0.3
        solid = edge or (index == road.divide and len(road.lanes) > 3)
        line = _line(q - np.float32(place), 0.07, footprint)
        np.maximum(paint, line if solid else line * dashes, out=paint)
    if road.junction is not None:
        paint[np.abs(z - road.junction[0]) < road.junction[1] + 0.5] = 0
    if road.zebra is not None:
        left, right = road.kerbs
        on = (z > road.zebra - 2.0) & (z < road.zebra + 3.4)
        paint[on] = 0
        stripes = (z > road.zebra) & (z < road.zebra + 3) & (q > left + 0.3) & (q < right - 0.3)
        paint[stripes] = _line(_part(q[stripes], 1.0) - np.float32(0.5), 0.25, footprint[stripes])
        halt = (np.abs(z - (road.zebra - 1.2)) < 0.2) & (q > road.lanes[road.divide]) & (q < road.lanes[-1])
        paint[halt] = 1
    return paint


def _part(value: Floats, step: float) -> Floats:
    """Where a value lies in its step, 0 .. step."""
    part: Floats = value - np.floor(value * np.float32(1 / step)) * np.float32(step)
    return part


def paint_ground(road: Road, x: Floats, z: Floats, footprint: Floats, dice: Dice) -> tuple[Floats, LabelMap]:
    """Asphalt with markings, pavements with kerbs and slabs, grass.

    Args:
        road: The road.
        x: (N,) places on the ground in metres, to the right.
        z: The same, forward.
        footprint: (N,) width of a sample there in metres.
        dice: Chance for wear and stains.

    Returns:
        (3, N) float32 colours and (N,) uint8 label-map classes.
    """
    q = (x - road.path(z)).astype(np.float32)
    labels = ground_classes(road, q, z)
    index = np.minimum(labels, 2).astype(np.int8)  # road, pavement, and terrain for all that is neither
    tones = np.array([_ASPHALT, _PAVING, _GRASS], np.float32)
    tones *= np.array([dice.between(0.75, 1.15) for _ in tones], np.float32)[:, None]
    shift = np.float32(4096 + dice.below(256))
    coarse = noise_at(noise_tile(4), x * 3 + shift, z * np.float32(1.2) + shift)
    colour = np.take(tones.T, index, axis=1) * _ground_shade(road, (q, x, z), footprint, index, coarse, shift)

    left, right = road.kerbs
    kerb = np.maximum(
        _line(q - np.float32(left - 0.09), 0.09, footprint), _line(q - np.float32(right + 0.09), 0.09, footprint)
    )
    kerb *= index == 1
    colour += (np.float32(0.54) - colour) * kerb
    wear = np.clip(np.float32(0.55) + np.float32(0.9) * coarse, 0, 1) * (index == 0)
    paint = _markings(road, q, z, footprint) * wear
    colour += (np.array(_MARKING, np.float32)[:, None] - colour) * paint
    return colour, labels


def ground_classes(road: Road, q: Floats, z: Floats) -> LabelMap:
    """Road, pavement or terrain at lateral places q and distances z."""
    (left, right), (start, stop) = road.kerbs, road.plots
    asphalt = (q > left) & (q < right)
    paved = (q > start) & (q < stop)
    if road.junction is not None:
        away = np.abs(z - np.float32(road.junction[0])) - np.float32(road.junction[1])
        asphalt |= away < 0
        paved |= (away < 2.5) & (away >= 0)
    labels = np.full(q.shape, Label.TERRAIN, np.uint8)
    labels[paved] = Label.SIDEWALK
    labels[asphalt] = Label.ROAD
    return labels


def _ground_shade(
    road: Road,
    place: tuple[Floats, Floats, Floats],
    footprint: Floats,
    index: npt.NDArray[np.int8],
    coarse: Floats,
    shift: np.float32,
) -> Floats:
    """Brightness of the ground: grain, slabs of the pavement, tracks of wheels on the road."""
    q, x, z = place
    fine = noise_at(noise_tile(1), x * 23 + shift, z * 23 + shift)
    near: Floats = (1 / (1 + np.float32(30) * footprint)).astype(np.float32)
    rough = np.take(np.array([0.22, 0.12, 0.5], np.float32), index)
    shade: Floats = 1 + rough * ((coarse - np.float32(0.5)) * np.float32(1.2) + (fine - np.float32(0.5)) * near)
    slabs = np.flatnonzero((index == 1) & (z < 25))
    joint = np.minimum(
        np.abs(_part(q[slabs], 0.75) - np.float32(0.375)), np.abs(_part(z[slabs], 0.75) - np.float32(0.375))
    )
    shade[slabs] *= 1 - np.float32(0.22) * near[slabs] * (joint < 0.022)
    lane = road.lanes[1] - road.lanes[0]
    inside = _part(q - np.float32(road.lanes[0]), lane)
    cells = np.floor(q * np.float32(1 / 3.1)).astype(np.int32), np.floor(z * np.float32(1 / 11)).astype(np.int32)
    chance = hashed(cells[0] + int(shift), cells[1])
    across, along = _part(q, 3.1) - chance * 2, _part(z, 11) - chance * 7
    patch = (index == 0) & (chance > 0.72) & (np.abs(across - 0.4) < 0.35 + chance) & (np.abs(along - 1.5) < 1.3)
    shade -= np.float32(0.12) * patch
    hole = (index == 0) & (chance < 0.07)
    hole &= np.square(across - 1.2) + np.square(along - 5) < 0.09
    shade -= np.float32(0.45) * hole
    track = np.abs(np.abs(inside - np.float32(lane / 2)) - np.float32(0.8))
    shade -= np.float32(0.06) * (index == 0) * np.clip(1 - track * np.float32(2.2), 0, 1)
    return shade


def paint_walls(
    layout: Layout, wall: Floats, numbers: npt.NDArray[np.int16], place: tuple[Floats, Floats, Floats]
) -> Floats:
    """Windows, shop fronts and brickwork.

    Args:
        layout: The scene, for its facades and the time of day.
        wall: (3, N) colours of the bare wall.
        numbers: (N,) facade of each sample.
        place: (N,) x, y, z in metres.

    Returns:
        (4, N) colours and glow.
    """
    x, y, z = place
    table = np.array([facade.row() for facade in layout.facades], dtype=np.float32).T
    ox, oz, ax, az, floor, bay, w0, w1, w2, w3, shop, red, green, blue, trim, brick, top, seed = np.take(
        table, numbers, axis=1
    )
    s = (x - ox) * ax + (z - oz) * az
    up, bays = (y - shop) / floor, s / bay
    column, storey = np.floor(bays), np.floor(up)
    u, v = bays - column, up - storey
    room = hashed(column.astype(np.int32) + seed.astype(np.int32) * 64, storey.astype(np.int32))
    upper = (y >= shop) & (shop + (storey + 1) * floor < top + np.float32(0.15))
    aside, above = np.maximum(w0 - u, u - w1), np.maximum(w2 - v, v - w3)
    window = upper & (aside < 0) & (above < 0)
    frame = upper & ~window & (aside < np.float32(0.04)) & (above < np.float32(0.045))
    entrance = (shop == 0) & (y < 2.35) & (_part(column + seed, 4) == 1) & (np.abs(u - np.float32(0.5)) < 0.22)
    fascia = (y < shop - np.float32(0.08)) & (y > shop - np.float32(0.72))
    display = (y < shop - np.float32(0.80)) & (y > np.float32(0.45)) & (np.abs(u - np.float32(0.5)) < 0.45)

    grain = noise_at(noise_tile(2), s * 9 + seed + 512, y * 21 + 64)
    stain = noise_at(noise_tile(4), s * 4 + seed * 3 + 512, y * 2 + 64)
    shade = 1 + brick * np.float32(0.35) * (grain - np.float32(0.5)) + np.float32(0.3) * (stain - np.float32(0.5))
    shade *= 1 + (trim - 1) * (frame | (y > top - np.float32(0.28)))
    shade *= 1 - np.float32(0.2) * (y < 0.5)
    painted = np.empty((4, len(numbers)), np.float32)
    painted[:3] = wall * shade
    painted[3] = 0
    spots = np.flatnonzero(fascia)
    painted[:3, spots] = np.stack([red, green, blue])[:, spots] * (np.float32(0.8) + np.float32(0.4) * grain[spots])
    window &= ~entrance
    painted[:3, np.flatnonzero(entrance)] *= np.float32(0.38)
    spots = np.flatnonzero(window | display)
    inside = (u[spots] - w0[spots]) / (w1[spots] - w0[spots])
    painted[:, spots] = _panes(layout.time, inside, v[spots], room[spots], display[spots], (s[spots], y[spots]))
    return painted


def _panes(
    time: str, u: Floats, v: Floats, room: Floats, display: npt.NDArray[np.bool_], place: tuple[Floats, Floats]
) -> Floats:
    """Colours and glow (4, N) of glass: the sky in it, curtains, lit rooms.

    Args:
        time: Time of day.
        u: Place across the window, 0 .. 1.
        v: Place in the storey, 0 .. 1.
        room: A number in [0, 1) that belongs to the room behind.
        display: Whether it is a shop window.
        place: Metres along the wall and up.
    """
    painted = np.empty((4, len(u)), np.float32)
    mirrored = np.where(display, np.float32(0.16), np.float32(0.12) + np.float32(0.16) * v * room)
    mirrored += np.where(~display & (np.abs(u - np.float32(0.5)) < 0.045), np.float32(0.2), 0)
    painted[:3] = mirrored * np.array([[0.85], [1.0], [1.15]], np.float32)
    drawn = ~display & (room > 0.55) & (np.abs(u - np.float32(0.5)) > np.float32(0.05) + np.float32(0.5) * (1 - room))
    painted[:3, drawn] = 0.45
    lit = np.where(display, (room < 0.75) & (time != "day"), room < np.float32(_LIT_SHARE[time]))
    warm = _part(room * 7, 1.0) > 0.3
    inside = np.where(
        warm, np.array([[1.0], [0.80], [0.48]], np.float32), np.array([[0.86], [0.92], [0.95]], np.float32)
    )
    furniture = noise_at(noise_tile(4), place[0] * 14 + room * 999 + 512, place[1] * 11 + 64)
    painted[:3, lit] = (inside * (np.float32(0.3) + np.float32(0.55) * furniture + np.float32(0.25) * v))[:, lit]
    painted[3] = lit * np.float32(0.7)
    return painted
