"""Paint the ground of a drawn scene: asphalt and its markings, pavements, grass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.contract import LabelMap
from synth.streets.classes import Label
from synth.streets.dice import Dice, Floats, hashed, noise_at, noise_tile, part
from synth.streets.road import Road

_ASPHALT, _PAVING, _GRASS, _MARKING = (0.27, 0.275, 0.285), (0.46, 0.45, 0.43), (0.29, 0.36, 0.15), (0.80, 0.80, 0.77)


def _line(offset: Floats, half_width: float, footprint: Floats) -> Floats:
    """Compute how much of a sample a painted line covers, by its distance from the line's middle."""
    covering = (np.float32(half_width) - np.abs(offset)) / footprint + np.float32(0.5)
    covered: Floats = np.clip(covering, 0, np.minimum(1, np.float32(2 * half_width) / footprint))
    return covered


def _markings(road: Road, q: Floats, z: Floats, footprint: Floats) -> Floats:
    """Paint white markings, 0..1, at lateral places q (R, C) and distances z (R, 1) on the road."""
    paint = np.zeros_like(q)
    dashes = (part(z, 9) < 3.6).astype(np.float32)
    for index, place in enumerate(road.lanes):
        edge = index in (0, len(road.lanes) - 1)
        if edge and road.parking[0 if index == 0 else 1] == 0:
            place += 0.3 if index == 0 else -0.3
        solid = edge or (index == road.divide and len(road.lanes) > 3)
        line = _line(q - np.float32(place), 0.07, footprint)
        np.maximum(paint, line if solid else line * dashes, out=paint)
    if road.junction is not None:
        paint[np.flatnonzero(np.abs(z - road.junction[0]) < road.junction[1] + 0.5)] = 0
    if road.zebra is not None:
        left, right = road.kerbs
        paint[np.flatnonzero((z > road.zebra - 2.0) & (z < road.zebra + 3.4))] = 0
        stripes = np.flatnonzero((z > road.zebra) & (z < road.zebra + 3))
        across = q[stripes]
        line = _line(part(across, 1.0) - np.float32(0.5), 0.25, footprint[stripes])
        paint[stripes] = line * ((across > left + 0.3) & (across < right - 0.3))
        halt = np.flatnonzero(np.abs(z - (road.zebra - 1.2)) < 0.2)
        paint[halt] = (q[halt] > road.lanes[road.divide]) & (q[halt] < road.lanes[-1])
    return paint


@dataclass(frozen=True)
class Ground:
    """Colours (3, 3) of asphalt, pavement and grass, and where in the noise their grain is found."""

    tones: Floats
    shift: np.float32


def throw_ground(dice: Dice) -> Ground:
    """Draw random wear and stains."""
    tones = np.array([_ASPHALT, _PAVING, _GRASS], np.float32)
    tones *= np.array([dice.between(0.75, 1.15) for _ in tones], np.float32)[:, None]
    return Ground(tones, np.float32(4096 + dice.below(256)))


def paint_ground(road: Road, x: Floats, z: Floats, footprint: Floats, ground: Ground) -> tuple[Floats, LabelMap]:
    """Paint asphalt with markings, pavements with kerbs and slabs, grass.

    Args:
        road: The road.
        x: (R, C) places on the ground in metres, to the right.
        z: (R, 1) the same, forward.
        footprint: (R, 1) width of a sample there in metres.
        ground: Its wear and stains.

    Returns:
        (3, R, C) float32 colours and (R, C) uint8 label-map classes.
    """
    q = (x - road.path(z)).astype(np.float32)
    labels = ground_classes(road, q, z)
    index = np.minimum(labels, 2).astype(np.int8)  # road, pavement, and terrain for all that is neither
    shift = ground.shift
    coarse = noise_at(noise_tile(4), x * 3 + shift, z * np.float32(1.2) + shift)
    colour = ground.tones.T.take(index, axis=1)
    colour *= _ground_shade(road, (q, x, z), footprint, index, coarse, shift)

    left, right = road.kerbs
    kerb = np.maximum(
        _line(q - np.float32(left - 0.09), 0.09, footprint), _line(q - np.float32(right + 0.09), 0.09, footprint)
    )
    kerb *= index == 1
    colour += (np.float32(0.54) - colour) * kerb
    wear = np.clip(np.float32(0.55) + np.float32(0.9) * coarse, 0, 1) * (index == 0)
    paint = _markings(road, q, z, footprint) * wear
    colour += (np.array(_MARKING, np.float32)[:, None, None] - colour) * paint
    return colour, labels


def ground_classes(road: Road, q: Floats, z: Floats) -> LabelMap:
    """Classify ground as road, pavement or terrain at lateral places q (R, C) and distances z (R, 1)."""
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
    """Compute the brightness of the ground: grain, slabs of the pavement, tracks of wheels on the road."""
    q, x, z = place
    fine = noise_at(noise_tile(1), x * 23 + shift, z * 23 + shift)
    near: Floats = (1 / (1 + np.float32(30) * footprint)).astype(np.float32)
    rough = np.take(np.array([0.22, 0.12, 0.5], np.float32), index)
    shade: Floats = 1 + rough * ((coarse - np.float32(0.5)) * np.float32(1.2) + (fine - np.float32(0.5)) * near)
    slabs = np.flatnonzero(z < 25)
    joint = np.minimum(
        np.abs(part(q[slabs], 0.75) - np.float32(0.375)), np.abs(part(z[slabs], 0.75) - np.float32(0.375))
    )
    shade[slabs] *= 1 - np.float32(0.22) * near[slabs] * ((joint < 0.022) & (index[slabs] == 1))
    lane = road.lanes[1] - road.lanes[0]
    inside = part(q - np.float32(road.lanes[0]), lane)
    cells = np.floor(q * np.float32(1 / 3.1)).astype(np.int32), np.floor(z * np.float32(1 / 11)).astype(np.int32)
    chance = hashed(cells[0] + int(shift), cells[1])
    across, along = part(q, 3.1) - chance * 2, part(z, 11) - chance * 7
    patch = (index == 0) & (chance > 0.72) & (np.abs(across - 0.4) < 0.35 + chance) & (np.abs(along - 1.5) < 1.3)
    shade -= np.float32(0.12) * patch
    hole = (index == 0) & (chance < 0.07)
    hole &= np.square(across - 1.2) + np.square(along - 5) < 0.09
    shade -= np.float32(0.45) * hole
    track = np.abs(np.abs(inside - np.float32(lane / 2)) - np.float32(0.8))
    shade -= np.float32(0.06) * (index == 0) * np.clip(1 - track * np.float32(2.2), 0, 1)
    return shade
