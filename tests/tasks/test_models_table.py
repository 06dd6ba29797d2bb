"""The table of models names every backend of every task, and nothing else."""

import csv
from pathlib import Path

import tasks
from tasks.detection.backends.table import BACKENDS as DETECTORS
from tasks.instances.backends.table import BACKENDS as INSTANCES
from tasks.models.recorded import NAME as RECORDED
from tasks.semantic.backends.table import BACKENDS as SEGMENTERS
from tasks.settings import FILE

BACKENDS = {"detection": DETECTORS, "instances": INSTANCES, "semantic": SEGMENTERS}


def test_every_backend_has_a_row_that_names_its_tasks() -> None:
    with (Path(tasks.__file__).parent / "models.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    told = {
        (task, FILE if ".py:" in row["form"] else row["form"].partition(":")[0])
        for row in rows
        for task in (BACKENDS if row["tasks"] == "all" else row["tasks"].split(", "))
    }
    assert told == {(task, name) for task, table in BACKENDS.items() for name in table if name != RECORDED}
