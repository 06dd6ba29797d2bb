"""The contact sheet shows every kind of truth of every time of day."""

from pathlib import Path

import numpy as np
import pytest

from bench.contract import Image, Photograph
from bench.errors import UserError
from bench.io.images import read_image
from synth.streets.sheet import clean_of, draw_boxes, draw_labels, draw_masks, scene_sheet, write_sheet
from synth.streets.source import open_streets


def darker(scene: Photograph) -> Image:
    return clean_of(scene) // 2


def test_sheet_has_two_rows_a_time_and_three_columns() -> None:
    source = open_streets(None, {"count": 12, "width": 96, "height": 64})
    sheet = scene_sheet(source, darker, lambda rainy: rainy + 20)
    assert sheet.shape == (3 * 2 * (64 + 6), 3 * (96 + 6), 3)
    tiles = sheet.reshape(6, 70, 3, 102, 3)[:, 3:67, :, 3:99]
    clean, rainy, restored = (tiles[::2, :, column] for column in range(3))
    assert clean[2].mean() < clean[0].mean(), "night is darker than day"
    assert (rainy == clean // 2).all()
    assert (restored == rainy + 20).all()
    boxes, masks, labels = (tiles[1::2, :, column] for column in range(3))
    assert 0 < (boxes != clean).any(axis=-1).mean() < 0.5
    assert (masks != clean).any(axis=-1).mean() > 0.5
    assert ((labels == (128, 64, 128)).all(axis=-1).mean(axis=(1, 2)) > 0.05).all(), "road, in Cityscapes' colour"


def test_a_written_sheet_looks_the_same(tmp_path: Path) -> None:
    source = open_streets(None, {"count": 12, "width": 96, "height": 64})
    sheet = scene_sheet(source, darker, np.flipud)
    write_sheet(tmp_path / "sheet.png", sheet)
    written = read_image(tmp_path / "sheet.png")
    assert written.shape == sheet.shape
    assert np.abs(written.astype(int) - sheet).mean() < 4


def test_sheet_says_what_it_lacks() -> None:
    source = open_streets(None, {"count": 1, "width": 64, "height": 64})
    with pytest.raises(UserError, match="larger count"):
        scene_sheet(source, darker, darker)


def test_overlays_change_what_they_should() -> None:
    source = open_streets(None, {"count": 4, "width": 160, "height": 96})
    scene = max((source.load(id) for id in source.ids), key=lambda scene: len(scene.truth.instances.areas))
    x1, y1, *_ = scene.truth.instances.boxes[0].astype(int)
    assert (draw_boxes(scene)[y1, x1] != scene.clean[y1, x1]).any()
    assert (np.ptp(draw_masks(scene).astype(int), axis=2) > 30).any()
    road = scene.truth.label_map == 0
    assert (draw_labels(scene)[road] == (128, 64, 128)).all()
