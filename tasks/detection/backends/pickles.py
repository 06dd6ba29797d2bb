"""Read pickles of plain arrays, as detectron2's model zoo has them, without running any code that they may hold.

NumPy's own unpickling trusts sizes and addresses in the file, so nothing of NumPy's is called before they are checked.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import re
from collections import OrderedDict
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.errors import UserError

_NUMBERS = re.compile(r"[<>=|]?[fiub]\d{1,2}")
_PLACES = {"BINPUT", "LONG_BINPUT", "PUT", "BINGET", "LONG_BINGET", "GET"}
_DEEPEST = 3
"""Dictionaries in dictionaries: the zoo's files hold the tensors under ``model`` or ``blobs``."""


class _Dtype:
    """Type of an array's numbers as a pickle states it; ``order`` is its byte order."""

    def __init__(self, code: str, *_: object) -> None:
        self.code, self.order = str(code), ""

    def __setstate__(self, state: tuple[object, ...]) -> None:
        self.order = str(state[1])

    def numbers(self) -> np.dtype[np.generic]:
        text = self.code if self.code[:1] in "<>=|" else self.order.replace("|", "") + self.code
        if not _NUMBERS.fullmatch(text):
            raise pickle.UnpicklingError(f"it holds an array of {text[:20]!r}")
        return np.dtype(text)


class _Array:
    """An array as a pickle states it."""

    def __init__(self, *_: object) -> None:
        self.value: npt.NDArray[np.generic] = np.zeros(0)

    def __setstate__(self, state: tuple[object, ...]) -> None:
        _, shape, dtype, fortran, data = state
        self.value = _array(data, dtype, shape, "F" if fortran else "C")


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        place = module.replace("numpy._core", "numpy.core")
        if (place, name) not in _STAND_INS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return _STAND_INS[place, name]


def read_array_pickle(path: Path) -> dict[str, object]:
    """Read a pickled dictionary of arrays and plain values.

    Raises:
        UserError: The file is damaged, no dictionary, or asks for anything but arrays.
    """
    try:
        data = path.read_bytes()
        _check_places(data)
        content = _plain(_ArraysOnly(io.BytesIO(data), encoding="latin1").load())
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path}: refused: not a plain pickle of arrays ({error}), loading it could run code"
        ) from error
    except Exception as error:  # a damaged pickle fails in many ways
        raise UserError(f"{path}: not a readable pickle ({type(error).__name__}: {error})") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected a dictionary of arrays, found {type(content).__name__}")
    return content


def _check_places(data: bytes) -> None:
    """Refuse what makes the unpickler take memory that the file does not fill."""
    for operation, argument, _ in pickletools.genops(data):
        if operation.name in _PLACES and isinstance(argument, int) and argument > len(data):
            raise pickle.UnpicklingError(f"it asks for {argument} places")


def _array(data: object, dtype: object, shape: object, order: object) -> npt.NDArray[np.generic]:
    sides = shape if isinstance(shape, tuple) else (shape,)
    content = data.encode("latin1") if isinstance(data, str) else data
    if (
        not isinstance(content, bytes | bytearray)
        or not isinstance(dtype, _Dtype)
        or not all(type(n) is int for n in sides)
    ):
        raise pickle.UnpicklingError("it holds an array that is none")
    numbers = dtype.numbers()
    if min(sides, default=0) < 0 or math.prod(sides) * numbers.itemsize != len(content):
        raise ValueError(f"an array of shape {sides} does not fill {len(content)} bytes")
    return np.frombuffer(content, numbers).reshape(sides, order="F" if order == "F" else "C").copy()


def _scalar(dtype: object, data: object = b"") -> np.generic:
    found: np.generic = _array(data, dtype, (1,), "C")[0]
    return found


def _encode(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it asks for the encoding {encoding!r}")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    return b""


def _plain(value: object, depth: int = 0) -> object:
    if isinstance(value, _Array):
        return value.value
    if isinstance(value, dict) and depth < _DEEPEST:
        return {name: _plain(item, depth + 1) for name, item in value.items()}
    return value


_STAND_INS: dict[tuple[str, str], object] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("_codecs", "encode"): _encode,
    **{(module, "bytes"): _no_bytes for module in ("builtins", "__builtin__")},  # older protocols say b"" so
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): _Array,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy.core.numeric", "_frombuffer"): _array,
}
"""What a pickle may ask for, and what it gets instead."""
