"""The detector's loss against independent implementations and by hand."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")

from tasks.detection.backends.yolo_network import BINS, Yolo, YoloDesign, cells_of  # noqa: E402
from tasks.training.yolo_loss import Objects, assign, complete_iou, distribution_focal, iou, yolo_loss  # noqa: E402


def random_boxes(count: int, seed: int) -> torch.Tensor:
    corners = torch.rand(count, 2, generator=torch.Generator().manual_seed(seed)) * 60
    sides = torch.rand(count, 2, generator=torch.Generator().manual_seed(seed + 1)) * 40 + 2
    return torch.cat((corners, corners + sides), 1)


def test_overlaps_are_torchvisions() -> None:
    a, b = random_boxes(50, 0), random_boxes(40, 2)
    torch.testing.assert_close(iou(a[:, None], b[None]), torchvision.ops.box_iou(a, b))
    assert (iou(a[:, None], b[None]) > 0.3).any()


def test_complete_iou_is_torchvisions() -> None:
    a, b = random_boxes(200, 0), random_boxes(200, 2)
    theirs = 1 - torchvision.ops.complete_box_iou_loss(a, b)
    torch.testing.assert_close(complete_iou(a, b), theirs, rtol=1e-4, atol=1e-5)


def test_focal_loss_of_distributions_is_least_at_the_distance() -> None:
    distance = torch.tensor([[2.25, 0.0, 14.99, 7.0]])
    perfect = torch.full((1, 4, BINS), -40.0)
    for side, (low, share) in enumerate(((2, 0.25), (0, 0.0), (14, 0.99), (7, 0.0))):
        perfect[0, side, low] = torch.log(torch.tensor(1 - share))
        if share:
            perfect[0, side, low + 1] = torch.log(torch.tensor(share))
    entropy = -(0.75 * torch.log(torch.tensor(0.75)) + 0.25 * torch.log(torch.tensor(0.25)))
    entropy = entropy - (0.01 * torch.log(torch.tensor(0.01)) + 0.99 * torch.log(torch.tensor(0.99)))
    assert distribution_focal(perfect, distance).item() == pytest.approx(entropy.item() / 4, abs=1e-4)
    assert distribution_focal(torch.zeros(1, 4, BINS), distance).item() == pytest.approx(torch.log(torch.tensor(16.0)))


def two_objects() -> Objects:
    """A large object, a thin one inside it of another class, and padding."""
    boxes = torch.tensor([[[8.0, 8, 72, 56], [30, 20, 33, 40], [0, 0, 0, 0]]])
    return Objects(boxes, torch.tensor([[0, 1, 0]]), torch.tensor([[True, True, False]]))


def test_cells_that_see_an_object_answer_for_it() -> None:
    objects = two_objects()
    centres, _ = cells_of([torch.zeros(1, 1, 64 // stride, 96 // stride) for stride in Yolo.strides])
    boxes = torch.stack((centres - 30, centres + 30), 1).reshape(1, -1, 4)
    thin = ((centres - torch.tensor([31.5, 30.0])).abs() < torch.tensor([6.0, 10.0])).all(1)
    assert thin.any()  # no cell's centre need lie in so thin a box
    boxes[0, thin] = objects.boxes[0, 1] + torch.tensor([0.0, 0, 1, 0])
    targets = assign(boxes, torch.full((1, len(centres), 2), 0.1), centres, objects)
    assert targets.taken[0, thin].all()
    assert (targets.boxes[0, thin] == objects.boxes[0, 1]).all()
    assert (targets.scores[0, thin, 1] > 0.5).all()
    others = targets.taken[0] & ~thin
    assert 1 <= others.sum() <= 10
    assert (targets.boxes[0, others] == objects.boxes[0, 0]).all()
    assert (targets.scores[0, others, 1] == 0).all()
    # The best cell of an object is asked for its overlap, and none for more.
    overlap = iou(boxes[0], objects.boxes[0, 0])
    assert targets.scores[0, :, 0].max() == pytest.approx(overlap[others].max().item(), abs=1e-5)
    assert (targets.scores[0, ~targets.taken[0]] == 0).all()


def test_a_batch_without_objects_teaches_only_silence() -> None:
    network = Yolo(YoloDesign(2, channels=(8, 8, 8, 8, 8))).train()
    nothing = Objects(torch.zeros(2, 1, 4), torch.zeros(2, 1, dtype=torch.int64), torch.zeros(2, 1, dtype=torch.bool))
    loss = yolo_loss(network(torch.rand(2, 3, 64, 64)), nothing)
    loss.backward()
    assert torch.isfinite(loss)
    assert network.model[22].cv3[0][-1].bias.grad.abs().sum() > 0
    assert (network.model[22].cv2[0][-1].bias.grad == 0).all()


def test_a_network_learns_one_picture_by_heart() -> None:
    torch.manual_seed(0)
    network = Yolo(YoloDesign(2, channels=(8, 16, 16, 16, 16))).train()
    picture = torch.rand(2, 3, 64, 96)
    objects = Objects(*(torch.cat((part, part)) for part in vars(two_objects()).values()))
    adam = torch.optim.Adam(network.parameters(), lr=5e-3)
    losses = []
    for _ in range(80):
        loss = yolo_loss(network(picture), objects)
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert losses[-1] < 0.35 * losses[0]
