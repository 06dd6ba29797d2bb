"""A TensorBundle writer for tests: one data block, no compression, keys shared with their neighbours."""

import struct

import numpy as np
import pytest

MAGIC = 0xDB4775248B80FB57
DTYPES = {"float32": 1, "int64": 9}


def varint(number):
    data = bytearray()
    while number > 0x7F:
        data.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*data, number])


def field(number, value):
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    return varint(number << 3) + varint(value)


def block(entries, shared_keys=True):
    data, last = b"", b""
    for key, value in entries:
        same = 0
        while shared_keys and same < min(len(last), len(key)) and last[same] == key[same]:
            same += 1
        data += varint(same) + varint(len(key) - same) + varint(len(value)) + key[same:] + value
        last = key
    return data + struct.pack("<II", 0, 1)


def write_tensorbundle(stem, arrays, per_block=100):
    """Write ``stem.index`` and ``stem.data-00000-of-00001``."""
    numbers, entries = b"", [(b"", field(1, 1))]
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        shape = b"".join(field(2, field(1, size)) for size in array.shape)
        entry = field(1, DTYPES[array.dtype.name]) + field(2, shape)
        entry += field(4, len(numbers)) + field(5, array.nbytes) + varint(6 << 3 | 5) + b"\0\0\0\0"
        entries.append((name.encode(), entry))
        numbers += array.tobytes()
    table, handles = b"", []
    for start in range(0, len(entries), per_block):
        content = block(entries[start : start + per_block])
        handles.append(
            (entries[min(start + per_block, len(entries)) - 1][0], varint(len(table)) + varint(len(content)))
        )
        table += content + b"\0" * 5
    places = []
    for content in (block([]), block(handles, shared_keys=False)):
        places.append(varint(len(table)) + varint(len(content)))
        table += content + b"\0" * 5
    table += b"".join(places).ljust(40, b"\0") + struct.pack("<Q", MAGIC)
    stem.with_name(stem.name + ".index").write_bytes(table)
    stem.with_name(stem.name + ".data-00000-of-00001").write_bytes(numbers)


@pytest.fixture(scope="session", name="write_tensorbundle")
def write_tensorbundle_fixture():
    """``write_tensorbundle(stem, arrays, per_block)`` writes a TensorFlow checkpoint."""
    return write_tensorbundle
