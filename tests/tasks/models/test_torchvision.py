"""torchvision's published weights: found on the search path, among others of their name."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from bench.contract import Options  # noqa: E402
from bench.errors import UserError  # noqa: E402
from bench.io.files import sha256_of  # noqa: E402
from bench.io.weights import WEIGHTS_VARIABLE  # noqa: E402
from tasks.models.torchvision import TorchvisionCheckpoint, TorchvisionModel, torchvision_state  # noqa: E402


def test_a_published_file_is_found_in_the_folders_of_the_options_and_of_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path / "mine"))
    written = tmp_path / "written.pth"
    torch.save({"weight": torch.arange(3.0)}, written)
    name = f"net-{sha256_of(written)[:8]}.pth"
    model = TorchvisionModel("net", name, "", "boxes")
    checkpoint = TorchvisionCheckpoint(model, model.prefix)
    with pytest.raises(UserError, match=f"{name} are not here and --offline is set"):
        torchvision_state(checkpoint, Options(offline=True))
    for folder, options in (
        (tmp_path / "mine", Options(offline=True)),
        (tmp_path / "given", Options(weights_dirs=(tmp_path / "given",), offline=True)),
    ):
        other, found = folder / "a" / name, folder / "b" / name
        for path in (other, found):
            path.parent.mkdir(parents=True)
        other.write_bytes(b"another file of that name")
        found.write_bytes(written.read_bytes())
        state = torchvision_state(checkpoint, options)
        assert isinstance(weight := state["weight"], torch.Tensor)
        assert weight.tolist() == [0.0, 1.0, 2.0]
        found.unlink()
