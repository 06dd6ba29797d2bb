"""Load state dicts of RefineNet and Light-Weight RefineNet; their keys tell which network they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.contract import ClassSpace, Options
from bench.devices import torch_for
from bench.errors import UserError
from bench.io.checkpoints import load_state, read_checkpoint
from bench.io.files import sha256_of
from tasks.semantic.segmenter import IMAGENET, LoadedNetwork, Normalisation, tensors_of
from tasks.semantic.settings import SemanticSettings

_SUFFIXES = (".pth", ".pt", ".tar", ".safetensors")


@dataclass(frozen=True)
class RefineNetFile:
    """A user's state dict of a RefineNet, before it is loaded.

    Attributes:
        label: Short name for tables.
        digest: SHA-256 of the file.
        file: Path of the state dict.
        space: Unknown: the file does not say what its outputs mean.
        normalisation: ImageNet's.
    """

    label: str
    digest: str
    file: Path
    space: ClassSpace | None = None
    normalisation: Normalisation = IMAGENET

    def load(self, options: Options) -> LoadedNetwork:
        """Build the network that the file's keys describe and load them strictly.

        Raises:
            UserError: The file is no state dict of a RefineNet.
        """
        torch = torch_for(options, "semantic segmentation by RefineNet")
        from tasks.semantic.backends.refinenet import RefineNet

        state = {name.removeprefix("module."): value for name, value in tensors_of(read_checkpoint(self.file)).items()}
        blocks = {name.split(".")[1] for name in state if name.startswith("layer3.")}
        depths = {6: 50, 23: 101, 36: 152}
        bias = state.get("clf_conv.bias")
        if len(blocks) not in depths or not isinstance(bias, torch.Tensor):
            raise UserError(
                f"{self.file}: expected a state dict of RefineNet or Light-Weight RefineNet on a ResNet, "
                f"found {len(blocks)} blocks in layer3 and {'a' if bias is not None else 'no'} clf_conv.bias"
            )
        light = not any(name.startswith("adapt_stage1_b.") for name in state)
        network = RefineNet(len(bias), depths[len(blocks)], light)  # type: ignore[arg-type]
        load_state(network, state, str(self.file))
        return LoadedNetwork(network.eval().to(options.device), len(bias))


def find_refinenet(text: str, settings: SemanticSettings) -> RefineNetFile:
    """Find the RefineNet of a file.

    Raises:
        UserError: No such file, or of another format.
    """
    path = Path(text)
    if path.suffix.lower() == ".mat":
        raise UserError(
            f"task 'semantic': {text}: RefineNet's MatConvNet files hold MATLAB objects (saved with -v7.3), which no "
            "library reads outside MATLAB; expected a PyTorch state dict (.pth, .safetensors)"
        )
    if not path.is_file() or path.suffix.lower() not in _SUFFIXES:
        raise UserError(
            f"task 'semantic': expected refinenet:FILE with a state dict (.pth, .safetensors), got {text!r}"
        )
    return RefineNetFile(path.name.split(".")[0], sha256_of(path), path)
