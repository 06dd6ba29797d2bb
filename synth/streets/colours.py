"""Colour and classify every sample before any light falls on it: ground, walls, leaves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.contract import IntArray, LabelMap
from synth.streets.camera import GROUND, Camera, View
from synth.streets.classes import Label
from synth.streets.dice import Dice, Floats, noise_at, noise_tile
from synth.streets.ground import Ground, paint_ground, throw_ground
from synth.streets.houses import FIRST_FACADE, FOLIAGE
from synth.streets.road import Road
from synth.streets.stage import Layout
from synth.streets.walls import paint_walls

_BAND = 64
"""Rows of samples painted at a time, an even number: so that what is computed on the way stays in the cache."""


@dataclass(frozen=True)
class Surface:
    """Colours and classes of all samples, before any light falls on them.

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
    faces = layout.faces
    table = np.zeros((4, len(faces.colours) + 2), np.float32)
    table[:3, 2:], table[3, 2:] = faces.colours.T, faces.glows
    kinds = np.concatenate([[0, 0], faces.surfaces]).astype(np.int16)
    labels = np.concatenate([[Label.ROAD, Label.SKY], faces.labels]).astype(np.uint8).take(view.faces[1::2, 1::2])
    instances = np.concatenate([[0, 0], faces.instances]).take(view.faces[1::2, 1::2])
    planes = np.empty((4, *camera.grid), np.float32)
    ground = throw_ground(dice)
    for top in range(0, camera.grid[0], _BAND):
        band = slice(top, top + _BAND)
        seen, painted = view.faces[band], planes[:, band]
        painted[:] = table.take(seen, axis=1)
        if (seen == GROUND).any():
            _fill_ground(painted, labels[top // 2 : (top + _BAND) // 2], layout.road, camera, view, band, ground)
        _fill_standing(painted, kinds.take(seen).ravel(), layout, places(camera, view, band))
    return Surface(planes[:3], planes[3], labels, instances)


def _fill_ground(
    planes: Floats, labels: LabelMap, road: Road, camera: Camera, view: View, band: slice, ground: Ground
) -> None:
    """Paint whole rows of ground, and say what it is; only where it is bare this is kept."""
    bare = view.faces[band] == GROUND
    z = view.ground[band, None].astype(np.float32)
    x = z * camera.rays()[0].astype(np.float32)
    painted, classes = paint_ground(road, x, z, z / np.float32(camera.focal), ground)
    for plane, values in zip(planes, painted, strict=False):
        np.copyto(plane, values, where=bare)
    np.copyto(labels, classes[1::2, 1::2], where=bare[1::2, 1::2])


def _fill_standing(
    planes: Floats, kinds: npt.NDArray[np.int16], layout: Layout, place: tuple[Floats, Floats, Floats]
) -> None:
    """Paint facades and leaves over their plain colours."""
    walls, leaves = np.flatnonzero(kinds >= FIRST_FACADE), np.flatnonzero(kinds == FOLIAGE)
    flat = planes.reshape(4, -1)
    if len(walls):
        numbers, bare = kinds.take(walls) - FIRST_FACADE, flat[:3].take(walls, axis=1)
        _fill(flat, walls, paint_walls(layout, bare, numbers, _at(place, walls)))
    x, y, z = _at(place, leaves)
    grain = noise_at(noise_tile(3), x * 34 + z * 27 + 9000, y * 34 + 9000)
    _fill(flat, leaves, flat[:3].take(leaves, axis=1) * (np.float32(0.62) + np.float32(0.76) * grain))


def _fill(planes: Floats, samples: IntArray, values: Floats) -> None:
    """Write values (C, N) into the first planes at N samples; plane by plane, which NumPy does twice as fast."""
    for plane, value in zip(planes, values, strict=False):
        plane[samples] = value


def places(camera: Camera, view: View, band: slice) -> tuple[Floats, Floats, Floats]:
    """Compute x, y and z in metres of what every sample of some rows shows, each (rows, columns) float32."""
    sideways, downward = (ray.astype(np.float32) for ray in camera.rays())
    z = view.depth[band].astype(np.float32)
    return z * sideways, np.float32(camera.above_ground) - z * downward[band, None], z


def _at(place: tuple[Floats, Floats, Floats], samples: IntArray) -> tuple[Floats, Floats, Floats]:
    """Compute the places of some samples, given as (N,) indices into the flattened grid."""
    x, y, z = (part.take(samples) for part in place)
    return x, y, z
