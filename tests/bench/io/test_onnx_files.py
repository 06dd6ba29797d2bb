"""Facts of ONNX files, compared with what the onnx package reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bench.io.onnx_files import read_onnx_facts

onnx = pytest.importorskip("onnx")


def model_of(path: Path, external: bool) -> Path:
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    ends = [helper.make_tensor_value_info(name, kind, ["n", 3, None, 5]) for name in "xy"]
    weights = onnx.numpy_helper.from_array(np.arange(3000, dtype=np.float32), "w")
    nodes = [helper.make_node("Mul", ["x", "w"], ["z"]), helper.make_node("Neg", ["z"], ["y"])]
    model = helper.make_model(helper.make_graph(nodes, "net", ends[:1], ends[1:], [weights]))
    helper.set_model_props(model, {"names": "{0: 'bär'}", "long": "x" * 300_000})
    onnx.save(model, path, save_as_external_data=external, location="net.onnx.data")
    return path


@pytest.mark.parametrize("external", [False, True])
def test_they_are_what_the_onnx_package_reads(tmp_path: Path, external: bool) -> None:
    path = model_of(tmp_path / "net.onnx", external)
    facts, model = read_onnx_facts(path), onnx.load(path, load_external_data=False)
    assert facts.metadata == {entry.key: entry.value for entry in model.metadata_props}
    assert facts.operators == {node.op_type for node in model.graph.node}
    assert facts.outputs == ((None, 3, None, 5),)
    assert facts.external == (("net.onnx.data",) if external else ())


@pytest.mark.parametrize("content", [b"<!DOCTYPE html>", b"\x80" * 20, b"\x3a\xff\x01x", b"\x0b"])
def test_what_is_no_such_file_is_an_error_of_values(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "net.onnx").write_bytes(content)
    with pytest.raises(ValueError, match=r"cut short|longer|kind"):
        read_onnx_facts(tmp_path / "net.onnx")


def test_every_cut_is_an_error_or_a_smaller_file(tmp_path: Path) -> None:
    content = model_of(tmp_path / "net.onnx", external=True).read_bytes()[:2000]
    for end in range(len(content)):
        (tmp_path / "cut.onnx").write_bytes(content[:end])
        try:
            read_onnx_facts(tmp_path / "cut.onnx")
        except ValueError:
            continue
