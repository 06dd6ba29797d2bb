"""The contract test of task models finds what it is meant to find."""

import socket
from pathlib import Path

import numpy as np
import pytest

from bench.api.models import try_model
from bench.contract import Detections, Options
from bench.errors import ImageError, UserError
from tasks.check import check_model, difference


def seen(*scores: float) -> Detections:
    count = len(scores)
    return Detections(np.zeros((count, 4)), np.array(scores), np.zeros(count, dtype=np.int64))


def brightness(images, samples):
    return [seen(float(image.mean()) / 255) for image in images]


def in_place(images, samples):
    for image in images:
        image //= 2
    return brightness(images, samples)


def calls_home(images, samples):
    with socket.socket() as line:
        line.connect(("192.0.2.1", 80))
    return brightness(images, samples)


def even_only(images, samples):
    if images[0].shape[0] % 2:
        raise ValueError("odd height")
    return brightness(images, samples)


def random(images, samples):
    return [seen(float(score)) for score in np.random.default_rng().random(len(images))]


def of_the_batch(images, samples):
    return [seen(float(images[0].mean()) / 255) for _ in images]


def formless(images, samples):
    raise ImageError("the answer lacks 'scores'")


def test_a_sound_model_passes(image_of) -> None:
    assert all(finding.passed for finding in check_model(brightness, image_of(130, 140, 1)))


@pytest.mark.parametrize(
    ("judge", "rule", "detail"),
    [
        (in_place, "leaves its images alone", "overwritten"),
        (even_only, "any size, odd ones too", "127x95: ValueError: odd height"),
        (random, "same image, same answer", "scores differ"),
        (of_the_batch, "an image's answer does not depend on its neighbours", "image 2 of 3: scores differ"),
    ],
)
def test_each_fault_is_found_and_named(judge, rule, detail, image_of) -> None:
    finding = next(finding for finding in check_model(judge, image_of(130, 140, 1)) if finding.rule == rule)
    assert not finding.passed
    assert detail in finding.detail


def test_a_look_at_the_network_is_found(image_of, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda *_: None)
    finding = check_model(calls_home, image_of(130, 140, 1))[-1]
    assert (finding.rule, finding.passed) == ("no network while judging", False)
    assert "192.0.2.1" in finding.detail


def test_of_a_wrong_form_nothing_else_is_told(image_of) -> None:
    (finding,) = check_model(formless, image_of(130, 140, 1))
    assert finding.detail == "the answer lacks 'scores'"


def test_answers_are_compared_as_they_count() -> None:
    assert difference(seen(0.5), seen(0.5, 0.4)) == "1 objects became 2"
    assert difference(seen(0.5), seen(0.50001)) == ""
    labels = np.zeros((40, 50), np.uint8)
    assert difference(labels, labels) == ""
    assert difference(labels, labels + np.uint8(1)) == "2000 of 2000 pixels differ"


MINE = """
CLASSES = ['unicorn', 'lion']
def build(options):
    return lambda images: [{'boxes': [[0, 0, 9, 9]], 'scores': [0.5], 'classes': ['lion']} for _ in images]
"""


def test_a_file_is_tried_by_its_own_classes_or_those_of_a_dataset(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    model = f"detection={tmp_path / 'mine.py'}:build"
    for classes in ("", "lion,tiger"):
        assert all(finding.passed for finding in try_model(model, Options(), classes))
    with pytest.raises(UserError, match="have none in common"):
        try_model(model, Options(), "coco")
    with pytest.raises(UserError, match=r"no known label space, nor names\. Did you mean coco"):
        try_model(model, Options(), "cocos")


def test_what_cannot_be_tried_is_refused(tmp_path: Path) -> None:
    for named in ("quality=x", "detection", "mine.py:build"):
        with pytest.raises(UserError, match="expected TASK=MODEL"):
            try_model(named, Options())
    (tmp_path / "mine.py").write_text(MINE)
    with pytest.raises(UserError, match=r"none\.png"):
        try_model(f"detection={tmp_path / 'mine.py'}:build", Options(), picture=tmp_path / "none.png")
