"""Read facts of an ONNX file without running it and without the onnx package.

An ONNX file is one protocol buffer (onnx/onnx.proto, https://protobuf.dev/programming-guides/encoding/). A few of its
fields are looked up by number; tensors are passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.io.files import key_of, sha256_of

_GRAPH, _METADATA = 7, 14  # of ModelProto
_NODE, _INITIALIZER, _OUTPUT = 1, 5, 12  # of GraphProto
_OP_TYPE, _ATTRIBUTE = 4, 5  # of NodeProto
_ATTRIBUTE_TENSOR = 5  # of AttributeProto
_EXTERNAL_DATA = 13  # of TensorProto
_KEY, _VALUE = 1, 2  # of StringStringEntryProto
_TO_DIMENSIONS = (2, 1, 2)  # ValueInfoProto.type, .tensor_type, .shape; then dim = 1 with dim_value = 1


@dataclass(frozen=True)
class OnnxFacts:
    """What an ONNX file says of itself.

    Attributes:
        metadata: Custom texts, such as ``names`` and ``task`` of an ultralytics export.
        outputs: Shape of every output; None for a size that is not fixed.
        operators: Kinds of nodes in the graph, such as ``Conv``.
        external: Files beside it that hold tensors, as it names them.
    """

    metadata: dict[str, str]
    outputs: tuple[tuple[int | None, ...], ...]
    operators: frozenset[str]
    external: tuple[str, ...]


def read_onnx_facts(path: Path) -> OnnxFacts:
    """Read an ONNX file's facts.

    Raises:
        ValueError: It is no protocol buffer, or is cut short.
        OSError: It cannot be read.
    """
    return _facts_of(memoryview(path.read_bytes()))


def digest_of_onnx(path: Path) -> str:
    """Digest an ONNX file with the files beside it that hold its tensors.

    Returns:
        The file's own SHA-256 if it has all tensors itself, or cannot be read as ONNX; else a key of all.
    """
    own = sha256_of(path)
    try:
        external = read_onnx_facts(path).external
    except ValueError:  # said when it is opened
        return own
    beside = [file for file in (path.parent / name for name in external) if file.is_file()]
    return key_of(own, [sha256_of(file) for file in beside]) if beside else own


def _facts_of(data: memoryview) -> OnnxFacts:
    metadata = dict(_entry(entry) for entry in _parts(data, _METADATA))
    outputs: list[tuple[int | None, ...]] = []
    operators: set[str] = set()
    tensors: list[memoryview] = []
    for graph in _parts(data, _GRAPH):
        for number, part in _fields(graph):
            if not isinstance(part, memoryview):
                continue
            if number == _OUTPUT:
                outputs.append(_dimensions(part))
            elif number == _NODE:
                operators.update(_text(kind) for kind in _parts(part, _OP_TYPE))
                for attribute in _parts(part, _ATTRIBUTE):
                    tensors += _parts(attribute, _ATTRIBUTE_TENSOR)
            elif number == _INITIALIZER:
                tensors.append(part)
    external = dict.fromkeys(place for tensor in tensors for place in _locations(tensor))
    return OnnxFacts(metadata, tuple(outputs), frozenset(operators), tuple(external))


def _locations(tensor: memoryview) -> Iterator[str]:
    for entry in _parts(tensor, _EXTERNAL_DATA):
        key, value = _entry(entry)
        if key == "location":
            yield value


def _dimensions(output: memoryview) -> tuple[int | None, ...]:
    inner = [output]
    for number in _TO_DIMENSIONS:
        inner = [part for each in inner for part in _parts(each, number)]
    sizes = [[value for number, value in _fields(dim) if number == 1] for shape in inner for dim in _parts(shape, 1)]
    return tuple(size[0] if size and isinstance(size[0], int) else None for size in sizes)


def _entry(data: memoryview) -> tuple[str, str]:
    texts = {number: _text(part) for number, part in _fields(data) if isinstance(part, memoryview)}
    return texts.get(_KEY, ""), texts.get(_VALUE, "")


def _text(data: memoryview) -> str:
    return bytes(data).decode("utf-8", errors="replace")


def _parts(data: memoryview, wanted: int) -> Iterator[memoryview]:
    for number, part in _fields(data):
        if number == wanted and isinstance(part, memoryview):
            yield part


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield number and content of every field: a whole number, or bytes."""
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            value, place = _varint(data, place)
            yield number, value
        elif kind in (1, 5):  # eight or four bytes, of which none is wanted
            place += 8 if kind == 1 else 4
        elif kind == 2:
            length, place = _varint(data, place)
            if place + length > len(data):
                raise ValueError("a field is cut short")
            yield number, data[place : place + length]
            place += length
        else:
            raise ValueError(f"field {number} is of kind {kind}, which protocol buffers no longer have")


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            raise ValueError("a number is cut short")
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place += 1
        if byte < 0x80:
            return value, place
    raise ValueError("a number is longer than 64 bits")
