"""Read a TensorFlow checkpoint (TensorBundle, "V2") without TensorFlow.

``model.index`` is a sorted string table in LevelDB's format: its values are ``BundleEntryProto`` messages that say
where in ``model.data-00000-of-0000N`` a tensor's raw little-endian numbers lie.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.errors import UserError

_MAGIC = 0xDB4775248B80FB57
_FOOTER_BYTES = 48
_TRAILER_BYTES = 5  # compression type and checksum after every block
_DTYPES = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8"}
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MOST_BYTES = 4_000_000_000

Fields = dict[int, list[int | bytes]]


def read_tensorbundle(index: Path, data: Path) -> dict[str, npt.NDArray[np.generic]]:
    """Read every numeric tensor of a checkpoint of one data file.

    Args:
        index: The ``.index`` file.
        data: The ``.data-00000-of-00001`` file.

    Returns:
        Variable name to array, in the file's order.

    Raises:
        UserError: A file is absent, damaged, compressed, sharded, or ends too early.
    """
    try:
        table, numbers = index.read_bytes(), data.read_bytes()
    except OSError as error:
        raise UserError(f"TensorFlow checkpoint: cannot read {error.filename} ({error.strerror})") from error
    try:
        return {
            name.decode(): array
            for name, value in _table(table)
            if name and (array := _tensor(fields_of(value), numbers)) is not None
        }
    except (IndexError, KeyError, ValueError, struct.error) as error:
        raise UserError(
            f"{index}: not a TensorFlow checkpoint of one data file, or damaged ({type(error).__name__}: {error})"
        ) from error


def fields_of(message: bytes) -> Fields:
    """Take a protocol-buffer message apart: field number to its values, unsigned."""
    fields: Fields = {}
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        value: int | bytes
        if tag & 7 == _VARINT:
            value, place = _varint(message, place)
        elif tag & 7 == _BYTES:
            size, place = _varint(message, place)
            value, place = message[place : place + size], place + size
        elif tag & 7 in (_FIXED32, _FIXED64):
            size = 4 if tag & 7 == _FIXED32 else 8
            value, place = int.from_bytes(message[place : place + size], "little"), place + size
        else:
            raise ValueError(f"unknown wire type {tag & 7}")
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def _table(file: bytes) -> Iterator[tuple[bytes, bytes]]:
    footer = file[-_FOOTER_BYTES:]
    if len(footer) != _FOOTER_BYTES or int.from_bytes(footer[-8:], "little") != _MAGIC:
        raise ValueError("no index file: the last eight bytes are wrong")
    _, place = _handle(footer, 0)  # of the meta index, which is not needed
    root, _ = _handle(footer, place)
    for _, handle in _block(file, root):
        yield from _block(file, _handle(handle, 0)[0])


def _block(file: bytes, handle: tuple[int, int]) -> Iterator[tuple[bytes, bytes]]:
    """Iterate over keys and values of one block; a key is stored as its difference from the key before."""
    offset, size = handle
    block = file[offset : offset + size]
    if len(block) != size or offset + size + _TRAILER_BYTES > len(file):
        raise ValueError("a block ends after the file")
    if file[offset + size] != 0:
        raise ValueError("the index is compressed")
    (restarts,) = struct.unpack("<I", block[-4:])
    end, place, key = size - 4 * (restarts + 1), 0, b""
    while place < end:
        shared, place = _varint(block, place)
        added, place = _varint(block, place)
        length, place = _varint(block, place)
        key = key[:shared] + block[place : place + added]
        place += added
        yield key, block[place : place + length]
        place += length


def _handle(data: bytes, place: int) -> tuple[tuple[int, int], int]:
    offset, place = _varint(data, place)
    size, place = _varint(data, place)
    return (offset, size), place


def _tensor(entry: Fields, numbers: bytes) -> npt.NDArray[np.generic] | None:
    """Read the array of one BundleEntryProto: dtype 1, shape 2, shard 3, offset 4, size 5."""
    dtype = _DTYPES.get(_number(entry, 1))
    if dtype is None:  # strings and other types that no network is made of
        return None
    if _number(entry, 3):
        raise ValueError("several data files")
    dimensions = fields_of(_message(entry, 2)).get(2, [])
    shape = [_number(fields_of(dimension), 1) for dimension in dimensions if isinstance(dimension, bytes)]
    offset, size = _number(entry, 4), _number(entry, 5)
    if size != math.prod(shape) * np.dtype(dtype).itemsize or size > _MOST_BYTES:
        raise ValueError(f"shape {shape} does not fit {size} bytes")
    if offset + size > len(numbers):
        raise ValueError("the data file ends too early")
    return np.frombuffer(numbers, dtype, math.prod(shape), offset).reshape(shape)


def _number(fields: Fields, number: int) -> int:
    value = fields.get(number, [0])[-1]
    if not isinstance(value, int):
        raise ValueError(f"field {number} is no number")
    return value


def _message(fields: Fields, number: int) -> bytes:
    value = fields.get(number, [b""])[-1]
    if not isinstance(value, bytes):
        raise ValueError(f"field {number} is no message")
    return value


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return value, place
        if shift > 63:
            raise ValueError("a number of more than 64 bits")
