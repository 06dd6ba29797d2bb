"""Parameters are refused by name, with the nearest known one."""

import pytest

from bench.contract import Classes
from bench.errors import UserError
from tasks import TASKS


@pytest.mark.parametrize(
    ("task", "parameters", "message"),
    [
        ("quality", {"window": 7}, "unknown parameter 'window'"),
        ("detection", {"model": "ultralytics:yolov3u", "scores": 0.3}, "Did you mean score"),
        ("detection", {}, r"'model' is missing; write it into the suite below \[tasks.detection\], or give --model "),
        ("detection", {"model": "yolov3u"}, "expected ultralytics:CHECKPOINT or"),
        ("detection", {"model": "darknett:yolov3"}, "got 'darknett:yolov3'"),
        ("detection", {"model": "ultralytics:yolov3v"}, "Did you mean yolov3u"),
        ("detection", {"model": "ultralytics:yolov3u", "overlap": 1.5}, "parameter 'overlap'"),
        ("detection", {"model": "ultralytics:yolov3u", "overlap": float("nan")}, "parameter 'overlap'"),
        ("semantic", {"model": "smp:nowhere"}, "no such folder"),
        ("instances", {"model": "torchvision:fasterrcnn_resnet50_fpn"}, "known: maskrcnn"),
        ("instances", {"model": "torchvision:maskrcnn_resnet50_fpn_v2@absent.pth"}, "no such file"),
    ],
)
def test_wrong_parameters_are_named(task: str, parameters: dict[str, float | str], message: str) -> None:
    build = TASKS.load(TASKS.find(task))
    with pytest.raises(UserError, match=message):
        build(parameters, Classes())
