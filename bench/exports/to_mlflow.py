"""Export to MLflow: an experiment for the suite, a run for every row, one more run with the tables as artifacts."""

from __future__ import annotations

import os
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

from bench.errors import UserError, missing_extra
from bench.exports.rows import ExportRow, files_of, rows_of, suite_of, tracker_name

if TYPE_CHECKING:
    from mlflow import MlflowClient

_LONGEST_PARAMETER = 500
_LARGEST_BATCH = 1000


def export_mlflow(run: Path, out: Path, offline: bool = False) -> str:
    """Log a run to the server of ``MLFLOW_TRACKING_URI``, or without one into a folder.

    Args:
        run: The run folder.
        out: The folder for want of a server.
        offline: True refuses a server.

    Returns:
        Where it went.

    Raises:
        MissingExtraError: MLflow is not installed.
        UserError: There is no finished run, the server cannot be reached, or one is set and ``offline``, too.
    """
    try:
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
    except ImportError as error:
        raise missing_extra(error, "MLflow", "mlflow", "exporting to MLflow") from error
    place = os.environ.get("MLFLOW_TRACKING_URI", "") or out.resolve().as_uri()
    if offline and place.startswith(("http", "databricks")):
        raise UserError(f"MLFLOW_TRACKING_URI is {place} and --offline is set; unset one of them")
    rows = rows_of(run)
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # it would rather have a database, which is one extra more
    client = MlflowClient(tracking_uri=place)
    try:
        experiment = client.get_experiment_by_name(suite_of(run))
        id = experiment.experiment_id if experiment else client.create_experiment(suite_of(run))
        parent = client.create_run(id, run_name=rows[0].run).info.run_id
        for path in files_of(run):
            client.log_artifact(parent, str(path), "tables" if path.parent.name == "tables" else None)
        for row in rows:
            _log_row(client, id, parent, row)
        client.set_terminated(parent)
    except MlflowException as error:
        raise UserError(f"MLflow at {place}: {' '.join(str(error).split())[:300]}") from error
    return place


def _log_row(client: MlflowClient, experiment: str, parent: str, row: ExportRow) -> None:
    from mlflow.entities import Metric, Param

    tags = {"mlflow.parentRunId": parent, "derainer": row.derainer, "dataset": row.dataset}
    id = client.create_run(experiment, tags=tags, run_name=row.name).info.run_id
    now = int(time() * 1000)
    metrics = [Metric(tracker_name(name), value, now, 0) for name, value in row.metrics.items()]
    facts = [Param(tracker_name(name), value[:_LONGEST_PARAMETER]) for name, value in row.facts.items()]
    client.log_batch(id, params=facts)
    for start in range(0, len(metrics), _LARGEST_BATCH):
        client.log_batch(id, metrics=metrics[start : start + _LARGEST_BATCH])
    client.set_terminated(id)
