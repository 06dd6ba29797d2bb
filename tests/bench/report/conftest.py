"""A run with tasks that an installed package brings."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.api.report import write_report
from tests.bench.plugin_tasks import NAMES, write_plugin
from tests.bench.report_folder import make_run


@pytest.fixture(scope="session")
def own_tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run (``run``) with its page (``with.html``), whose package of tasks is gone again."""
    root = tmp_path_factory.mktemp("own")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(write_plugin(root / "site")))
        make_run(root / "run", skills={"rain": 0.4, "mine": 0.8, "clean": 1.0}, tasks=("quality", *NAMES))
        write_report(root / "run", root / "with.html")
    sys.modules.pop("tasks_of_tests", None)
    return root
