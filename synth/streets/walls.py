"""Paint facades of a drawn scene: windows, shop fronts, brickwork."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from synth.streets.dice import Floats, hashed, noise_at, noise_tile, part
from synth.streets.stage import Layout

_LIT_SHARE = {"day": 0.03, "dusk": 0.30, "night": 0.38}


def paint_walls(
    layout: Layout, wall: Floats, numbers: npt.NDArray[np.int16], place: tuple[Floats, Floats, Floats]
) -> Floats:
    """Paint windows, shop fronts and brickwork.

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
    signs, table = table[-3:], table[:-3]
    ox, oz, ax, az, floor, bay, w0, w1, w2, w3, shop, trim, brick, top, seed = table.take(numbers, axis=1)
    s = (x - ox) * ax + (z - oz) * az
    up, bays = (y - shop) / floor, s / bay
    column, storey = np.floor(bays), np.floor(up)
    u, v = bays - column, up - storey
    upper = (y >= shop) & (shop + (storey + 1) * floor < top + np.float32(0.15))
    aside, above = np.maximum(w0 - u, u - w1), np.maximum(w2 - v, v - w3)
    window = upper & (aside < 0) & (above < 0)
    frame = upper & ~window & (aside < np.float32(0.04)) & (above < np.float32(0.045))
    entrance = (shop == 0) & (y < 2.35) & (part(column + seed, 4) == 1) & (np.abs(u - np.float32(0.5)) < 0.22)
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
    painted[:3, spots] = signs.take(numbers[spots], axis=1) * (np.float32(0.8) + np.float32(0.4) * grain[spots])
    window &= ~entrance
    painted[:3, np.flatnonzero(entrance)] *= np.float32(0.38)
    spots = np.flatnonzero(window | display)
    room = hashed(column[spots].astype(np.int32) + seed[spots].astype(np.int32) * 64, storey[spots].astype(np.int32))
    inside = (u[spots] - w0[spots]) / (w1[spots] - w0[spots])
    painted[:, spots] = _panes(layout.time, inside, v[spots], room, display[spots], (s[spots], y[spots]))
    return painted


def _panes(
    time: str, u: Floats, v: Floats, room: Floats, display: npt.NDArray[np.bool_], place: tuple[Floats, Floats]
) -> Floats:
    """Compute colours and glow (4, N) of glass: the sky in it, curtains, lit rooms.

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
    warm = part(room * 7, 1.0) > 0.3
    inside = np.where(
        warm, np.array([[1.0], [0.80], [0.48]], np.float32), np.array([[0.86], [0.92], [0.95]], np.float32)
    )
    furniture = noise_at(noise_tile(4), place[0] * 14 + room * 999 + 512, place[1] * 11 + 64)
    painted[:3, lit] = (inside * (np.float32(0.3) + np.float32(0.55) * furniture + np.float32(0.25) * v))[:, lit]
    painted[3] = lit * np.float32(0.7)
    return painted
