"""Pickles of plain arrays, as detectron2's model zoo has them, read without running what else they may hold."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

from bench.errors import UserError

_HARMLESS = {
    ("collections", "OrderedDict"),
    ("_codecs", "encode"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    *((f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
    *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),
}
"""What a pickle may ask for: nothing here can do more than make an array."""


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in _HARMLESS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module, name)


def read_array_pickle(path: Path) -> dict[str, object]:
    """Read a pickled dictionary of arrays and plain values.

    Raises:
        UserError: It is damaged, no dictionary, or asks for anything but arrays.
    """
    try:
        content = _ArraysOnly(io.BytesIO(path.read_bytes()), encoding="latin1").load()
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path}: refused: not a plain pickle of arrays ({error}), loading it could run code"
        ) from error
    except Exception as error:  # a damaged pickle fails in many ways
        raise UserError(f"{path}: not a readable pickle ({type(error).__name__}: {error})") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected a dictionary of arrays, found {type(content).__name__}")
    return content
