"""The z-buffer against brute force, and chance against its promises."""

import numpy as np
import pytest

from synth.streets.camera import Camera, covered, look, spans_of
from synth.streets.dice import TILE, Dice, hashed, noise_at, noise_tile
from synth.streets.solids import Sculptor

CAMERA = Camera(height=24, width=40, focal=30.0, horizon=11.0, above_ground=1.4)


def polygons(count: int) -> np.ndarray:
    """Random triangles and quadrangles that face the camera at random slants, in metres."""
    rng = np.random.default_rng(5)
    faces = []
    for _ in range(count):
        sculptor = Sculptor()
        angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 7)))
        u, v = rng.normal(size=(2, 3))
        centre = np.array([rng.uniform(-4, 4), rng.uniform(0, 3), rng.uniform(6, 14)])
        sculptor.face("x", *[tuple(centre + np.cos(a) * u + np.sin(a) * v) for a in angles])
        faces.append(sculptor.model().corners)
    return np.concatenate(faces)


def nearest_by_rays(corners: np.ndarray, row: int, column: int) -> tuple[int, float]:
    """Which face a ray through a sample meets first, by intersecting it with every plane."""
    ray = np.array([(column - CAMERA.width) / 2 / CAMERA.focal, (2 * CAMERA.horizon - row) / 2 / CAMERA.focal, 1.0])
    eye = np.array([0, CAMERA.above_ground, 0])
    best = (1, 1000.0) if ray[1] >= -CAMERA.above_ground / 1000 else (0, -CAMERA.above_ground / ray[1])
    for index, face in enumerate(corners):
        points = face[: len(np.unique(face, axis=0))]
        normal = np.cross(points[1] - points[0], points[2] - points[0])
        distance = normal @ (points[0] - eye) / (normal @ ray)
        hit = eye + distance * ray
        sides = [normal @ np.cross(q - p, hit - p) for p, q in zip(points, np.roll(points, -1, axis=0), strict=True)]
        if min(sides) >= 0 and 0 < distance < best[1]:
            best = index + 2, distance
    return best


def test_the_nearest_face_wins_at_every_sample() -> None:
    corners = polygons(25)
    view = look(CAMERA, corners)
    wrong = 0
    for row in range(CAMERA.grid[0]):
        for column in range(CAMERA.grid[1]):
            face, depth = nearest_by_rays(corners, row, column)
            if face == view.faces[row, column]:
                assert view.depth[row, column] == pytest.approx(depth, rel=1e-4)
            else:
                wrong += 1
    assert wrong <= 3, "only samples exactly on an edge may differ"
    assert len(np.unique(view.faces)) > 15


def test_neighbours_share_an_edge_without_gap_or_overlap() -> None:
    rng = np.random.default_rng(2)
    cuts = np.sort(rng.uniform(1, 30, 6))
    slants = rng.uniform(-3, 3, 6)
    columns = [[a, b, b + t, a + s] for a, b, s, t in zip(cuts, cuts[1:], slants, slants[1:], strict=False)]
    spans = spans_of(np.array(columns), np.tile([0.3, 0.3, 19.6, 19.6], (5, 1)), (24, 40))
    painted = np.zeros((24, 40), int)
    for row, start, stop in zip(spans.rows, spans.starts, spans.stops, strict=True):
        painted[row, start:stop] += 1
    assert painted.max() == 1
    for row in range(1, 20):
        filled = np.flatnonzero(painted[row])
        assert len(filled) == filled[-1] - filled[0] + 1


def test_faces_behind_the_camera_or_out_of_the_picture_are_left_out() -> None:
    sculptor = Sculptor()
    sculptor.upright("x", 0.2, (-1, 1), (0, 2))
    sculptor.upright("x", 9.0, (100, 101), (0, 2))
    corners = sculptor.model().corners
    assert look(CAMERA, corners).faces.max() == 1
    assert not covered(CAMERA, corners).any()


def test_a_wall_at_nine_metres_is_at_nine_metres() -> None:
    sculptor = Sculptor()
    sculptor.upright("x", 9.0, (-1, 1), (0, 2))
    view = look(CAMERA, sculptor.model().corners)
    np.testing.assert_allclose(view.depth[view.faces == 2], 9.0, rtol=1e-9)
    # 2 m at 9 m with a focal length of 30 pixels are 6.67 pixels, sampled twice as finely
    assert (view.faces == 2).any(axis=0).sum() == pytest.approx(2 * 30 * 2 / 9, abs=1)
    np.testing.assert_array_equal(covered(CAMERA, sculptor.model().corners), view.faces == 2)


def test_dice_repeat_and_differ_by_key() -> None:
    throws = [Dice(1, 2).between(0, 1) for _ in range(2)]
    assert throws[0] == throws[1] != Dice(1, 3).between(0, 1)
    dice = Dice(7)
    sample = np.array([dice.between(2, 4) for _ in range(4000)])
    assert 2 <= sample.min() < 2.01
    assert 3.99 < sample.max() < 4
    assert sample.mean() == pytest.approx(3, abs=0.03)
    assert {dice.below(5) for _ in range(200)} == set(range(5))


def test_raw_stream_of_the_dice() -> None:
    """First throw computed by hand from PCG64's raw stream: NumPy guarantees it across versions."""
    raw = np.random.PCG64(np.random.SeedSequence((5, 6))).random_raw()
    assert Dice(5, 6).between(0, 1) == (raw >> 11) / 2**53


def test_noise_is_centred_and_of_unit_spread() -> None:
    noise = Dice(3).noise(100_001)
    assert noise.shape == (100_001,)
    assert abs(noise.mean()) < 0.02
    assert noise.std() == pytest.approx(1, abs=0.02)


def test_noise_tile_has_no_seam() -> None:
    tile = noise_tile(3)
    assert tile.min() == 0
    assert tile.max() == 1
    inside = np.abs(np.diff(tile, axis=0)).mean()
    assert np.abs(tile[0] - tile[-1]).mean() < 1.5 * inside
    x = np.array([3.2, 3.2 + TILE], np.float32)
    assert np.ptp(noise_at(tile, x, x)) == 0


def test_hashed_is_even() -> None:
    a, b = np.meshgrid(np.arange(200, dtype=np.int32), np.arange(200, dtype=np.int32))
    values = hashed(a, b)
    counts, _ = np.histogram(values, 10, (0, 1))
    assert counts.min() > 3700
    assert abs(np.corrcoef(values[:-1].ravel(), values[1:].ravel())[0, 1]) < 0.02
