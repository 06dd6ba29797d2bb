"""Files of models from Hugging Face's hub: fetched once, kept in its cache, without a report of their use."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType

from bench.errors import MissingExtraError, UserError

_OFFLINE = ("HF_HUB_OFFLINE", "DERAINBENCH_OFFLINE")
_NO = ("", "0", "no", "off", "false")


def hub_file(repository: str, revision: str, file: str, offline: bool = False) -> Path:
    """Find one file of a repository in the hub's cache, or download it; return its path.

    Args:
        repository: ``OWNER/NAME``.
        revision: A commit; no network is asked for a file that is here at that commit.
        file: Its name.
        offline: True forbids the download, as ``HF_HUB_OFFLINE`` and ``--offline`` do.

    Raises:
        MissingExtraError: The hub's library is not installed.
        UserError: It is not here and cannot be had.
    """
    fetch = partial(_hub().hf_hub_download, repository, file, revision=revision)
    return _fetched(fetch, f"{repository}@{revision}", offline)


def hub_folder(repository: str, revision: str | None, patterns: Sequence[str], offline: bool = False) -> Path:
    """Find the files of a repository in the hub's cache, or download them; return their folder.

    Args:
        repository: ``OWNER/NAME``.
        revision: A commit, tag or branch; None for the newest.
        patterns: Which files, such as ``*.safetensors``.
        offline: True forbids downloads; the folder may then lack files.

    Raises:
        MissingExtraError: The hub's library is not installed.
        UserError: It cannot be had.
    """
    fetch = partial(_hub().snapshot_download, repository, revision=revision, allow_patterns=list(patterns))
    return _fetched(fetch, f"{repository}@{revision}" if revision else repository, offline)


def hub_is_offline() -> bool:
    """Tell if the environment, or ``--offline``, forbids downloads from the hub."""
    return any(os.environ.get(name, "").lower() not in _NO for name in _OFFLINE)


def _hub() -> ModuleType:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        import huggingface_hub
        from huggingface_hub import constants
    except ImportError as error:
        raise MissingExtraError("huggingface_hub", "hf", "fetching a model from the hub") from error
    constants.HF_HUB_DISABLE_TELEMETRY = True  # where another library imported it before
    hub: ModuleType = huggingface_hub
    return hub


def _fetched(fetch: Callable[..., str], name: str, offline: bool) -> Path:
    forbidden = offline or hub_is_offline()
    try:
        return Path(fetch(local_files_only=forbidden))
    except Exception as error:  # the hub's library has a score of its own exceptions, all with the same advice
        why = "not in its cache, and --offline forbids downloads" if forbidden else type(error).__name__
        raise UserError(
            f"{name} could not be fetched from the hub ({why}). Check name and revision. "
            "Download the folder by hand and name it instead"
        ) from error
