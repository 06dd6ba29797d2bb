from __future__ import annotations

import base64
import io

import numpy as np
import pandas as pd
from PIL import Image as Pillow

from bench.contract import ClassSpace, Sample, Truth
from bench.report.evidence import EvidenceStyle
from bench.report.gallery import choose_images, image_scores
from bench.report.layers import true_layer
from bench.scoring.per_image import join_measures

SPACE = ClassSpace("own", (7, 0, 33), ("road", "sky", "car"))


def per_image(values: dict[tuple[str, str, str], float]) -> pd.DataFrame:
    rows = [("d", row, image, metric, value) for (row, image, metric), value in values.items()]
    return pd.DataFrame(rows, columns=["dataset", "derainer", "image", "metric", "value"])


def test_f1_is_made_of_the_counts_and_undefined_without_any() -> None:
    counts = {"tp@0.25/0.60": 3.0, "fp@0.25/0.60": 1.0, "fn@0.25/0.60": 2.0}
    nothing = dict.fromkeys(counts, 0.0)
    table = {("rain", "a", metric): value for metric, value in counts.items()}
    table |= {("rain", "b", metric): value for metric, value in nothing.items()}
    scores = image_scores(per_image(table | {("rain", "b", "psnr_y"): 20.0}), "d")
    assert scores.measures == ("F1 of boxes", "PSNR (dB)")
    assert scores.of("rain", "a") == {"F1 of boxes": 6 / 9}
    assert scores.of("rain", "b") == {"PSNR (dB)": 20.0}
    assert scores.of("rain", "c") == scores.of("absent", "a") == {}
    assert image_scores(join_measures([]), "d").measures == ()


def test_of_two_tasks_with_one_measure_the_later_one_counts() -> None:
    first = {("rain", "a", f"{count}@0.50/0.60"): 1.0 for count in ("tp", "fp", "fn")}
    later = {("rain", "a", "tp@0.25/0.60"): 3.0, ("rain", "a", "fp@0.25/0.60"): 1.0, ("rain", "a", "fn@0.25/0.60"): 2.0}
    assert image_scores(per_image(first | later), "d").of("rain", "a") == {"F1 of boxes": 6 / 9}
    assert image_scores(per_image(later | first), "d").of("rain", "a") == {"F1 of boxes": 0.5}


def test_the_most_gained_and_the_most_harmed_come_first_derainer_by_derainer() -> None:
    gains = {"one": (5, -4, 0, 1, 0), "two": (0, 1, 9, 0, -7)}
    table = {("rain", image, "mIoU"): 50.0 for image in "abcde"}
    table |= {
        (row, image, "mIoU"): 50.0 + gain
        for row, values in gains.items()
        for image, gain in zip("abcde", values, strict=True)
    }
    scores = image_scores(per_image(table), "d")
    assert choose_images(scores, ["one", "two"], list("abcdef"), 4) == ["a", "b", "c", "e"]
    assert choose_images(scores, ["one", "two"], list("abcdef"), 3, first=["f", "gone"]) == ["f", "a", "b"]
    assert choose_images(scores, [], list("fedcba"), 2) == ["f", "e"], "nothing to compare: as they come"
    assert len(choose_images(scores, ["one"], list("abcdef"), 99)) == 6


def test_a_mask_is_a_picture_of_classes_with_nothing_see_through() -> None:
    labels = np.array([[7, 7, 255, 255], [33, 33, 0, 5]], dtype=np.uint8)
    image = np.zeros((2, 4, 3), dtype=np.uint8)
    sample = Sample("a", image, image, Truth((2, 4), label_map=labels))
    layer = true_layer(EvidenceStyle("segments", SPACE, "classes of pixels"), sample, (4, 2))
    assert layer["classes"] == [0, 1, 2]
    picture = Pillow.open(io.BytesIO(base64.b64decode(str(layer["mask"]).partition(",")[2])))
    places = np.asarray(picture)
    assert places.tolist() == [[0, 0, 255, 255], [2, 2, 1, 255]], "255 and ids of no class show nothing"
    seen = np.asarray(picture.convert("RGBA"))
    assert (seen[..., 3] == np.where(places == 255, 0, 255)).all()
    assert len({tuple(pixel) for pixel in seen[seen[..., 3] > 0]}) == 3
