"""The narrow YOLO is the published architecture: its state dict fits ultralytics' own, and the answers are the same."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from tasks.detection.backends.yolo_network import BINS, Yolo, YoloDesign, boxes_of, cells_of, decode  # noqa: E402


def random_network(design: YoloDesign) -> Yolo:
    """Weights of the size of a trained network's, and normalisation that does something."""
    torch.manual_seed(0)
    network = Yolo(design).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    for branch in network.model[22].cv3:
        torch.nn.init.normal_(branch[-1].bias, 0, 2)
    return network


def ultralytics_design(design: YoloDesign) -> dict[str, object]:
    """The same network in the notation of ultralytics: from, repeats, module, arguments."""
    c1, c2, c3, c4, c5 = design.channels
    r2, r3, r4, r5 = design.repeats
    conv = lambda width: [-1, 1, "Conv", [width, 3, 2]]  # noqa: E731
    up = [-1, 1, "nn.Upsample", ["None", 2, "nearest"]]
    return {
        "nc": design.classes,
        "backbone": [
            conv(c1), conv(c2), [-1, r2, "C2f", [c2, True]], conv(c3), [-1, r3, "C2f", [c3, True]],
            conv(c4), [-1, r4, "C2f", [c4, True]], conv(c5), [-1, r5, "C2f", [c5, True]], [-1, 1, "SPPF", [c5, 5]],
        ],
        "head": [
            up, [[-1, 6], 1, "Concat", [1]], [-1, 1, "C2f", [c4]],
            up, [[-1, 4], 1, "Concat", [1]], [-1, 1, "C2f", [c3]],
            conv(c3), [[-1, 12], 1, "Concat", [1]], [-1, 1, "C2f", [c4]],
            conv(c4), [[-1, 9], 1, "Concat", [1]], [-1, 1, "C2f", [c5]],
            [[15, 18, 21], 1, "Detect", ["nc"]],
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    "design", [YoloDesign(8), YoloDesign(3, channels=(8, 16, 24, 32, 64), repeats=(1, 2, 2, 1))], ids=["ours", "other"]
)
def test_ultralytics_own_code_answers_the_same(design: YoloDesign) -> None:
    tasks = pytest.importorskip("ultralytics.nn.tasks", exc_type=ImportError)
    ours = random_network(design)
    theirs = tasks.DetectionModel(ultralytics_design(design), ch=3, nc=design.classes, verbose=False).eval()
    theirs.load_state_dict(ours.state_dict(), strict=True)
    images = torch.rand(2, 3, 96, 160)
    with torch.inference_mode():
        boxes, scores = decode(ours(images))
        answers = theirs(images)[0].transpose(1, 2)  # x, y, width, height, then scores
    middle, size = answers[..., :2], answers[..., 2:4]
    torch.testing.assert_close(boxes, torch.cat((middle - size / 2, middle + size / 2), -1), rtol=0, atol=1e-3)
    torch.testing.assert_close(scores, answers[..., 4:], rtol=0, atol=1e-5)
    assert scores.std() > 0.1  # it was no comparison of constants


def test_every_cell_answers_with_its_own_place() -> None:
    answers = [torch.zeros(1, 4 * BINS + 2, 64 // stride, 96 // stride) for stride in Yolo.strides]
    boxes, scores = decode(answers)
    centres, strides = cells_of(answers)
    assert len(centres) == 8 * 12 + 4 * 6 + 2 * 3
    # Equal logits: each side's distance is the mean of 0 .. 15 strides.
    torch.testing.assert_close(boxes[0, :, :2], centres - 7.5 * strides)
    torch.testing.assert_close(boxes[0, :, 2:], centres + 7.5 * strides)
    assert (scores == 0.5).all()
    assert centres[0].tolist() == [4, 4]
    assert centres[-1].tolist() == [80, 48]


def test_certain_distances_give_that_box() -> None:
    logits = torch.full((1, 1, 4, BINS), -50.0)
    for side, steps in enumerate((1, 2, 3, 15)):
        logits[0, 0, side, steps] = 50.0
    box = boxes_of(logits.flatten(2), torch.tensor([[100.0, 60.0]]), torch.tensor([[8.0]]))
    assert box[0, 0].tolist() == pytest.approx([92, 44, 124, 180])
