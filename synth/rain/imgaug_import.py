"""Import imgaug 0.4.0, whose last release (2020) asks NumPy for a table that NumPy 2 no longer has."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from bench.errors import MissingExtraError, UserError

_TABLE: dict[str, list[type[np.generic]]] = {
    "int": [np.int8, np.int16, np.int32, np.int64],
    "uint": [np.uint8, np.uint16, np.uint32, np.uint64],
    "float": [np.float16, np.float32, np.float64],
    "complex": [np.complex64, np.complex128],
}


def import_imgaug() -> ModuleType:
    """Import ``imgaug.augmenters``. NumPy is left as it was: the table is needed only during the import.

    Raises:
        MissingExtraError: imgaug is not installed.
        UserError: A library of the system that it needs is not.
    """
    lacking = "sctypes" not in vars(np)
    if lacking:
        vars(np)["sctypes"] = _TABLE
    try:
        import imgaug.augmenters as augmenters
    except ModuleNotFoundError as error:
        raise MissingExtraError("imgaug", "imgaug", "the rain renderer imgaug") from error
    except ImportError as error:
        raise UserError(
            f"imgaug is installed but cannot be imported: {error}. Its OpenCV needs libraries of the system: "
            "apt install libgl1 libglib2.0-0, or pip install --force-reinstall opencv-python-headless"
        ) from error
    finally:
        if lacking:
            del vars(np)["sctypes"]
    return augmenters  # type: ignore[no-any-return]  # imgaug is untyped
