"""Tasks by which restored images are judged: image quality, detection, instance and semantic segmentation.

A task's factory is ``build(parameters: Parameters, classes: Classes) -> Task``. It is cheap; the model is
loaded by ``Task.judge``. Installed packages add tasks through the entry-point group ``derainbench.tasks``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from bench.contract import Classes, Parameters
from bench.protocols import Task
from bench.registry import Registry

TaskFactory: TypeAlias = Callable[[Parameters, Classes], Task]

TASKS: Registry[TaskFactory] = Registry(
    kind="task",
    targets={
        "quality": "tasks.quality.task:build",
        "detection": "tasks.detection.task:build",
        "instances": "tasks.instances.task:build",
        "semantic": "tasks.semantic.task:build",
    },
    group="derainbench.tasks",
)
