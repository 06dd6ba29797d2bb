from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from bench.api.images import derain_files, not_read, plan_derain, quality_judge, score_folders
from bench.errors import UserError
from bench.io.images import read_image, write_png
from bench.runner.outcome import Outcome


def invert(image: np.ndarray) -> np.ndarray:
    return 255 - image


@pytest.fixture
def rainy(tmp_path: Path, image_of) -> Path:
    folder = tmp_path / "rainy"
    for seed, id in enumerate("abc"):
        write_png(folder / f"{id}.png", image_of(40, 50, seed))
    return folder


def test_images_are_paired_with_pngs_of_their_name(rainy: Path, tmp_path: Path, image_of) -> None:
    Pillow.fromarray(image_of(40, 50, 9)).save(rainy / "d.jpg")
    out = tmp_path / "out"
    assert plan_derain(rainy, out) == [
        (rainy / f"{id}.{'jpg' if id == 'd' else 'png'}", out / f"{id}.png") for id in "abcd"
    ]
    assert plan_derain(rainy / "d.jpg", out) == [(rainy / "d.jpg", out / "d.png")]
    assert plan_derain(rainy / "d.jpg", tmp_path / "x.PNG") == [(rainy / "d.jpg", tmp_path / "x.PNG")]
    assert not out.exists()


def test_what_cannot_be_planned_is_refused(rainy: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty: no images here; expected files ending in .*\.png"):
        plan_derain(tmp_path / "empty", tmp_path / "out")
    with pytest.raises(UserError, match="absent: no such file or folder"):
        plan_derain(tmp_path / "absent", tmp_path / "out")
    for target in (rainy, rainy / ".." / "rainy"):
        with pytest.raises(UserError, match=r"a\.png would be overwritten"):
            plan_derain(rainy, target)
    with pytest.raises(UserError, match=r"a\.png would be overwritten"):
        plan_derain(rainy / "a.png", rainy / "a.png")
    with pytest.raises(UserError, match=r"x\.jpg: restored images are written as PNG"):
        plan_derain(rainy / "a.png", tmp_path / "x.jpg")
    (rainy / "a.jpg").write_bytes(b"")
    with pytest.raises(UserError, match="share a stem"):
        plan_derain(rainy, tmp_path / "out")


def test_files_are_restored_and_a_bad_one_does_not_stop_the_rest(rainy: Path, tmp_path: Path) -> None:
    (rainy / "b.png").write_bytes((rainy / "b.png").read_bytes()[:-200])
    told: list[Outcome] = []
    failures = derain_files("mine", invert, plan_derain(rainy, tmp_path / "out"), told.append)
    assert [failure.image for failure in failures] == ["b.png"]
    assert "truncated or damaged" in failures[0].reason
    assert [(outcome.id, outcome.failure is None) for outcome in told] == [
        ("a.png", True),
        ("b.png", False),
        ("c.png", True),
    ]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "c.png"]
    assert np.array_equal(read_image(tmp_path / "out/a.png"), 255 - read_image(rainy / "a.png"))


def test_a_derainer_that_breaks_the_contract_fails_its_images(rainy: Path, tmp_path: Path) -> None:
    pairs = plan_derain(rainy, tmp_path / "out")
    failures = derain_files("mine", lambda image: image[1:], pairs, lambda outcome: None)
    assert len(failures) == 3
    assert "expected (40, 50, 3) uint8, got (39, 50, 3) uint8" in failures[0].reason


def test_scores_are_those_of_scikit_image(rainy: Path, tmp_path: Path) -> None:
    from skimage.metrics import peak_signal_noise_ratio

    noise = np.random.default_rng(0)
    for path in rainy.iterdir():
        image = read_image(path)
        noisy = np.clip(image + noise.normal(0, 9, image.shape), 0, 255).astype(np.uint8)
        write_png(tmp_path / "restored" / path.name, noisy)
    frame, failures = score_folders(quality_judge(), tmp_path / "restored", rainy)
    assert not failures
    assert frame["image"].tolist() == ["a", "b", "c"]
    for row in frame.to_dict("records"):
        images = [read_image(folder / f"{row['image']}.png") for folder in (rainy, tmp_path / "restored")]
        assert row["psnr_rgb"] == pytest.approx(peak_signal_noise_ratio(*images, data_range=255), abs=1e-9)


def test_folders_that_do_not_match_are_refused(rainy: Path, tmp_path: Path, image_of) -> None:
    write_png(tmp_path / "restored/a.png", image_of(40, 50, 0))
    with pytest.raises(UserError, match=r"2 images have no partner, first 'b', which .*restored lacks"):
        score_folders(quality_judge(), tmp_path / "restored", rainy)
    with pytest.raises(UserError, match=r"absent: no such folder"):
        score_folders(quality_judge(), tmp_path / "absent", rainy)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"empty: no images here"):
        score_folders(quality_judge(), rainy, tmp_path / "empty")


def test_a_pair_that_cannot_be_scored_is_a_failure(rainy: Path, tmp_path: Path, image_of) -> None:
    write_png(tmp_path / "restored/a.png", image_of(40, 50, 0))
    write_png(tmp_path / "restored/b.png", image_of(40, 51, 0))
    write_png(tmp_path / "restored/c.png", image_of(40, 50, 0))
    (tmp_path / "restored/c.png").write_bytes((rainy / "c.png").read_bytes()[:-200])
    frame, failures = score_folders(quality_judge(), tmp_path / "restored", rainy)
    assert frame["image"].tolist() == ["a"]
    assert [(failure.image, failure.stage) for failure in failures] == [("b", "judge"), ("c", "judge")]
    assert "expected 50x40 pixels" in failures[0].reason


def test_what_looks_like_an_image_and_is_not_read_is_said(rainy: Path, tmp_path: Path, image_of) -> None:
    assert not_read(rainy, rainy / "a.png") == []
    (rainy / "more").mkdir()
    for name in ("d.heic", "e.jfif", "more/f.png"):
        (rainy / name).write_bytes(b"")
    assert not_read(rainy) == [
        f"{rainy}: not read: 1 files ending in .heic, 1 files ending in .jfif, 1 images in more/"
    ]
    (tmp_path / "phone").mkdir()
    (tmp_path / "phone/a.heic").write_bytes(b"")
    for read in (
        lambda: plan_derain(tmp_path / "phone", tmp_path),
        lambda: score_folders(quality_judge(), rainy, tmp_path / "phone"),
    ):
        with pytest.raises(UserError, match=r"no images here; there are 1 files ending in \.heic"):
            read()


def test_names_in_another_unicode_form_are_scored(tmp_path: Path, image_of) -> None:
    for place, name in (("ours", "stra\u00dfe \u00e9"), ("theirs", "stra\u00dfe e\u0301")):
        write_png(tmp_path / place / f"{name}.png", image_of(40, 50, 1))
    frame, failures = score_folders(quality_judge(), tmp_path / "ours", tmp_path / "theirs")
    assert (len(frame), failures) == (1, [])
