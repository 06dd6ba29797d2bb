"""Vision models of the library transformers: by folder, or by hub name at a pinned commit. No remote code, ever.

``transformers:FOLDER`` is what ``save_pretrained`` writes: ``config.json``, ``preprocessor_config.json`` and
``model.safetensors``. ``transformers:OWNER/NAME@COMMIT`` is the same on the hub, fetched once.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from bench.contract import ClassSpace, Image, Options
from bench.devices import torch_for
from bench.errors import MissingExtraError, UserError
from bench.io.files import key_of, sha256_of
from tasks.classes import space_of_labels
from tasks.models.hub import hub_file, hub_folder

_CONFIG = "config.json"
_PREPARATIONS = ("preprocessor_config.json", "processor_config.json")
_SAFE, _SAFE_INDEX = "model.safetensors", "model.safetensors.index.json"
_PICKLED = ("pytorch_model.bin", "pytorch_model.bin.index.json")
_TEXTS = ("*.json", "vocab.txt", "merges.txt")
"""Settings of the network, of its input, and of a tokenizer where it has one."""
_HUB = re.compile(r"([\w.-]+/[\w.-]+)@([0-9a-f]{40})")
_UNNAMED = re.compile(r"LABEL_\d+")
_NOTHING = "N/A"
"""How the models of DETR's kind call the gaps in COCO's ids."""


@dataclass(frozen=True)
class LoadedTransformer:
    """A network on its device, in evaluation mode, with what prepares its input.

    Attributes:
        library: ``transformers``.
        network: One of its models.
        processor: Its image processor, which reads the network's outputs, too.
        tokens: For a network that is told its task: token ids (1, T) of the task; else None.
        device: Where it is.
    """

    library: ModuleType
    network: Any
    processor: Any
    tokens: Any
    device: str

    def answers(self, images: Sequence[Image]) -> Iterator[tuple[Any, list[tuple[int, int]]]]:
        """Run images through the network; on a GPU, images of equal size share a batch.

        Yields:
            The network's outputs for one or more images, and the (height, width) of each.
        """
        together = self.device.startswith("cuda") and len({image.shape for image in images}) == 1
        for group in [list(images)] if together else [[image] for image in images]:
            yield self.forward(group), [(image.shape[0], image.shape[1]) for image in group]

    def forward(self, images: list[Image]) -> Any:  # noqa: ANN401
        """Run images of one size through the network at once; return its outputs, one an image in every tensor."""
        import torch
        from PIL import Image as Pillow

        # As pictures, not arrays: of an array the library guesses which axis holds the channels.
        inputs = self.processor(images=[Pillow.fromarray(image) for image in images], return_tensors="pt")
        if self.tokens is not None:
            inputs["task_inputs"] = self.tokens.repeat(len(images), 1)
        with torch.inference_mode():
            return self.network(**inputs.to(self.device))


@dataclass(frozen=True)
class TransformersModel:
    """A model before it is loaded: all that its ``config.json`` tells.

    Attributes:
        label: Short name for tables.
        digest: Of all its files; of a hub name, the name with its commit.
        architecture: The library's class, such as ``DetrForObjectDetection``.
        labels: Its classes, id and name; without names of their own, ``LABEL_0`` and so on.
        place: The folder, or ``OWNER/NAME@COMMIT``.
        trust: Take weights in a pickle, too.
    """

    label: str
    digest: str
    architecture: str
    labels: tuple[tuple[int, str], ...]
    place: str
    trust: bool

    @property
    def space(self) -> ClassSpace | None:
        """Its classes; None if its settings do not name them."""
        named = {id: name for id, name in self.labels if name.upper() != _NOTHING}
        unnamed = all(_UNNAMED.fullmatch(name) for name in named.values())
        return None if unnamed else space_of_labels(self.label, named)

    @property
    def facts(self) -> Mapping[str, object]:
        """Architecture and weights."""
        return {"backend": "transformers", "architecture": self.architecture, "weights": self.digest}

    def load(self, options: Options, task: str) -> LoadedTransformer:
        """Build the network and load its weights, every one of them.

        Args:
            options: Device, and whether downloads are allowed.
            task: ``semantic`` or ``instance``, for networks that are told.

        Raises:
            MissingExtraError: transformers or PyTorch is not installed.
            UserError: Files are missing, damaged, or not those of this architecture.
        """
        torch = torch_for(options, f"the model {self.label}")
        library = _library(f"the model {self.label}")
        folder = self._folder(options)
        _check_weights(folder, self.trust)
        try:
            network, found = getattr(library, self.architecture).from_pretrained(
                folder,
                use_safetensors=None if self.trust else True,
                dtype=torch.float32,
                local_files_only=True,
                output_loading_info=True,
            )
            # OneFormer's processor would download names of classes, which only training needs.
            processor = library.AutoImageProcessor.from_pretrained(
                folder, trust_remote_code=False, local_files_only=True, class_info_file=None
            )
            tokens = _tokens(library, folder, network.config, task)
        except Exception as error:  # settings and weights fail in as many ways as there are architectures
            reason = " ".join(str(error).split())[:300]
            raise UserError(f"{self.place}: cannot be loaded ({type(error).__name__}: {reason})") from error
        if missing := sorted(found["missing_keys"]):
            raise UserError(
                f"{self.place}: lacks {len(missing)} tensors of {self.architecture}, first {missing[0]!r}; its weights "
                "belong to another network"
            )
        if damaged := [name for name, tensor in network.state_dict().items() if not torch.isfinite(tensor).all()]:
            raise UserError(f"{self.place}: {damaged[0]!r} holds NaN or infinite values; the file is damaged")
        return LoadedTransformer(library, network.eval().to(options.device), processor, tokens, options.device)

    def _folder(self, options: Options) -> Path:
        if not (hub := _HUB.fullmatch(self.place)):
            return Path(self.place)
        patterns = (*_TEXTS, "model*.safetensors", *(("pytorch_model*.bin",) if self.trust else ()))
        here = hub_file(hub[1], hub[2], _CONFIG, options.offline).parent
        # The cache has the commit's files under one folder: whole, it needs no network; begun, it is fetched again.
        return here if _is_whole(here) else hub_folder(hub[1], hub[2], patterns, options.offline)


def find_transformers(text: str, suffixes: tuple[str, ...], trust: bool, task: str) -> TransformersModel:
    """Resolve a folder or ``OWNER/NAME@COMMIT``; of a hub name its ``config.json`` is fetched if it is not here.

    Args:
        text: What the user wrote behind ``transformers:``.
        suffixes: What the names of suitable architectures end with, such as ``ForObjectDetection``.
        trust: Take weights in a pickle, too.
        task: For messages.

    Raises:
        UserError: No such folder, no pinned commit, or an architecture for another task.
    """
    folder = Path(text)
    if folder.is_dir():
        config = folder / _CONFIG
        if not config.is_file():
            raise UserError(f"{folder}: has no {_CONFIG}; expected a folder written by save_pretrained of transformers")
        _check_weights(folder, trust)
        label, place, digest = folder.resolve().name, str(folder.resolve()), _digest(folder)
    elif hub := _HUB.fullmatch(text):
        config = hub_file(hub[1], hub[2], _CONFIG)
        label, place, digest = f"{hub[1].partition('/')[2]}@{hub[2][:7]}", text, text
    else:
        raise UserError(
            f"task {task!r}: transformers:{text}: no such folder; expected one written by save_pretrained, or "
            "OWNER/NAME@COMMIT with the 40 digits of a commit of that repository: what a branch holds changes, and "
            "numbers with it"
        )
    architecture, labels = _read_config(config)
    if not architecture.endswith(suffixes):
        wanted = " or ".join(f"...{suffix}" for suffix in suffixes)
        raise UserError(f"task {task!r}: {text} is a {architecture}, expected a {wanted}")
    return TransformersModel(label, digest, architecture, labels, place, trust)


def _read_config(path: Path) -> tuple[str, tuple[tuple[int, str], ...]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        (architecture,) = content["architectures"]
        labels = {int(id): str(name) for id, name in content["id2label"].items()} if "id2label" in content else {}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(
            f"{path}: not the settings of a model: expected one name in 'architectures' and class names in 'id2label' "
            f"({type(error).__name__}: {error})"
        ) from error
    if not isinstance(architecture, str) or not architecture.isidentifier():
        raise UserError(f"{path}: 'architectures' names {architecture!r}, expected a class such as DetrForSegmentation")
    return architecture, tuple(sorted(labels.items()))


def _check_weights(folder: Path, trust: bool) -> None:
    """Refuse a folder without weights, and weights in a pickle that nobody vouches for."""
    if (folder / _SAFE).is_file() or (folder / _SAFE_INDEX).is_file():
        return
    if pickled := next((name for name in _PICKLED if (folder / name).is_file()), None):
        if trust:
            return
        raise UserError(
            f"{folder}: refused: its weights are a pickle, {pickled}. Ask for {_SAFE}, or, if you trust its author, "
            "set the parameter trust_checkpoint = true"
        )
    raise UserError(f"{folder}: has no {_SAFE}; expected a folder written by save_pretrained of transformers")


def _is_whole(folder: Path) -> bool:
    """Whether a folder has settings and weights, of divided weights every part."""
    if not any((folder / name).is_file() for name in _PREPARATIONS):
        return False
    if (folder / _SAFE).is_file():
        return True
    try:
        parts = set(json.loads((folder / _SAFE_INDEX).read_text(encoding="utf-8"))["weight_map"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    return all((folder / part).is_file() for part in parts)


def _digest(folder: Path) -> str:
    """Digest of all files that loading could read."""
    read = {path for pattern in (*_TEXTS, "*.safetensors", "*.bin") for path in folder.glob(pattern)}
    return key_of(*((path.name, sha256_of(path)) for path in sorted(read)))


def _library(purpose: str) -> ModuleType:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        import transformers
    except ImportError as error:
        raise MissingExtraError("transformers", "hf", purpose) from error
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    library: ModuleType = transformers
    return library


def _tokens(library: ModuleType, folder: Path, config: Any, task: str) -> Any:  # noqa: ANN401
    """Token ids of the task for OneFormer, as its processor makes them; None for all others."""
    if config.model_type != "oneformer":
        return None
    tokenizer = library.AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    tokens = tokenizer(
        [f"the task is {task}"],
        padding="max_length",
        truncation=True,
        max_length=config.task_seq_len,
        return_tensors="pt",
    )
    return tokens["input_ids"] * tokens["attention_mask"]  # what pads is 0, whatever the tokenizer pads with
