"""Label maps: from the numbers in a file to class ids, with 255 for what has no class."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from bench.contract import UNLABELLED, ClassSpace, LabelMap
from bench.errors import ImageError


def check_label_map(labels: LabelMap, classes: ClassSpace, ignored: Collection[int], where: str) -> LabelMap:
    """Replace ignored ids by 255, and refuse unknown ones.

    Args:
        labels: (H, W) uint8 as in the file.
        classes: The known classes.
        ignored: Further ids that mean "not labelled".
        where: What to call the label map in messages.

    Raises:
        ImageError: It contains ids that are neither.
    """
    table = np.full(256, UNLABELLED, dtype=np.uint8)
    table[list(classes.ids)] = classes.ids
    present = np.flatnonzero(np.bincount(labels.ravel(), minlength=256))
    unknown = sorted(set(present.tolist()) - set(classes.ids) - set(ignored) - {UNLABELLED})
    if unknown:
        raise ImageError(
            f"{where}: unknown class ids {', '.join(map(str, unknown))}; expected {min(classes.ids)} to "
            f"{max(classes.ids)} as in class list {classes.name!r}, or {UNLABELLED} for not labelled"
        )
    return table[labels]
