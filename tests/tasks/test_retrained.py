"""The retrained protocol of a task: its name, and its metrics under names that the frozen task never has."""

from __future__ import annotations

import pytest

from bench.contract import Classes, Options
from bench.errors import UserError
from bench.io.metrics import metric_table
from synth.streets.classes import CLASSES
from tasks import TASKS
from tasks.retrained import RetrainedTask, frozen_name, retrained_name, retrained_task


def made(task: str = "detection", model: str = "shipped:streets-yolo", classes: Classes = CLASSES) -> RetrainedTask:
    built = TASKS.load(TASKS.named(task))({"model": model}, classes)
    return retrained_task({"rain": built, "prenet": built})


def test_a_retrained_task_has_a_name_of_its_own_from_which_the_frozen_one_follows() -> None:
    assert made().name == retrained_name("detection") == "detection-retrained"
    assert frozen_name(made().name) == "detection"


@pytest.mark.parametrize(
    ("written", "described", "digits"),
    [
        ("AP:retrained", "AP:retrained", 2),
        ("AP_small:retrained", "AP_small:retrained", 2),
        ("tp@0.25/0.60:retrained", "tp@S/O:retrained", 0),
        ("precision@0.25/0.60:retrained[car]", "precision@S/O:retrained[CLASS]", 2),
        ("recall:darknet_map+retrained", "recall:RULE", 2),
    ],
)
def test_every_metric_is_described_as_the_frozen_one(written: str, described: str, digits: int) -> None:
    found = metric_table(made().metrics).find(written)
    assert found is not None
    assert (found.name, found.digits) == (described, digits)


def test_headlines_stay_headlines_and_only_those_of_the_task_are_described() -> None:
    semantic = made("semantic", "shipped:streets-unet")
    assert {one.name for one in semantic.metrics if one.headline} == {"mPA:retrained", "mIoU:retrained"}
    assert "AP:retrained" not in {one.name for one in semantic.metrics}


def test_no_model_judges_all_rows() -> None:
    with pytest.raises(UserError, match=r"has a model a row \(rain, prenet\)"):
        made().judge(Options())
