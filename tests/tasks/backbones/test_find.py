"""Backbones of the models that come along, of torchvision's and smp's, by the names that suites give the models."""

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("segmentation_models_pytorch")

import torch

from bench.contract import Options
from bench.errors import UserError
from tasks.backbones.find import digest_of_guide, find_backbone
from tasks.classes import known_spaces
from tasks.instances.backends.shipped import find_maskrcnn
from tasks.instances.settings import InstanceSettings
from tasks.models.shipped import shipped_models
from tasks.semantic.backends.shipped import find_unet

SHIPPED = Path(__file__).parents[3] / "tasks/weights_shipped"


@pytest.fixture
def images():
    return torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize(
    ("name", "widths"),
    [("streets-unet", [64, 128]), ("streets-maskrcnn", [64, 128]), ("streets-yolo", [64, 96])],
)
def test_the_models_that_come_along_have_three_levels(name, widths, images):
    source = find_backbone(f"shipped:{name}")
    assert source.digest == json.loads((SHIPPED / f"{name}.json").read_text())["sha256"]
    features = source.load(Options())(images)
    assert [tuple(feature.shape[2:]) for feature in features] == [(16, 24), (8, 12), (4, 6)]
    assert [feature.shape[1] for feature in features[1:]] == widths


def test_the_features_are_those_that_the_model_itself_computes(images):
    network = find_unet("shipped", "streets-unet").load(Options()).network
    source = find_backbone("shipped:streets-unet")
    mean, deviation = (
        torch.tensor(v).view(1, 3, 1, 1) for v in (source.normalisation.mean, source.normalisation.deviation)
    )
    expected = network.encoder((images - mean) / deviation)
    for feature, wanted in zip(source.load(Options())(images), expected[2:5], strict=True):
        assert torch.equal(feature, wanted)
    objects = find_maskrcnn("shipped", "streets-maskrcnn", InstanceSettings(model="shipped:streets-maskrcnn"))
    transform = objects.load(Options(), known_spaces()["coco"]).network.transform
    of_objects = find_backbone("shipped:streets-maskrcnn").normalisation
    assert (tuple(transform.image_mean), tuple(transform.image_std)) == (of_objects.mean, of_objects.deviation)


def test_a_file_of_ones_own_is_known_by_the_same_digest_as_the_shipped_one(tmp_path):
    for ending in ("json", "safetensors"):
        shutil.copy(SHIPPED / f"streets-unet.{ending}", tmp_path / f"mine.{ending}")
    own = find_backbone(f"trained:{tmp_path / 'mine.safetensors'}")
    assert own.digest == digest_of_guide("shipped:streets-unet")
    assert len(own.load(Options())(torch.zeros(1, 3, 32, 32))) == 3


@pytest.mark.parametrize(
    ("name", "outputs", "levels"),
    [("fasterrcnn_mobilenet_v3_large_320_fpn", 5, 3), ("lraspp_mobilenet_v3_large", 4, 3)],
)
def test_torchvisions_networks_of_any_classes(name, outputs, levels, tmp_path, images):
    get_model = pytest.importorskip("torchvision.models").get_model
    network = get_model(name, weights=None, weights_backbone=None, num_classes=outputs)
    torch.save(network.state_dict(), tmp_path / "mine.pth")
    source = find_backbone(f"torchvision:{name}@{tmp_path / 'mine.pth'}")
    assert len(source.load(Options())(images)) == levels
    assert len(source.digest) == 64


@pytest.mark.shared
def test_a_folder_of_smps(shared, images):
    source = find_backbone(f"smp:{shared / 'models/semantic/camvid_fpn'}")
    features = source.load(Options())(images)
    assert [tuple(feature.shape[2:]) for feature in features] == [(16, 24), (8, 12), (4, 6)]


@pytest.mark.shared
def test_an_export_cannot_guide(shared):
    model = f"ultralytics:{shared / 'models/detection/yolov8n_int8.tflite'}"
    with pytest.raises(UserError, match="no gradients pass an exported file"):
        find_backbone(model)
    assert digest_of_guide(model) == ""


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("onnx:net.onnx", "expected a model whose gradients PyTorch computes: smp:CHECKPOINT, torchvision:"),
        ("darknet:yolov3.weights", "expected a model whose gradients"),
        ("mine.py:build", "expected a model whose gradients"),
        ("smp:", "expected a model whose gradients"),
        ("shipped:streets-unett", "no such model.*streets-unet"),
        ("torchvision:resnet", "has no 'resnet'"),
        ("smp:/nowhere/at/all", "no such folder"),
    ],
)
def test_what_cannot_guide_is_refused_in_a_sentence(model, message):
    with pytest.raises(UserError, match=message):
        find_backbone(model)


def test_models_that_cannot_guide_have_no_digest_to_be_known_by():
    assert digest_of_guide("darknet:yolov3.weights") == digest_of_guide("mine.py:build") == digest_of_guide("") == ""
    assert len(shipped_models("semantic")) == 1
