from __future__ import annotations

import pickle

from bench.errors import ImageError, MissingExtraError, UserError


def test_errors_survive_the_way_home_from_a_worker() -> None:
    for error in (UserError("wrong"), ImageError("bad"), MissingExtraError("PyTorch", "torch", "restoring")):
        back = pickle.loads(pickle.dumps(error))  # noqa: S301
        assert type(back) is type(error)
        assert str(back) == str(error)


def test_a_missing_library_is_named_with_its_purpose_and_the_command_that_installs_it() -> None:
    message = str(MissingExtraError("ultralytics", "yolo", "detection"))
    assert message.startswith("detection needs ultralytics")
    assert "pip install 'derainbench[yolo]'" in message
