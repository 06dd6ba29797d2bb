"""detectron2's adapter: what it refuses with and without the library, and what it finds with it."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from bench.contract import Classes, Detections, Options, Sample, Truth
from bench.errors import UserError
from tasks.classes import known_spaces
from tasks.detection.backends.pickles import read_array_pickle
from tasks.detection.task import build

COCO = Classes(instances=known_spaces()["coco"])
CONFIG = "COCO-Detection/faster_rcnn_R_50_FPN_3x"


class Hostile:
    """Runs a program when it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        import os

        return os.system, ("exit 7",)


def test_array_pickles_are_read(tmp_path: Path) -> None:
    content = {"model": {"weight": np.arange(6, dtype=np.float32).reshape(2, 3), "steps": np.int64(3)}, "author": "x"}
    for protocol in range(5):
        (tmp_path / "x.pkl").write_bytes(pickle.dumps(content, protocol=protocol))
        found = read_array_pickle(tmp_path / "x.pkl")
        np.testing.assert_array_equal(found["model"]["weight"], content["model"]["weight"])
        assert found["author"] == "x"


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6).reshape(2, 3), np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.zeros((0, 3)), np.array(5.0),
        np.arange(3, dtype=">i4"), np.array([True, False]), np.float16(2),
    ],
    ids=lambda array: f"{array.dtype.str}{array.shape}",
)  # fmt: skip
def test_every_kind_of_array_comes_back(tmp_path: Path, protocol: int, array: np.ndarray) -> None:
    (tmp_path / "x.pkl").write_bytes(pickle.dumps({"blobs": {"a": array}}, protocol=protocol))
    found = read_array_pickle(tmp_path / "x.pkl")["blobs"]["a"]
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(found, array)


def test_a_pickle_takes_no_more_memory_than_its_file_fills(tmp_path: Path) -> None:
    (tmp_path / "places.pkl").write_bytes(b"\x80\x02}r\xff\xff\xff\x7f.")
    whole = pickle.dumps({"a": np.arange(4, dtype=np.float64)}, protocol=2)
    (tmp_path / "shape.pkl").write_bytes(whole.replace(b"K\x04\x85", b"J\xff\xff\xff\x7f\x85"))
    (tmp_path / "numbers.pkl").write_bytes(whole.replace(b"f8", b"O8"))
    for name, said in (("places", "places"), ("shape", "does not fill"), ("numbers", "an array of '<O8'")):
        with pytest.raises(UserError, match=said):
            read_array_pickle(tmp_path / f"{name}.pkl")


@pytest.mark.parametrize("content", [{"model": Hostile()}, {"model": Path("x")}, {"a": np.ma.array([1])}])
def test_pickles_that_ask_for_more_are_refused(tmp_path: Path, content: dict[str, object]) -> None:
    (tmp_path / "x.pkl").write_bytes(pickle.dumps(content))
    with pytest.raises(UserError, match="refused: not a plain pickle"):
        read_array_pickle(tmp_path / "x.pkl")


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>", pickle.dumps([1, 2])])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.pkl").write_bytes(content)
    with pytest.raises(UserError, match=r"x\.pkl"):
        read_array_pickle(tmp_path / "x.pkl")


@pytest.mark.parametrize("model", ["detectron2:" + CONFIG, f"detectron2:{CONFIG}@absent.pkl"])
def test_a_model_is_a_configuration_and_a_file(model: str) -> None:
    with pytest.raises(UserError, match=r"CONFIGURATION@FILE.*MODEL_ZOO"):
        build({"model": model}, COCO)


def test_without_the_library_the_error_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.setitem(__import__("sys").modules, "detectron2", None)  # as if it were not installed
    (tmp_path / "x.pth").write_bytes(b"x")
    with pytest.raises(UserError, match=r"pip install .*detectron2\.git"):
        build({"model": f"detectron2:{CONFIG}@{tmp_path / 'x.pth'}"}, COCO).judge(Options())


@pytest.mark.detectron2
def test_boxes_equal_those_of_detectron2s_own_predictor(tmp_path: Path, image_of) -> None:
    torch = pytest.importorskip("torch")
    engine = pytest.importorskip("detectron2.engine")
    from detectron2 import model_zoo
    from detectron2.config import get_cfg
    from detectron2.modeling import build_model

    torch.manual_seed(0)
    config = get_cfg()
    config.merge_from_file(model_zoo.get_config_file(CONFIG + ".yaml"))
    config.MODEL.DEVICE = "cpu"
    config.MODEL.ROI_HEADS.SCORE_THRESH_TEST = 0.001
    config.TEST.DETECTIONS_PER_IMAGE = 300
    network = build_model(config)
    for name, parameter in network.named_parameters():
        if "fpn_output" in name:
            parameter.data.mul_(1e-3)  # untrained features are so large that all scores would be 0 or 1
    torch.nn.init.normal_(network.roi_heads.box_predictor.cls_score.weight, std=0.3)
    config.MODEL.WEIGHTS = str(tmp_path / "random.pth")
    torch.save({"model": network.state_dict()}, config.MODEL.WEIGHTS)
    image = image_of(60, 90, 1)
    own = engine.DefaultPredictor(config)(np.ascontiguousarray(image[..., ::-1]))["instances"]
    judge = build({"model": f"detectron2:{CONFIG}@{config.MODEL.WEIGHTS}"}, COCO).judge(Options())
    [seen] = judge([image], [Sample("a", image, image, Truth((60, 90)))])
    assert isinstance(seen, Detections)
    assert len(seen.boxes) > 50
    own_boxes = own.pred_boxes.tensor.numpy()
    solid = (own_boxes[:, 2] > own_boxes[:, 0]) & (own_boxes[:, 3] > own_boxes[:, 1])
    np.testing.assert_allclose(seen.scores, own.scores.numpy()[solid], atol=1e-6)
    np.testing.assert_allclose(seen.boxes, own_boxes[solid], atol=1e-3)


@pytest.mark.detectron2
def test_unknown_configurations_and_other_networks_are_refused(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("detectron2")
    torch.save({"model": {"backbone.x": torch.zeros(1)}}, tmp_path / "x.pth")
    with pytest.raises(UserError, match="no configuration"):
        build({"model": f"detectron2:COCO-Detection/nothing@{tmp_path / 'x.pth'}"}, COCO).judge(Options())
    with pytest.raises(UserError, match="belongs to another network"):
        build({"model": f"detectron2:{CONFIG}@{tmp_path / 'x.pth'}"}, COCO).judge(Options())
