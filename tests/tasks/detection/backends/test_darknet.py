"""The reader of darknet's files, against generated ones, the published size, and OpenCV's reader where it has one."""

from pathlib import Path

import numpy as np
import pytest

from bench.contract import Classes, ClassSpace, Options, Sample, Truth
from bench.errors import UserError
from tasks.classes import known_spaces
from tasks.detection.backends.darknet_cfg import parse_cfg, yolov3_cfg
from tasks.detection.task import build

torch = pytest.importorskip("torch")

from tasks.detection.backends.darknet import letterbox  # noqa: E402
from tasks.detection.backends.darknet_network import DarknetNetwork, load_darknet_weights  # noqa: E402

SMALL = """
[net]
width=64
height=64
channels=3
[convolutional]   # normalised, leaky
batch_normalize=1
filters=4
size=3
stride=2
pad=1
activation=leaky
[maxpool]
size=2
stride=2
[convolutional]
batch_normalize=1
filters=4
size=1
stride=1
pad=1
activation=leaky
[shortcut]
from=-2
activation=linear
[upsample]
stride=2
[route]
layers=-1, 0
[convolutional]
filters=21
size=1
stride=1
pad=1
activation=linear
[yolo]
mask=1,2,0
anchors=10,14, 23,27, 37,58
classes=2
num=3
"""
# Numbers of the three convolutions: normalised ones have 4 a filter beside their filters, the plain one a bias.
SIZES = (4 * 4 + 4 * 3 * 9, 4 * 4 + 4 * 4, 21 + 21 * 8)


def header(minor: int = 2) -> bytes:
    seen = np.int64(7) if minor >= 2 else np.int32(7)
    return np.array([0, minor, 0], dtype="<i4").tobytes() + seen.tobytes()


def weights(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.uniform(0.05, 0.5, count).astype("<f4") * rng.choice([1, 1, 1, -0.5], count).astype("<f4")


def write(folder: Path, cfg: str = SMALL, minor: int = 2, extra: int = 0, names: str = "car\nbus\n") -> Path:
    numbers = weights(sum(SIZES) + extra)
    start = 0
    for size, filters in zip(SIZES[:2], (4, 4), strict=True):
        numbers[start + 3 * filters : start + 4 * filters] = 0.3  # variances are positive
        start += size
    (folder / "small.weights").write_bytes(header(minor) + numbers.tobytes())
    (folder / "small.cfg").write_text(cfg)
    (folder / "small.names").write_text(names)
    return folder / "small.weights"


def network_of(path: Path) -> DarknetNetwork:
    network = DarknetNetwork(parse_cfg(path.with_suffix(".cfg").read_text(), "small"), "small").eval()
    load_darknet_weights(network, path)
    return network


def test_yolov3_has_the_size_of_the_published_file() -> None:
    with torch.device("meta"):
        network = DarknetNetwork(parse_cfg(yolov3_cfg(), "yolov3"), "yolov3")
    numbers = sum(value.numel() for name, value in network.state_dict().items() if not name.endswith("tracked"))
    # yolov3.weights has 248 007 048 bytes, of which 20 are the header.
    assert 20 + 4 * numbers == 248_007_048
    assert len(network.layers) == 107
    assert list(network.heads) == [82, 94, 106]
    assert network.heads[106].anchors.tolist() == [[10, 13], [16, 30], [33, 23]]


@pytest.mark.parametrize("minor", [1, 2])
def test_numbers_land_where_darknet_puts_them(tmp_path: Path, minor: int) -> None:
    path = write(tmp_path, minor=minor)
    state = network_of(path).state_dict()
    numbers = np.frombuffer(path.read_bytes()[20 if minor == 2 else 16 :], dtype="<f4")
    first = ["layers.0.1.bias", "layers.0.1.weight", "layers.0.1.running_mean", "layers.0.1.running_var"]
    for place, name in enumerate(first):
        np.testing.assert_array_equal(state[name].numpy(), numbers[4 * place : 4 * place + 4])
    np.testing.assert_array_equal(state["layers.0.0.weight"].numpy().ravel(), numbers[16 : SIZES[0]])
    last = numbers[SIZES[0] + SIZES[1] :]
    np.testing.assert_array_equal(state["layers.6.0.bias"].numpy(), last[:21])
    np.testing.assert_array_equal(state["layers.6.0.weight"].numpy().ravel(), last[21:])


def test_boxes_are_decoded_as_the_paper_says(tmp_path: Path) -> None:
    network = network_of(write(tmp_path))
    x = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        [found] = network(x)
        y0 = network.layers[0](x)
        y1 = network.layers[1](y0)
        y = torch.cat([network.layers[4](y1 + network.layers[2](y1)), y0], dim=1)
        raw = network.layers[6](y)[0].reshape(3, 7, 32, 32)
    anchor, row, column = 1, 5, 9
    t = raw[anchor, :, row, column]
    cell = found[0].reshape(3, 32, 32, 7)[anchor, row, column]
    expected = [
        (t[0].sigmoid() + column) * 2,  # sides of cells are 2 pixels
        (t[1].sigmoid() + row) * 2,
        t[2].exp() * 37,  # the mask puts the third anchor second
        t[3].exp() * 58,
        *t[4:].sigmoid(),
    ]
    torch.testing.assert_close(cell, torch.stack(expected))


def test_equals_opencv(tmp_path: Path) -> None:
    dnn = getattr(pytest.importorskip("cv2", exc_type=ImportError), "dnn", None)
    if not hasattr(dnn, "readNetFromDarknet"):
        pytest.skip("this OpenCV reads no darknet files (4.x does)")
    path = write(tmp_path)
    image = np.random.default_rng(1).random((1, 3, 64, 64), dtype=np.float32)
    net = dnn.readNetFromDarknet(str(path.with_suffix(".cfg")), str(path))
    net.setInput(image)
    theirs = net.forward(net.getUnconnectedOutLayersNames()[0])
    with torch.inference_mode():
        [ours] = network_of(path)(torch.from_numpy(image))
    # OpenCV orders cells row by row with the anchors innermost, gives boxes as shares of the input, and
    # classes times objectness where that is above its threshold.
    ours = ours[0].reshape(3, 32, 32, 7).permute(1, 2, 0, 3).reshape(-1, 7).numpy()
    np.testing.assert_allclose(theirs[:, :4] * 64, ours[:, :4], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(theirs[:, 4], ours[:, 4], atol=1e-4)
    scores = ours[:, 4:5] * ours[:, 5:]
    np.testing.assert_allclose(theirs[:, 5:], np.where(scores > 0.2, scores, 0), atol=1e-4)


def test_detections_are_in_pixels_of_the_image(tmp_path: Path, image_of) -> None:
    space = ClassSpace("street", (11, 12), ("bus", "car"))
    task = build({"model": f"darknet:{write(tmp_path)}"}, Classes(instances=space))
    image = image_of(50, 100, 2)
    judge = task.judge(Options())
    assert judge.mapping == {0: 12, 1: 11}
    [seen] = judge([image], [Sample("a", image, image, Truth((50, 100)))])
    assert len(seen.boxes) > 10
    assert (seen.boxes >= 0).all()
    assert seen.boxes[:, 2].max() > 64  # beyond the frame's side, so scaled back
    assert (seen.boxes <= [100, 50, 100, 50]).all()


def test_letterbox_centres_and_scales_corner_to_corner() -> None:
    image = np.zeros((20, 40, 3), dtype=np.uint8)
    image[:, 20:] = 200
    placed = letterbox(image, (64, 64))
    assert (placed.scale, placed.offset) == ((1.6, 1.6), (0, 16))
    assert placed.frame[:, :16].unique().tolist() == [0.5]
    assert placed.frame[:, 48:].unique().tolist() == [0.5]
    assert placed.frame[0, 16, 0] == 0
    assert placed.frame[0, 47, 63] == pytest.approx(200 / 255)


def test_bad_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="belongs to another network"):
        network_of(write(tmp_path, extra=3))
    path = write(tmp_path)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(UserError, match="truncated"):
        network_of(path)
    path.write_bytes(b"<!DOCTYPE html><html>not found</html>")
    with pytest.raises(UserError, match="not a darknet weights file"):
        network_of(path)
    with pytest.raises(UserError, match=r"\[gru\] is not one of YOLOv3"):
        network_of(write(tmp_path, SMALL.replace("[upsample]", "[gru]")))
    with pytest.raises(UserError, match="line 3"):
        parse_cfg("[net]\nwidth=1\nfoo\n", "x")
    path = write(tmp_path, names="car\nbus\ntram\n")
    with pytest.raises(UserError, match=r"2.*classes, but 3 names"):
        build({"model": f"darknet:{path}"}, Classes(instances=ClassSpace("s", (1,), ("car",)))).judge(Options())


def test_the_papers_detector_is_known_by_name() -> None:
    coco = known_spaces()["coco"]
    task = build({"model": "darknet:yolov3"}, Classes(instances=coco))
    assert task.model == "yolov3"
    assert task.scored == coco.ids
    assert "523e4e69e1d015393a1b0a441cef1d9c7659e3eb2d7e15f793f060a21b32f297" in task.fingerprint
    assert "height=608" in build({"model": "darknet:yolov3", "image_size": 608}, Classes()).source.cfg
    with pytest.raises(UserError, match="multiple of 32"):
        build({"model": "darknet:yolov3", "image_size": 600}, Classes())


@pytest.mark.parametrize(
    ("found", "instead"),
    [("filters=4", "filters=four"), ("filters=4", "filters=-4"), ("anchors=", "anchors=1,")],
)
def test_a_damaged_description_is_refused(tmp_path: Path, found: str, instead: str) -> None:
    assert found in SMALL
    path = write(tmp_path, SMALL.replace(found, instead))
    with pytest.raises(UserError, match="description of small: cannot be built"):
        build({"model": f"darknet:{path}"}, Classes(instances=ClassSpace("s", (1,), ("car",)))).judge(Options())
