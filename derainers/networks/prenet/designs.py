"""The numbers that tell PReNet and its relatives apart, known without importing PyTorch.

Ren et al., "Progressive image deraining networks: a better and simpler baseline", CVPR 2019.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PReNetDesign:
    """The numbers that make one PReNet.

    Attributes:
        stages: Number of times that the weights are applied.
        memory: False is PRN: no ConvLSTM, nothing is remembered between the stages but the estimate.
        shared: True is the recursive variant "_r": one residual branch, applied five times.
    """

    stages: int = 6
    memory: bool = True
    shared: bool = False


PUBLISHED = {
    "prenet": PReNetDesign(),
    "prenet-rain100h": PReNetDesign(),
    "prenet-rain100l": PReNetDesign(),
    "prenet-r": PReNetDesign(shared=True),
    "prenet-r-rain100h": PReNetDesign(shared=True),
    "prn-rain100h": PReNetDesign(memory=False),
    "prn-r-rain100h": PReNetDesign(memory=False, shared=True),
}
"""Networks with published weights by name; ``weights.csv`` says on which pairs each was trained.

Of the three training sets of ``prenet``, Rain1400 is the most varied: its weights are the ones for foreign rain.
"""
TRAINABLE = {"prenet": PReNetDesign(), "prenet-small": PReNetDesign(stages=3)}
"""Networks that can be trained by name. ``prenet-small`` does half the work, with the same weights in every stage."""
