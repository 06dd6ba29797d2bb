"""Measures of single images keep their order and their text, packed, joined and read again."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.contract import ImageMeasure
from bench.errors import UserError
from bench.runs.records import write_frame
from bench.runs.rows import Row
from bench.scoring.per_image import COLUMNS, join_measures, pack_measures, read_measures

RAIN = [ImageMeasure("b", "psnr_y", 20.5), ImageMeasure("a", "psnr_y", 21.0), ImageMeasure("NA", "ssim_y", 0.5)]
CLEAN = [ImageMeasure("c,d", "niqe", 3.25), ImageMeasure("a", "psnr_y", 50.0)]
LINES = [
    ("d", "rain", "quality", "", "b", "psnr_y", 20.5),
    ("d", "rain", "quality", "", "a", "psnr_y", 21.0),
    ("d", "rain", "quality", "", "NA", "ssim_y", 0.5),
    ("d", "clean", "detection", "net", "c,d", "niqe", 3.25),
    ("d", "clean", "detection", "net", "a", "psnr_y", 50.0),
]


def test_lines_of_a_file_are_those_of_the_parts_in_order_written_and_read(tmp_path: Path) -> None:
    parts = [
        pack_measures(Row("d", "rain", "quality"), "", RAIN),
        pack_measures(Row("d", "other", "quality"), "", []),
        pack_measures(Row("d", "clean", "detection"), "net", CLEAN),
    ]
    joined = join_measures(parts)
    assert list(joined.itertuples(index=False, name=None)) == LINES
    write_frame(tmp_path / "per_image.csv", joined)
    assert list(read_measures(tmp_path).itertuples(index=False, name=None)) == LINES


def test_texts_that_repeat_are_kept_once() -> None:
    many = [ImageMeasure(f"image {index:04}", "psnr_y", float(index)) for index in range(5000)]
    parts = [pack_measures(Row("d", name, "quality"), "", many) for name in "abcdefgh"]
    texts = 5000 * (49 + len("image 0000") + 8)
    assert join_measures(parts).memory_usage(deep=True).sum() < 40000 * (8 + 4 + 5) + 2 * texts


def test_nothing_is_an_empty_table(tmp_path: Path) -> None:
    for empty in (join_measures([]), read_measures(tmp_path)):
        assert (list(empty.columns), len(empty)) == (COLUMNS, 0)


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", ",".join(COLUMNS) + "\nd,r,t,m,i,psnr_y,high\n"])
def test_a_damaged_file_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "per_image.csv").write_text(text)
    with pytest.raises(UserError, match=r"per_image\.csv"):
        read_measures(tmp_path)
