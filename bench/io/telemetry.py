"""Keep libraries from reporting their use to their makers."""

from __future__ import annotations

import os

_SWITCHES = {
    "ORT_DISABLE_TELEMETRY": "1",  # onnxruntime
    "YOLO_AUTOINSTALL": "false",  # ultralytics would install packages by itself,
    "YOLO_OFFLINE": "true",  # look for the internet when it is imported,
    "YOLO_VERBOSE": "false",  # and talk
    "HF_HUB_DISABLE_TELEMETRY": "1",  # huggingface_hub, under segmentation-models-pytorch
    "NO_ALBUMENTATIONS_UPDATE": "1",  # ultralytics imports it where it is installed
    "RAY_USAGE_STATS_ENABLED": "0",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
}


def forbid_telemetry() -> None:
    """Set the environment variables by which libraries are told so, before one is imported; a user's own stay.

    Processes that are started later inherit them.
    """
    for name, value in _SWITCHES.items():
        os.environ.setdefault(name, value)
