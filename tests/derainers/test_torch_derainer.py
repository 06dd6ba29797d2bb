"""Pixels to tensors and back, padding, batches, and what happens when memory ends."""

import numpy as np
import pytest

from bench.contract import Options, Traits
from bench.errors import ImageError

torch = pytest.importorskip("torch")

from bench.devices import torch_device_ready  # noqa: E402  (torch may be absent)
from derainers.pixels import pad_to_multiple  # noqa: E402
from derainers.torch_derainer import TorchDerainer, steady_sigmoid, to_images, to_tensor  # noqa: E402  (torch may be absent)

CPU = torch.device("cpu")


class Recorder(torch.nn.Module):
    """Identity that remembers the shapes it saw and fails on batches larger than it can bear."""

    def __init__(self, most: int = 99, failure: Exception | None = None):
        super().__init__()
        self.shapes, self.most = [], most
        self.failure = failure or RuntimeError("DefaultCPUAllocator: can't allocate memory")

    def forward(self, x):
        self.shapes.append(tuple(x.shape))
        if x.shape[0] > self.most:
            raise self.failure
        return x


@pytest.mark.parametrize("order", ["rgb", "bgr"])
@pytest.mark.parametrize(("value_range", "rounded"), [((0, 1), False), ((0, 1), True), ((-1, 1), True)])
def test_all_grey_levels_survive_the_way_there_and_back(order, value_range, rounded):
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=3)
    levels[..., 1] = levels[..., 1][:, ::-1]
    x = to_tensor(levels, CPU, order, value_range)
    assert x.min() == value_range[0]
    assert x.max() == value_range[1]
    assert np.array_equal(to_images(x, order, value_range, rounded), levels)


def test_bgr_puts_blue_first():
    image = np.zeros((1, 2, 2, 3), np.uint8)
    image[..., 2] = 255
    assert to_tensor(image, CPU, "bgr", (0, 1))[0, 0].min() == 1


def test_quantisation_truncates_or_rounds_and_clips():
    y = torch.tensor([-0.5, 10.7 / 255, 1.5]).reshape(1, 3, 1, 1)
    assert to_images(y, "rgb", (0, 1), rounded=False).ravel().tolist() == [0, 10, 255]
    assert to_images(y, "rgb", (0, 1), rounded=True).ravel().tolist() == [0, 11, 255]


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 50), (33, 31), (32, 48)])
def test_padding_reflects_to_the_multiple_and_is_cut_off_again(image_of, height, width):
    image = image_of(height, width, 2)
    recorder = Recorder()
    restore = TorchDerainer(recorder, Traits(multiple_of=16, quantisation="round"))
    assert np.array_equal(restore(image), image)
    assert recorder.shapes[0][2] % 16 == 0 and recorder.shapes[0][3] % 16 == 0  # noqa: PT018
    padded = pad_to_multiple(image[None], 16)[0]
    if width == 31:
        assert np.array_equal(padded[:33, 31], image[:, 29])


def test_a_batch_that_does_not_fit_is_halved(image_of):
    images = [image_of(8, 9, seed) for seed in range(7)]
    recorder = Recorder(most=2)
    restored = TorchDerainer(recorder, Traits(quantisation="trunc")).restore_batch(images)
    assert all(np.array_equal(a, b) for a, b in zip(restored, images, strict=True))
    assert max(shape[0] for shape in recorder.shapes[1:]) < 7


def test_one_image_that_does_not_fit_is_an_image_error(image_of):
    with pytest.raises(ImageError, match="9x8 pixels do not fit"):
        TorchDerainer(Recorder(most=0), Traits())(image_of(8, 9, 0))


class Blur(torch.nn.Module):
    """Mean of 5x5 pixels that fits into memory only up to a number of pixels."""

    def __init__(self, most: int):
        super().__init__()
        self.most, self.sizes = most, []

    def forward(self, x):
        self.sizes.append(x.shape[2] * x.shape[3])
        if self.sizes[-1] > self.most:
            raise RuntimeError("CUDA out of memory: cannot allocate memory")
        return torch.nn.functional.avg_pool2d(x, 5, 1, 2)


def test_an_image_that_does_not_fit_is_restored_in_overlapping_parts_with_the_same_bytes(image_of):
    image, traits = image_of(97, 64, 3), Traits(tileable=True, quantisation="round")
    whole, cramped = Blur(most=10**9), Blur(most=2000)
    expected = TorchDerainer(whole, traits, reach=2)(image)
    assert np.array_equal(TorchDerainer(cramped, traits, reach=2)(image), expected)
    assert len(cramped.sizes) > 4
    with pytest.raises(ImageError, match="64x97 pixels do not fit"):
        TorchDerainer(cramped, Traits(quantisation="round"), reach=2)(image)


def test_other_failures_are_not_mistaken_for_lack_of_memory(image_of):
    with pytest.raises(RuntimeError, match="shape"):
        TorchDerainer(Recorder(most=0, failure=RuntimeError("shape mismatch")), Traits())(image_of(8, 9, 0))


def test_a_network_that_may_not_be_batched_sees_images_one_at_a_time(image_of):
    recorder = Recorder()
    TorchDerainer(recorder, Traits(batchable=False)).restore_batch([image_of(8, 9, 0)] * 3)
    assert recorder.shapes == [(1, 3, 8, 9)] * 3


@pytest.mark.parametrize(
    "images",
    [
        [np.zeros((4, 4), np.uint8)],
        [np.zeros((4, 4, 3), np.float32)],
        [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5, 3), np.uint8)],
    ],
)
def test_what_is_no_image_is_refused(images):
    with pytest.raises(ImageError, match="expected"):
        TorchDerainer(Recorder(), Traits()).restore_batch(images)


def test_nan_is_never_written_as_black(image_of):
    class Broken(torch.nn.Module):
        def forward(self, x):
            return x / 0 * 0

    with pytest.raises(ImageError, match="NaN"):
        TorchDerainer(Broken(), Traits())(image_of(4, 4, 0))


def test_steady_sigmoid_is_the_sigmoid_and_does_not_move_with_threads_or_batch():
    x = torch.randn(3, 32, 61, 67, generator=torch.Generator().manual_seed(1)) * 4
    assert (steady_sigmoid(x) - torch.sigmoid(x)).abs().max() < 2e-7
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = torch.cat([steady_sigmoid(x[i : i + 1]) for i in range(3)])
        torch_device_ready(Options(threads=2))
        assert torch.get_num_threads() == 2
        assert torch.equal(steady_sigmoid(x), alone)
    finally:
        torch.set_num_threads(threads)


class Noting(torch.nn.Module):
    """A convolution that notes in which precision it computed."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(5)
        self.convolution = torch.nn.Conv2d(3, 3, kernel_size=3, padding=1)
        self.computed = []

    def forward(self, x):
        y = self.convolution(x)
        self.computed.append(y.dtype)
        return x + y


@pytest.mark.parametrize(("precision", "expected"), [("bf16", torch.bfloat16), ("fp16", torch.float16)])
def test_lower_precision_is_used_where_asked_and_changes_little(precision, expected):
    image = np.random.default_rng(6).integers(0, 256, (18, 21, 3)).astype(np.uint8)
    whole, half = Noting(), Noting()
    exact = TorchDerainer(whole, Traits(quantisation="round"))(image)
    lower = TorchDerainer(half, Traits(quantisation="round"), Options(precision=precision))(image)
    assert (whole.computed, half.computed) == ([torch.float32], [expected])
    assert np.abs(exact.astype(int) - lower).max() <= 2
    assert next(half.parameters()).dtype == torch.float32


@pytest.mark.slow
def test_a_compiled_network_gives_the_same_image():
    image = np.random.default_rng(7).integers(0, 256, (18, 21, 3)).astype(np.uint8)
    exact = TorchDerainer(Noting(), Traits(quantisation="round"))(image)
    compiled = TorchDerainer(Noting(), Traits(quantisation="round"), Options(compile=True))(image)
    assert np.abs(exact.astype(int) - compiled).max() <= 1
