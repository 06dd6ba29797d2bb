"""Project a street by a pinhole camera over flat ground, and find by a z-buffer what it sees.

The world is in metres, with the camera's foot as origin: x to the right, y up, z forward. The camera looks along z.
The picture is sampled at twice its size plus one, so that sample ``(2 r + 1, 2 c + 1)`` is the centre of pixel
``(r, c)``: truth is read there, and the samples around it smooth the edges of the image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.contract import FloatArray, IntArray

NEAREST_METRES = 0.6
FARTHEST_METRES = 1000.0
GROUND, SKY = 0, 1
"""Faces that fill the picture before anything is drawn."""

_INVERSE_DEPTH_STEPS = 2.0**34
_FACE_BITS = 16
_SPANS = 2048
"""Runs of samples drawn at a time: so that what is computed on the way stays in the cache."""


@dataclass(frozen=True)
class Camera:
    """Pinhole camera that maps metres of the street to samples of the picture.

    Attributes:
        height, width: Size of the picture in pixels.
        focal: Focal length in pixels.
        horizon: Row of the horizon in pixels from the upper edge.
        above_ground: Height of the camera in metres.
    """

    height: int
    width: int
    focal: float
    horizon: float
    above_ground: float

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of samples."""
        return 2 * self.height + 1, 2 * self.width + 1

    def project(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Project world points (..., 3) to columns and rows of samples. Depth must be positive."""
        scale = 2 * self.focal / points[..., 2]
        columns = self.width + scale * points[..., 0]
        rows = 2 * self.horizon + scale * (self.above_ground - points[..., 1])
        return columns, rows

    def rays(self) -> tuple[FloatArray, FloatArray]:
        """Sideways (columns,) and downward (rows,) metres per metre of depth, per sample."""
        rows, columns = self.grid
        sideways: FloatArray = (np.arange(columns) - self.width) / (2 * self.focal)
        downward: FloatArray = (np.arange(rows, dtype=np.float64) - 2 * self.horizon) / (2 * self.focal)
        return sideways, downward

    def inverse_depth_planes(self, corners: FloatArray) -> FloatArray:
        """Inverse depth of flat faces, an affine function of the sample: a column + b row + c.

        Args:
            corners: (F, K, 3) world points; the plane is the one of the polygon's area vector.

        Returns:
            (F, 3) coefficients a, b, c; for faces seen edge on, which hardly cover a sample, that of their middle.
        """
        seen = corners * (1.0, -1.0, 1.0) + (0.0, self.above_ground, 0.0)
        normal = area_vectors(seen)
        distance = (normal * seen[:, 0]).sum(axis=1)
        size = np.sqrt((normal * normal).sum(axis=1))
        edge_on = np.abs(distance) < 1e-9 * size + 1e-12
        scale = np.where(edge_on, np.inf, distance)
        a = normal[:, 0] / (2 * self.focal) / scale
        b = normal[:, 1] / (2 * self.focal) / scale
        c = normal[:, 2] / scale - a * self.width - b * 2 * self.horizon
        c[edge_on] = 1 / seen[edge_on, :, 2].mean(axis=1)
        return np.stack([a, b, c], axis=1)


def area_vectors(corners: FloatArray) -> FloatArray:
    """Compute normals (F, 3) of flat polygons (F, K, 3), as long as twice the area between their first four corners."""
    x, y, z = np.moveaxis(corners[:, 1:4] - corners[:, :1], -1, 0)

    def twice_area(a: FloatArray, b: FloatArray) -> FloatArray:
        area: FloatArray = a[:, 0] * b[:, 1] - b[:, 0] * a[:, 1] + (a[:, 1] * b[:, 2] - b[:, 1] * a[:, 2])
        return area

    return np.stack([twice_area(y, z), twice_area(z, x), twice_area(x, y)], axis=1)


@dataclass(frozen=True)
class Spans:
    """Runs of samples that polygons cover: polygon, row, first column, and one past the last column."""

    polygons: IntArray
    rows: IntArray
    starts: IntArray
    stops: IntArray


def spans_of(columns: FloatArray, rows: FloatArray, grid: tuple[int, int]) -> Spans:
    """Scan-convert convex polygons, all at once.

    A sample is covered when it lies inside; on a left or upper edge it counts, on a right or lower one not, so
    neighbours neither overlap nor gape.

    Args:
        columns: (P, K) corner columns in samples; polygons with fewer corners repeat their last one.
        rows: (P, K) corner rows in samples.
        grid: Rows and columns of samples; what lies outside is cut off.
    """
    next_rows, next_columns = np.roll(rows, -1, axis=1), np.roll(columns, -1, axis=1)
    top = np.clip(np.ceil(np.minimum(rows, next_rows)), 0, grid[0]).astype(np.int64)
    bottom = np.clip(np.ceil(np.maximum(rows, next_rows)), 0, grid[0]).astype(np.int64)
    polygon, corner = np.nonzero(bottom > top)
    top, bottom = top[polygon, corner], bottom[polygon, corner]
    x0, y0 = columns[polygon, corner], rows[polygon, corner]
    x1, y1 = next_columns[polygon, corner], next_rows[polygon, corner]
    slope = (x1 - x0) / (y1 - y0)

    first = np.full(len(columns), grid[0], np.int64)
    last = np.zeros(len(columns), np.int64)
    np.minimum.at(first, polygon, top)
    np.maximum.at(last, polygon, bottom)
    count = np.maximum(last - first, 0)
    offset = np.cumsum(count) - count

    edge, row = _unrolled(top, bottom)
    x = x0[edge] + slope[edge] * (row - y0[edge])
    slot = offset[polygon[edge]] + row - first[polygon[edge]]
    falling = (y1 > y0)[edge]
    sides = np.full((2, int(count.sum())), np.nan)
    sides[0, slot[falling]] = x[falling]
    sides[1, slot[~falling]] = x[~falling]

    owner, row = _unrolled(first, first + count)
    starts = np.clip(np.ceil(np.fmin(sides[0], sides[1])), 0, grid[1])
    stops = np.clip(np.ceil(np.fmax(sides[0], sides[1])), 0, grid[1])
    kept = stops > starts
    return Spans(owner[kept], row[kept], starts[kept].astype(np.int64), stops[kept].astype(np.int64))


def _unrolled(starts: IntArray, stops: IntArray) -> tuple[IntArray, IntArray]:
    """Repeat the index of every range, beside the numbers in the range."""
    count = stops - starts
    index = np.repeat(np.arange(len(count)), count)
    return index, np.arange(len(index)) + np.repeat(starts - np.cumsum(count) + count, count)


@dataclass(frozen=True)
class View:
    """Nearest face and depth at each sample.

    Attributes:
        faces: (rows, columns) int64: GROUND, SKY, or 2 + index of a drawn face.
        depth: (rows, columns) float64, metres along z.
        ground: (rows,) float64, depth of the bare ground; FARTHEST_METRES above the horizon.
    """

    faces: IntArray
    depth: FloatArray
    ground: FloatArray


def look(camera: Camera, corners: FloatArray) -> View:
    """Find the nearest face at every sample.

    Args:
        camera: The camera.
        corners: (F, K, 3) convex flat faces in metres; those nearer than NEAREST_METRES are left out.
    """
    rows, columns = camera.grid
    filling = _filling(camera)
    buffer = np.repeat(filling, columns)

    shown = np.flatnonzero(corners[..., 2].min(axis=1) > NEAREST_METRES)
    across, down = camera.project(corners[shown])
    inside = (across.max(axis=1) > 0) & (across.min(axis=1) < columns) & (down.max(axis=1) > 0)
    shown = shown[inside]
    spans = spans_of(across[inside], down[inside], camera.grid)
    a, b, c = camera.inverse_depth_planes(corners[shown]).T.take(spans.polygons, axis=1)
    # One long row of samples: span after span, so that a place in it says both column and depth.
    count = spans.stops - spans.starts
    begin = spans.starts - np.cumsum(count) + count
    # Faces that are not quite flat, seen almost edge on, would reach beyond their corners: hold both ends back.
    inverse = 1 / corners[shown, :, 2]
    low, high = inverse.min(axis=1)[spans.polygons], inverse.max(axis=1)[spans.polygons]
    first = np.clip(a * spans.starts + b * spans.rows + c, low, high)
    slope = (np.clip(a * (spans.stops - 1) + b * spans.rows + c, low, high) - first) / np.maximum(count - 1, 1)
    lines = slope * _INVERSE_DEPTH_STEPS, (first + slope * (begin - spans.starts)) * _INVERSE_DEPTH_STEPS
    targets = spans.rows * columns + begin, shown[spans.polygons] + 2
    for start in range(0, len(count), _SPANS):
        some = slice(start, start + _SPANS)
        place = np.arange(count[some].sum()) + (spans.starts - begin)[start]
        steps = np.repeat(lines[0][some], count[some])
        steps *= place
        steps += np.repeat(lines[1][some], count[some])
        keys = steps.astype(np.int64)
        keys <<= _FACE_BITS
        keys += np.repeat(targets[1][some], count[some])
        place += np.repeat(targets[0][some], count[some])
        np.maximum.at(buffer, place, keys)

    faces = buffer & ((1 << _FACE_BITS) - 1)
    return View(faces.reshape(rows, columns), _depth(buffer).reshape(rows, columns), _depth(filling))


def _filling(camera: Camera) -> IntArray:
    """Fill the buffer (rows,) before anything is drawn: whole steps of inverse depth, and the face."""
    _, downward = camera.rays()
    ground = np.maximum(downward / camera.above_ground, 0.0)
    steps = np.rint(np.maximum(ground, 1 / FARTHEST_METRES) * _INVERSE_DEPTH_STEPS).astype(np.int64)
    return (steps << _FACE_BITS) + np.where(ground > 1 / FARTHEST_METRES, GROUND, SKY)


def _depth(buffer: IntArray) -> FloatArray:
    """Convert whole steps of inverse depth to metres along z."""
    steps = (buffer >> _FACE_BITS).astype(np.float64)
    np.divide(_INVERSE_DEPTH_STEPS, steps, out=steps)
    return np.minimum(steps, FARTHEST_METRES, out=steps)


def covered(camera: Camera, corners: FloatArray) -> npt.NDArray[np.bool_]:
    """Find the samples inside any of these faces, near or far: for shadows on the ground."""
    rows, columns = camera.grid
    shown = corners[corners[..., 2].min(axis=1) > NEAREST_METRES]
    change = np.zeros((rows, columns + 1), np.int16)
    spans = spans_of(*camera.project(shown), camera.grid)
    np.add.at(change.ravel(), spans.rows * (columns + 1) + spans.starts, 1)
    np.add.at(change.ravel(), spans.rows * (columns + 1) + spans.stops, -1)
    inside: npt.NDArray[np.bool_] = np.cumsum(change, axis=1, dtype=np.int16)[:, :-1] > 0
    return inside
