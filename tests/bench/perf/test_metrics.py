from __future__ import annotations

import numpy as np
import pytest

from bench.perf.metrics import _of_detections, _of_labels, _of_masks, _of_pictures, metric_speeds


def test_both_ways_of_every_comparison_give_the_same() -> None:
    pytest.importorskip("piq")
    noise = np.random.default_rng(0)
    pairs = {
        what: (ours(), other())
        for what, ours, other in (
            *_of_pictures(noise),
            *_of_labels(noise),
            *_of_masks(noise, 4, 3),
            *_of_detections(noise, 6, 3),
        )
    }
    assert len(pairs) == 6
    for what, (ours, other) in pairs.items():
        if what.startswith("confusion"):
            assert np.array_equal(ours[:, :-1], other)  # type: ignore[index]
        elif what.startswith("AP of 6 images"):
            assert ours[0]["AP"] == pytest.approx(other, abs=1e-12)  # type: ignore[index]
        elif what.startswith("AP of 3 resamples"):
            assert ours["AP"] == pytest.approx(other, abs=2e-3)  # type: ignore[index]  # equal scores: see resampling
        else:  # piq's FSIM filters in single precision and differs in its padding
            assert np.asarray(ours) == pytest.approx(np.asarray(other), abs=2e-2 if "FSIM" in what else 1e-9)


def test_a_row_a_comparison_with_its_ratio() -> None:
    frame = metric_speeds(turns=1, images=2, resamples=2)
    assert list(frame.columns) == ["what", "height", "width", "seconds", "reference_seconds", "ratio"]
    assert (frame[["seconds", "reference_seconds", "ratio"]] > 0).all(axis=None)
    assert any("pycocotools" in what for what in frame["what"])
