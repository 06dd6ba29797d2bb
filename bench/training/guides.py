"""Open the model that guides a derainer's training, and state it in the card."""

from __future__ import annotations

from pathlib import Path

from bench.contract import Options
from bench.training.card import place_of
from bench.training.derainer_config import DerainerTraining
from derainers.training.guide import Guide
from tasks.backbones.find import find_backbone


def open_guide(training: DerainerTraining) -> tuple[Guide | None, dict[str, object]]:
    """Load the guide of one training, if it has one.

    Returns:
        The guide, or None; and what decides its part in the weights, for identity and card: its name, the digest of its
        weights, share and warm-up.

    Raises:
        UserError: No such model, one that gradients cannot pass, or its weights cannot be had.
    """
    if not training.guide:
        return None, {}
    source = find_backbone(training.guide)
    guide = Guide(source.load(Options()), training.guide_share, training.guide_after)
    model = with_short_guide(training).guide
    return guide, {"model": model, "sha256": source.digest, "share": guide.share, "after": guide.after}


def with_short_guide(training: DerainerTraining) -> DerainerTraining:
    """Name the guide's file by the last two parts of its path: they tell which model, not whose machine."""
    backend, _, checkpoint = training.guide.partition(":")
    network, at, file = checkpoint.rpartition("@")
    if not file or not Path(file).exists():  # a published name
        return training
    return training.model_copy(update={"guide": f"{backend}:{network}{at}{place_of(Path(file))}"})
