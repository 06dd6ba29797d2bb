"""The contact sheet shows every kind of truth of every time of day."""

from pathlib import Path

import numpy as np
import pytest

from bench.errors import UserError
from bench.images import read_image
from synth.scene_sheet import draw_boxes, draw_depth, draw_labels, draw_masks, scene_sheet
from synth.scenes import open_streets


def test_sheet_has_a_row_per_time_and_five_columns(tmp_path: Path) -> None:
    source = open_streets(None, {"count": 12, "width": 96, "height": 64})
    scene_sheet(source, tmp_path / "sheet.png")
    sheet = read_image(tmp_path / "sheet.png")
    assert sheet.shape == (3 * (64 + 6), 5 * (96 + 6), 3)
    rows = sheet.reshape(3, 70, -1, 3)[:, 3:67, 3:99].mean(axis=(1, 2, 3))
    assert rows[2] < rows[0], "night is darker than day"


def test_sheet_says_what_it_lacks(tmp_path: Path) -> None:
    source = open_streets(None, {"count": 1, "width": 64, "height": 64})
    with pytest.raises(UserError, match="larger count"):
        scene_sheet(source, tmp_path / "sheet.png")


def test_overlays_change_what_they_should() -> None:
    source = open_streets(None, {"count": 4, "width": 160, "height": 96})
    scene = max((source.load(id) for id in source.ids), key=lambda scene: len(scene.truth.instances.areas))
    x1, y1, *_ = scene.truth.instances.boxes[0].astype(int)
    assert (draw_boxes(scene)[y1, x1] != scene.clean[y1, x1]).any()
    assert (np.ptp(draw_masks(scene).astype(int), axis=2) > 30).any()
    road = scene.truth.label_map == 0
    assert (draw_labels(scene)[road] == (128, 64, 128)).all()
    grey = draw_depth(scene)[..., 0].astype(float)
    assert grey[-1].mean() > grey[scene.truth.label_map == 10].mean()
