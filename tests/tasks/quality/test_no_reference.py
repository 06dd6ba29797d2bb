"""NIQE and SSEQ, with made-up statistics, against plain loops written from their papers and against scikit-learn."""

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat
from scipy.ndimage import gaussian_filter
from scipy.sparse import csc_array
from scipy.stats import skew

from bench.contract import Sample, Truth
from bench.errors import ImageError, UserError
from tasks.quality.grey import grey_of, halve
from tasks.quality.metrics import Statistics, look_at
from tasks.quality.niqe import NiqeModel, _fit, _normalise, niqe, read_niqe
from tasks.quality.sseq import Machine, SseqModel, _probabilities, _spectral_entropies, read_sseq, sseq, sseq_features
from tasks.quality.task import QualityJudge


def noisy(image_of, height: int, width: int, seed: int = 3) -> np.ndarray:
    """Smooth colours with noise that grows to the right, so that no two blocks are alike."""
    noise = np.random.default_rng(seed).normal(0, 1, (height, width, 3)) * np.linspace(2, 40, width)[:, None]
    return np.clip(image_of(height, width, seed) + noise, 0, 255).astype(np.uint8)


def keys(distance: float) -> float:
    """Keys' cubic kernel with a = -0.5 (IEEE TASSP 1981, equation 15)."""
    x = abs(distance)
    if x < 1:
        return 3 / 2 * x**3 - 5 / 2 * x**2 + 1
    return -1 / 2 * x**3 + 5 / 2 * x**2 - 4 * x + 2 if x < 2 else 0.0


def halving(length: int) -> np.ndarray:
    """The matrix that halves a column, its kernel stretched twofold, its border mirrored with the edge repeated."""
    matrix = np.zeros((math.ceil(length / 2), length))
    mirrored = np.pad(np.arange(length), 8, mode="symmetric")
    for row in range(len(matrix)):
        centre = 2 * row + 0.5
        for place in range(int(centre) - 6, int(centre) + 8):
            matrix[row, mirrored[place + 8]] += keys((centre - place) / 2) / 2
    return matrix


@pytest.mark.parametrize("size", [(9, 14), (16, 21), (7, 8), (1, 4), (2, 3)])
def test_halving_equals_a_product_of_matrices(size: tuple[int, int]) -> None:
    plane = np.random.default_rng(2).random(size) * 255
    expected = halving(size[0]) @ plane @ halving(size[1]).T
    np.testing.assert_allclose(halve(plane), expected, atol=1e-10)


def test_grey_values_are_those_of_the_weights() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    # The weights that MATLAB documents for rgb2gray; its rounding takes halves up.
    expected = [
        [math.floor(0.298936 * int(r) + 0.587043 * int(g) + 0.114021 * int(b) + 0.5) for r, g, b in row]
        for row in pixels
    ]
    assert grey_of(pixels).tolist() == expected


SHAPES = [0.2 + 0.001 * step for step in range(9801)]
RATIOS = np.array([math.gamma(2 / s) ** 2 / (math.gamma(1 / s) * math.gamma(3 / s)) for s in SHAPES])


def fitted(values: np.ndarray) -> tuple[float, float, float]:
    """Asymmetric generalised Gaussian by moments (Lasmar et al., ICIP 2009), shapes on the authors' grid."""
    left = math.sqrt(np.mean([v * v for v in values.ravel() if v < 0]))
    right = math.sqrt(np.mean([v * v for v in values.ravel() if v > 0]))
    balance = left / right
    moments = np.abs(values).mean() ** 2 / (values * values).mean()
    wanted = moments * (balance**3 + 1) * (balance + 1) / (balance**2 + 1) ** 2
    shape = SHAPES[int(np.abs(RATIOS - wanted).argmin())]
    scale = math.sqrt(math.gamma(1 / shape) / math.gamma(3 / shape))
    return shape, left * scale, right * scale


def features_of_block(block: np.ndarray) -> list[float]:
    """The 18 features of one block and scale (equations 1 to 8 of the paper)."""
    shape, left, right = fitted(block)
    found = [shape, (left + right) / 2]
    side = len(block)
    for down, along in ((0, 1), (1, 0), (1, 1), (1, -1)):
        shifted = block[(np.arange(side) - down) % side][:, (np.arange(side) - along) % side]
        shape, left, right = fitted(block * shifted)
        found += [shape, (right - left) * math.gamma(2 / shape) / math.gamma(1 / shape), left, right]
    return found


def plain_niqe(image: np.ndarray, model: NiqeModel) -> float:
    grey = grey_of(image)
    rows, columns = grey.shape[0] // 96, grey.shape[1] // 96
    grey = grey[: 96 * rows, : 96 * columns]
    scales = []
    for plane, side in ((grey, 96), (halving(96 * rows) @ grey @ halving(96 * columns).T, 48)):
        blur = lambda one: gaussian_filter(one, 7 / 6, mode="nearest", radius=3)  # noqa: E731
        normal = (plane - blur(plane)) / (np.sqrt(np.abs(blur(plane**2) - blur(plane) ** 2)) + 1)
        tiles = [
            normal[r * side : r * side + side, c * side : c * side + side] for r in range(rows) for c in range(columns)
        ]
        scales.append([features_of_block(tile) for tile in tiles])
    features = np.hstack(scales)
    gap = model.mean - features.mean(axis=0)
    spread = (model.covariance + np.cov(features.T)) / 2
    return math.sqrt(gap @ np.linalg.inv(spread) @ gap)


@pytest.fixture(scope="module")
def pristine() -> NiqeModel:
    rng = np.random.default_rng(8)
    mixed = rng.normal(0, 0.4, (36, 36))
    return NiqeModel(rng.normal(1, 0.5, 36), mixed @ mixed.T + np.eye(36))


@pytest.mark.parametrize("size", [(192, 192), (200, 300)])
def test_niqe_equals_plain_loops(image_of, pristine: NiqeModel, size: tuple[int, int]) -> None:
    image = noisy(image_of, *size)
    assert niqe(image, pristine) == pytest.approx(plain_niqe(image, pristine), rel=1e-9)


def test_flat_and_small_images_have_no_niqe(image_of, pristine: NiqeModel) -> None:
    assert niqe(noisy(image_of, 191, 300), pristine) is None
    assert niqe(np.full((192, 192, 3), 90, dtype=np.uint8), pristine) is None
    one_block = np.full((192, 192, 3), 90, dtype=np.uint8)
    one_block[12:84, 12:84] = noisy(image_of, 72, 72)
    assert niqe(one_block, pristine) is None, "one block has no covariance"


def test_blocks_without_statistics_lend_what_they_have_to_the_mean(image_of, pristine: NiqeModel) -> None:
    """As in the authors' release: flat blocks are out of the covariance, in the mean with their finite features."""
    image = noisy(image_of, 192, 288)
    image[:96, :96] = 90
    plain = niqe(noisy(image_of, 192, 288), pristine)
    assert plain is not None
    assert niqe(image, pristine) != pytest.approx(plain, rel=1e-3)


def plain_sseq_features(image: np.ndarray) -> list[float]:
    """Spatial and spectral entropies block by block (sections 2.1 to 2.3 of the paper)."""
    cosine = np.array([
        [math.sqrt((1 if k == 0 else 2) / 8) * math.cos(math.pi * (2 * n + 1) * k / 16) for n in range(8)]
        for k in range(8)
    ])  # fmt: skip
    plane, found = grey_of(image), []
    for scale in range(3):
        if scale:
            halved = halving(plane.shape[0]) @ plane @ halving(plane.shape[1]).T
            plane = np.clip(np.floor(halved + 0.5), 0, 255)
        full = np.zeros([math.ceil(side / 8) * 8 for side in plane.shape])
        full[: plane.shape[0], : plane.shape[1]] = plane
        spatial, spectral = [], []
        for top in range(0, full.shape[0], 8):
            for left in range(0, full.shape[1], 8):
                block = full[top : top + 8, left : left + 8]
                shares = [count / 64 for count in Counter(block.ravel().tolist()).values()]
                spatial.append(-sum(share * math.log2(share) for share in shares))
                power = ((cosine @ block @ cosine.T) ** 2).ravel()
                power[0] = 1e-8**2
                parts = [part if part > 0 else 1e-8 for part in power / power.sum()]
                spectral.append(-sum(part * math.log2(part) for part in parts))
        for entropies in (spatial, spectral):
            ordered = sorted(entropies)
            middle = ordered[math.ceil(0.2 * len(ordered)) - 1 : math.ceil(0.8 * len(ordered))]
            found += [sum(middle) / len(middle), float(skew(entropies))]
    return found


@pytest.mark.parametrize("size", [(64, 96), (75, 131)])
def test_features_of_sseq_equal_plain_loops(image_of, size: tuple[int, int]) -> None:
    image = noisy(image_of, *size)
    np.testing.assert_allclose(sseq_features(image), plain_sseq_features(image), atol=1e-8)


def test_features_of_sseq_where_halving_leaves_the_range_of_grey_values() -> None:
    squares = np.random.default_rng(4).random((16, 20)).round().repeat(5, axis=0).repeat(5, axis=1)
    image = np.repeat((squares * 255).astype(np.uint8)[..., None], 3, axis=2)
    assert halve(grey_of(image)).max() > 255.5
    spatial = [0, 1, 4, 5, 8, 9]  # a flat block's spectrum is rounding noise
    np.testing.assert_allclose(sseq_features(image)[spatial], np.take(plain_sseq_features(image), spatial), atol=1e-8)


def machine_of(fitted_machine: object, gamma: float) -> Machine:
    """The numbers of libsvm inside scikit-learn; its offsets have the other sign."""
    return Machine(
        fitted_machine.support_vectors_,  # type: ignore[attr-defined]
        fitted_machine._dual_coef_.T,  # type: ignore[attr-defined]
        -fitted_machine._intercept_,  # type: ignore[attr-defined]
        gamma,
    )


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("apart", [0.6, 4])
def test_probabilities_of_the_kinds_of_distortion_equal_scikit_learn(apart: float) -> None:
    """Near classes take several rounds of coupling; far ones reach the bounds of a pair's probability."""
    svm = pytest.importorskip("sklearn.svm")
    if "probability" not in svm.SVC().get_params():
        pytest.skip("this scikit-learn has no probabilities of libsvm any more")
    rng, gamma, kinds = np.random.default_rng(0), 0.08, np.repeat(np.arange(5), 30)
    centres = rng.normal(0, apart, (5, 12))
    classifier = svm.SVC(C=4, gamma=gamma, probability=True, random_state=0)
    classifier.fit(rng.normal(0, 0.8, (150, 12)) + centres[kinds], kinds)
    machine = machine_of(classifier, gamma)
    model = SseqModel(
        low=-np.ones(12), high=np.ones(12), classifier=machine, counts=np.asarray(classifier.n_support_),
        slopes=classifier.probA_, offsets=classifier.probB_, regressions=(),
    )  # fmt: skip
    samples = rng.normal(0, 0.8, (300, 12)) + centres[rng.integers(0, 5, 300)]
    found = [_probabilities(model, sample) for sample in samples]
    np.testing.assert_allclose(found, classifier.predict_proba(samples), atol=1e-9)


def coupled(pairwise: list[list[float]]) -> list[float]:
    """Algorithm 2 of Wu et al. (JMLR 2004), ended where libsvm ends it: at a gradient of 0.005 over the kinds."""
    kinds = range(len(pairwise))
    form = [
        [
            sum(pairwise[s][i] ** 2 for s in kinds if s != i) if i == j else -pairwise[j][i] * pairwise[i][j]
            for j in kinds
        ]
        for i in kinds
    ]
    found = [1 / len(kinds)] * len(kinds)
    while True:
        products = [sum(form[i][j] * found[j] for j in kinds) for i in kinds]
        whole = sum(found[i] * products[i] for i in kinds)
        if max(abs(product - whole) for product in products) < 0.005 / len(kinds):
            return found
        for t in kinds:
            whole = sum(found[i] * form[i][j] * found[j] for i in kinds for j in kinds)
            found[t] = (whole - sum(form[t][j] * found[j] for j in kinds if j != t)) / form[t][t]
            found = [share / sum(found) for share in found]


@pytest.mark.parametrize("steepness", [1, 60])
def test_probabilities_equal_plain_loops_also_where_a_pair_is_certain(steepness: float) -> None:
    rng = np.random.default_rng(2)
    counts = [3, 1, 2, 2, 4]
    machine = Machine(rng.normal(0, 1, (12, 12)), rng.normal(0, 1, (12, 4)), rng.normal(0, 0.3, 10), 0.05)
    slopes, offsets = -steepness * rng.uniform(1, 2, 10), rng.normal(0, 0.2, 10)
    model = SseqModel(np.zeros(12), np.ones(12), machine, np.array(counts), slopes, offsets, ())
    owner = [kind for kind, count in enumerate(counts) for _ in range(count)]
    for sample in rng.normal(0, 1, (20, 12)):
        pairwise, number = [[0.0] * 5 for _ in range(5)], 0
        for i in range(5):
            for j in range(i + 1, 5):
                decision = -float(machine.rho[number])
                for vector, coefficients, kind in zip(machine.vectors, machine.coefficients, owner, strict=True):
                    if kind in (i, j):
                        near = math.exp(-0.05 * sum((a - b) ** 2 for a, b in zip(vector, sample, strict=True)))
                        decision += near * coefficients[j - 1 if kind == i else i]
                share = 1 / (1 + math.exp(slopes[number] * decision + offsets[number]))
                pairwise[i][j] = min(max(share, 1e-7), 1 - 1e-7)  # libsvm's bounds
                pairwise[j][i] = 1 - pairwise[i][j]
                number += 1
        assert _probabilities(model, sample) == pytest.approx(coupled(pairwise), abs=1e-11)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_sseq_equals_scikit_learn(image_of) -> None:
    svm = pytest.importorskip("sklearn.svm")
    if "probability" not in svm.SVC().get_params():
        pytest.skip("this scikit-learn has no probabilities of libsvm any more")
    rng, gamma = np.random.default_rng(0), 0.08
    kinds = np.repeat(np.arange(5), 30)
    samples = rng.normal(0, 0.8, (150, 12)) + rng.normal(0, 0.6, (5, 12))[kinds]
    classifier = svm.SVC(C=4, gamma=gamma, probability=True, random_state=0).fit(samples, kinds)
    regressions = [svm.SVR(C=2, gamma=gamma, epsilon=0.05).fit(samples, rng.normal(0, 0.5, 150)) for _ in range(5)]
    images = [noisy(image_of, 64, 96, seed) for seed in range(6)]
    raw = np.array([sseq_features(image) for image in images])
    model = SseqModel(
        low=raw.min(axis=0) - 0.1,
        high=raw.max(axis=0) + 0.2,
        classifier=machine_of(classifier, gamma),
        counts=np.asarray(classifier.n_support_),
        slopes=classifier.probA_,
        offsets=classifier.probB_,
        regressions=tuple(machine_of(one, gamma) for one in regressions),
    )
    for image, features in zip(images, raw, strict=True):
        scaled = (2 * (features - model.low) / (model.high - model.low) - 1)[None]
        qualities = np.array([one.predict(scaled)[0] for one in regressions])
        expected = 50 * classifier.predict_proba(scaled)[0] @ qualities + 50
        assert sseq(image, model) == pytest.approx(expected, abs=1e-9)
    assert sseq(np.full((64, 64, 3), 120, dtype=np.uint8), model) is None, "flat: its entropies have no skewness"


def test_statistics_of_other_features_are_refused(tmp_path: Path) -> None:
    savemat(tmp_path / "good.mat", {"mu_prisparam": np.arange(36.0)[None], "cov_prisparam": np.eye(36)})
    assert read_niqe(tmp_path / "good.mat").mean.tolist() == list(range(36))
    for means, rows in ((18, 18), (36, 18), (18, 36)):
        savemat(tmp_path / "few.mat", {"mu_prisparam": np.zeros((1, means)), "cov_prisparam": np.eye(rows)})
        with pytest.raises(UserError, match=rf"few\.mat: expected statistics of 36 features, found \({means},\)"):
            read_niqe(tmp_path / "few.mat")


def test_zeros_are_on_neither_side_of_a_fitted_distribution() -> None:
    values = np.array([-2.0, -1.5, -2.5, 0, 0, 0, 0, 3, 3.5, 4, 1])
    assert _fit(values) == pytest.approx(fitted(values), rel=1e-12)


def test_two_blocks_with_statistics_are_enough(image_of, pristine: NiqeModel) -> None:
    image = np.full((192, 192, 3), 90, dtype=np.uint8)
    image[12:84, 12:84], image[108:180, 108:180] = noisy(image_of, 72, 72, 3), noisy(image_of, 72, 72, 4)
    found = niqe(image, pristine)
    assert found is not None
    assert found > 0


def test_qualities_without_reference_are_those_whose_statistics_are_there(image_of, pristine: NiqeModel) -> None:
    rng = np.random.default_rng(1)
    machine = Machine(rng.normal(0, 1, (10, 12)), rng.normal(0, 1, (10, 4)), rng.normal(0, 1, 10), 0.05)
    model = SseqModel(
        np.zeros(12), np.full(12, 8.0), machine, np.full(5, 2), -np.ones(10), np.zeros(10), (machine,) * 5
    )
    image, both = noisy(image_of, 192, 200), ("niqe", "sseq")
    of_niqe, of_sseq = {"niqe": niqe(image, pristine)}, {"sseq": sseq(image, model)}
    assert look_at(image, both, Statistics(niqe=pristine, sseq=model)) == of_niqe | of_sseq
    assert look_at(image, both, Statistics(niqe=pristine)) == of_niqe
    judge = QualityJudge(both, Statistics(niqe=pristine, sseq=model))
    assert judge([image], [Sample("a", image, None, Truth((192, 200)))]) == [of_niqe | of_sseq], "no clean image needed"
    with pytest.raises(ImageError, match="no clean image"):
        replace(judge, metrics=("niqe", "psnr_y"))([image], [Sample("a", image, None, Truth((192, 200)))])
    assert look_at(image, both, Statistics(sseq=model)) == of_sseq
    assert look_at(image, ("niqe", "psnr_y"), Statistics(niqe=pristine, sseq=model)) == of_niqe
    assert set(look_at(image[:100], both, Statistics(niqe=pristine, sseq=model))) == {"sseq"}, "too small for NIQE"


def test_the_grid_of_shapes_ends_where_the_authors_let_it_end() -> None:
    two_valued = np.array([-1.0, 1.0] * 8)
    heavy = np.concatenate([np.tile([-1e-6, 1e-6], 5000), [-1.0, 1.0]])
    for values, shape in ((two_valued, 10.0), (heavy, 0.2)):
        assert _fit(values) == pytest.approx(fitted(values), rel=1e-9)
        assert _fit(values)[0] == pytest.approx(shape)


def test_a_flat_plane_has_no_deviation_however_its_squares_are_rounded() -> None:
    for level in range(256):
        np.testing.assert_allclose(_normalise(np.full((12, 12), float(level))), 0, atol=1e-9)


def test_a_black_block_has_the_entropy_of_the_authors_smallest_number() -> None:
    # All its 63 shares are 0 and are told as 1e-8; the mean's share is 1 and adds nothing.
    assert _spectral_entropies(np.zeros((2, 8, 8))) == pytest.approx([63e-8 * math.log2(1e8)] * 2, rel=1e-9)


def test_every_field_of_the_released_models_is_read(tmp_path: Path) -> None:
    """A file of the release's form, by SciPy's own writer: sparse support vectors, structures, a cell array."""
    rng = np.random.default_rng(5)

    def machine(vectors: int, columns: int, offsets: int) -> dict[str, object]:
        return {
            "SVs": csc_array(rng.normal(0, 1, (vectors, 12))), "sv_coef": rng.normal(0, 1, (vectors, columns)),
            "rho": rng.normal(0, 1, (offsets, 1)), "Parameters": rng.normal(0, 1, (5, 1)),
        }  # fmt: skip

    slopes, offsets = rng.normal(0, 1, (2, 10, 1))
    classifier = machine(10, 4, 10) | {"nSV": np.array([[1], [2], [3], [2], [2]]), "ProbA": slopes, "ProbB": offsets}
    regressions = [machine(4 + kind, 1, 1) for kind in range(5)]
    cells = np.empty((1, 5), dtype=object)
    cells[0] = regressions
    low, high = rng.normal(0, 1, (2, 1, 12))
    savemat(tmp_path / "model.mat", {"fmin": low, "fmax": high, "svmmodel": classifier, "svrmodel": cells})
    model = read_sseq(tmp_path / "model.mat")
    assert (model.low.tolist(), model.high.tolist()) == (low[0].tolist(), high[0].tolist())
    assert model.counts.tolist() == [1, 2, 3, 2, 2]
    assert (model.slopes.tolist(), model.offsets.tolist()) == (slopes.ravel().tolist(), offsets.ravel().tolist())
    assert len(model.regressions) == 5
    for found, written in zip((model.classifier, *model.regressions), (classifier, *regressions), strict=True):
        np.testing.assert_array_equal(found.vectors, written["SVs"].toarray())
        np.testing.assert_array_equal(found.coefficients, written["sv_coef"])
        np.testing.assert_array_equal(found.rho, written["rho"].ravel())
        assert found.gamma == written["Parameters"][3, 0]
