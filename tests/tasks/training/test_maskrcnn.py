"""The instance segmenter's training against torchvision's own forward pass, and that it learns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")
pytest.importorskip("segmentation_models_pytorch")

from torchvision.models.detection.image_list import ImageList  # noqa: E402

from bench.contract import Instances, Photograph, Truth  # noqa: E402
from bench.io.masks import encode  # noqa: E402
from tasks.instances.backends.maskrcnn import IMAGE_SIDE, build_maskrcnn  # noqa: E402
from tasks.training.augmentation import batch_of  # noqa: E402
from tasks.training.loop import TaskModelJob, TrainableModel, train  # noqa: E402
from tasks.training.maskrcnn import LEAST_AREA, loss_of, losses  # noqa: E402
from tasks.training.settings import TaskModelSettings  # noqa: E402


def triangles(number: int) -> Photograph:
    """A grey picture with a bright triangle, class 1, a dark one, class 2, and a speck too small to train on."""
    size, random = (IMAGE_SIDE, IMAGE_SIDE), np.random.default_rng(number)
    image, masks = np.full((*size, 3), 110, np.uint8), []
    for shade, side in ((230, 60), (20, 40), (110, 3)):
        mask = np.zeros(size, bool)
        top, left = random.integers(0, IMAGE_SIDE - side, 2)
        mask[top : top + side, left : left + side] = np.tri(side, dtype=bool)
        image[mask] = shade
        masks.append(mask)
    boxes = np.array([[xs.min(), ys.min(), xs.max() + 1, ys.max() + 1] for ys, xs in map(np.nonzero, masks)], float)
    areas = np.array([mask.sum() for mask in masks], float)
    assert (areas[:2] > LEAST_AREA).all()
    assert areas[2] < LEAST_AREA
    seen = Instances(boxes, np.array([1, 2, 1]), np.zeros(3, bool), areas, tuple(map(encode, masks)))
    return Photograph(f"triangles-{number}", image, None, Truth(size, seen))


def test_losses_are_torchvisions_without_the_resizing_that_changes_nothing() -> None:
    torch.manual_seed(0)
    network = build_maskrcnn(2).train()
    pixels = torch.rand(2, 3, IMAGE_SIDE, 320)
    boxes = torch.tensor([[10.0, 20.0, 60.0, 90.0], [100.0, 30.0, 180.0, 160.0]])
    masks = torch.zeros(2, IMAGE_SIDE, 320, dtype=torch.uint8)
    masks[0, 20:90, 10:60] = masks[1, 30:100, 100:180] = 1
    targets = [{"boxes": boxes, "labels": torch.tensor([1, 2]), "masks": masks}] * 2
    torch.manual_seed(1)  # proposals are sampled
    expected = network(list(pixels), targets)
    torch.manual_seed(1)
    images, _ = network.transform(list(pixels), targets)
    found = losses(network, ImageList(images.tensors, [(IMAGE_SIDE, 320)] * 2), targets)
    assert found.keys() == expected.keys()
    for name in found:
        torch.testing.assert_close(found[name], expected[name])
    torch.testing.assert_close(batch_of(list(pixels.permute(0, 2, 3, 1).numpy())), images.tensors)


def test_the_network_is_given_what_the_mirrored_picture_shows() -> None:
    seen: list[tuple[torch.Tensor, dict[str, torch.Tensor]]] = []

    class Watcher(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = lambda images: {"0": images}

        def rpn(self, images: ImageList, features: object, targets: list[dict[str, torch.Tensor]]) -> tuple[None, dict]:
            seen.append((images.tensors[0], targets[0]))
            return None, {"a": torch.ones(())}

        def roi_heads(self, *_: object) -> tuple[None, dict]:
            return None, {"b": torch.ones(())}

    random = np.random.default_rng(0)
    for _ in range(8):
        assert loss_of(Watcher(), [triangles(5)], random).item() == 2
    assert len({float(target["boxes"][0, 0]) for _, target in seen}) == 2  # mirrored and not
    for pixels, target in seen:
        assert target["labels"].tolist() == [1, 2]
        for box, mask in zip(target["boxes"].int().tolist(), target["masks"].bool(), strict=True):
            rows, columns = torch.nonzero(mask, as_tuple=True)
            assert box == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert pixels[0][target["masks"][0].bool()].min() > pixels[0][target["masks"][1].bool()].max()


@pytest.mark.slow
def test_it_learns(tmp_path: Path) -> None:
    torch.manual_seed(0)
    trainee = TrainableModel(build_maskrcnn(2), loss_of)
    settings = TaskModelSettings(network="maskrcnn", steps=8, batch=2, every=2, warm_up=4, average=0.5)
    progress = train(TaskModelJob(settings, trainee, [triangles(number) for number in range(8)], tmp_path, "triangles"))
    assert progress.log[-1]["loss"] < 0.9 * progress.log[0]["loss"]
