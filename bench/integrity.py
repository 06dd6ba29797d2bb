"""What was changed in a run folder behind the runner's back is made again, not believed."""

from __future__ import annotations

import warnings
from pathlib import Path

from bench.files import sha256_of
from bench.verification import DIGESTS, files_of, read_digests

_WORK = ("data/", "restored/", "evidence/")


def discard_changed(root: Path) -> list[str]:
    """Remove every image, label and evidence of a finished run that no longer has the digest it was left with.

    The digests are removed, too: they are those of a finished run, and are written anew when this one ends.

    Returns:
        Names of the removed files, relative to the run folder.

    Raises:
        UserError: The digests are damaged.
    """
    path = root / DIGESTS
    if not path.is_file():
        return []
    noted = {name: digest for name, digest in read_digests(path).items() if name.startswith(_WORK)}
    # Only what the folder itself holds: the digests may come from somebody else and name anything.
    present = [name for name in files_of(root) if name in noted]
    changed = [name for name in present if sha256_of(root / name) != noted[name]]
    for name in changed:
        (root / name).unlink()
    path.unlink()
    if changed:
        warnings.warn(
            f"{root}: {len(changed)} files were changed after the last run and are made again, first {changed[0]}",
            stacklevel=2,
        )
    return changed
