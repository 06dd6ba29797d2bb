"""Every route by which a user brings a derainer."""

import pickle
import sys

import numpy as np
import pytest

from bench.contract import Options
from bench.errors import ImageError, UserError
from bench.io.images import write_png
from bench.protocols import BatchDerainer, NamedDerainer
from derainers import DERAINERS
from derainers.check import check_derainer
from derainers.external.command import CommandDerainer
from derainers.external.plugins import find_derainer, find_derainers

INVERT = """
import sys
import numpy as np
from PIL import Image
Image.fromarray(255 - np.asarray(Image.open(sys.argv[1]))).save(sys.argv[2])
"""


def built(spec):
    return DERAINERS.load(find_derainer(spec))(Options())


def failures(derainer):
    return [finding for finding in check_derainer(derainer) if not finding.passed]


def test_registered_names_and_files_are_found_as_before(tmp_path):
    assert find_derainer("rain").target == "derainers.controls:rain"
    (tmp_path / "mine.py").write_text("def build(options):\n    return lambda rainy: rainy.copy()\n")
    assert find_derainer(f"{tmp_path}/mine.py:build").name == "mine"
    with pytest.raises(UserError, match="Did you mean prenet"):
        find_derainer("prenett")


def test_a_name_that_one_of_the_list_gives_is_known_to_all_of_it(tmp_path):
    (tmp_path / "mine.py").write_text("def build(options):\n    return lambda image: image\n")
    (tmp_path / "done").mkdir()
    (tmp_path / "weights.safetensors").write_bytes(b"x")
    file, folder, weights = (
        f"{tmp_path}/mine.py:build",
        f"folder:{tmp_path}/done",
        f"gpu=trained:{tmp_path}/weights.safetensors",
    )
    specs = ["gpu", "rain", weights, file, "mine", f"other={file}", "other", folder, "done"]
    found = find_derainers(specs)
    assert [entry.name for entry in found] == ["gpu", "rain", "gpu", "mine", "mine", "other", "other", "done", "done"]
    assert found[0] == found[2]
    assert found[3] == found[4]
    with pytest.raises(UserError, match="unknown derainer 'gpv'"):
        find_derainers([weights, "gpv"])
    with pytest.raises(UserError, match="exists already"):
        find_derainers([f"prenet={file}", "prenet"])


def test_entries_survive_the_way_to_a_worker(tmp_path, image_of):
    write_png(tmp_path / "a.png", image_of(8, 9, 0))
    entry = find_derainer(f"mine=folder:{tmp_path}")
    assert pickle.loads(pickle.dumps(entry)) == entry  # noqa: S301
    assert (entry.name, entry.origin) == ("mine", "folder")


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("folder:nowhere", "no such folder"),
        ("onnx:nowhere.onnx", "no such file"),
        ("torchscript:nowhere.pt", "no such file"),
        ("command:tool {input}", "lacks {output}"),
        ("command:tool '{input} {output}", "No closing quotation"),
        ("rain=command:tool {input} {output}", "exists already"),
    ],
)
def test_what_cannot_work_is_refused_at_once(spec, reason):
    with pytest.raises(UserError, match=reason):
        find_derainer(spec)


class TestFolder:
    def test_images_are_paired_by_stem_and_sizes_checked(self, tmp_path, image_of):
        write_png(tmp_path / "a.png", image_of(8, 9, 0))
        derainer = built(f"folder:{tmp_path}")
        assert isinstance(derainer, NamedDerainer)
        rainy = image_of(8, 9, 1)
        assert np.array_equal(derainer.restore_named(rainy, "a"), image_of(8, 9, 0))
        with pytest.raises(ImageError, match="no image 'aa'; the nearest name is 'a'"):
            derainer.restore_named(rainy, "aa")
        with pytest.raises(ImageError, match="expected 8x9 pixels"):
            derainer.restore_named(image_of(9, 8, 1), "a")
        with pytest.raises(UserError, match="cannot restore others"):
            derainer(rainy)

    def test_an_empty_folder_is_the_users_mistake(self, tmp_path):
        with pytest.raises(UserError, match="no images here"):
            built(f"folder:{tmp_path}")

    def test_its_version_changes_with_the_images(self, tmp_path, image_of):
        write_png(tmp_path / "a.png", image_of(8, 9, 0))
        before = find_derainer(f"folder:{tmp_path}").code_version()
        write_png(tmp_path / "a.png", image_of(8, 9, 1))
        assert find_derainer(f"folder:{tmp_path}").code_version() != before


class TestCommand:
    def test_a_program_restores(self, tmp_path, image_of):
        tool = tmp_path / "a tool.py"
        tool.write_text(INVERT)
        spec = f"command:{sys.executable} '{tool}' {{input}} {{output}}"
        rainy = image_of(11, 13, 1)
        assert np.array_equal(built(spec)(rainy), 255 - rainy)
        quoted = f"command:\"{sys.executable} '{tool}' {{input}} {{output}}\""
        assert np.array_equal(built(quoted)(rainy), 255 - rainy)
        version = find_derainer(spec).code_version()
        tool.write_text(INVERT + "\n# changed\n")
        assert find_derainer(spec).code_version() != version

    @pytest.mark.parametrize(
        ("program", "reason"),
        [
            ("raise SystemExit('out of ideas')", "status 1: out of ideas"),
            ("pass", "wrote no {output}"),
            ("import sys; open(sys.argv[2], 'w').write('no picture')", "not a readable image"),
            ("import time; time.sleep(60)", "took more than 0.5 s"),
        ],
    )
    def test_a_program_that_fails_is_reported(self, tmp_path, image_of, program, reason):
        tool = tmp_path / "tool.py"
        tool.write_text(program)
        derainer = CommandDerainer(f"{sys.executable} {tool} {{input}} {{output}}", Options(), time_limit_seconds=0.5)
        if "took" not in reason:
            derainer = CommandDerainer(f"{sys.executable} {tool} {{input}} {{output}}", Options())
        with pytest.raises(ImageError, match=reason):
            derainer(image_of(5, 6, 0))

    def test_there_is_no_shell(self, tmp_path, image_of):
        tool = tmp_path / "tool.py"
        tool.write_text(INVERT)
        marker = tmp_path / "marker"
        derainer = built(f"command:{sys.executable} {tool} {{input}} {{output}} ; touch {marker}")
        derainer(image_of(5, 6, 0))
        assert not marker.exists()

    def test_an_absent_program_is_named(self):
        with pytest.raises(UserError, match="no program 'no-such-tool'"):
            built("command:no-such-tool {input} {output}")


class TestExported:
    @pytest.fixture
    def network(self):
        torch = pytest.importorskip("torch")
        torch.manual_seed(2)
        return torch.nn.Sequential(torch.nn.Conv2d(3, 3, 4, stride=2, padding=1), torch.nn.Upsample(scale_factor=2))

    def test_torchscript(self, tmp_path, network):
        torch = pytest.importorskip("torch")
        script = torch.jit.trace(network, torch.zeros(1, 3, 8, 8))
        torch.jit.save(script, str(tmp_path / "net.pt"), _extra_files={"multiple_of": "2"})
        derainer = built(f"torchscript:{tmp_path}/net.pt")
        assert isinstance(derainer, BatchDerainer)
        assert failures(derainer) == []
        (tmp_path / "bad.pt").write_bytes(b"<html>")
        with pytest.raises(UserError, match="not a TorchScript file"):
            built(f"torchscript:{tmp_path}/bad.pt")

    def test_onnx(self, tmp_path):
        pytest.importorskip("onnxruntime")
        onnx = pytest.importorskip("onnx")
        shape = ["n", 3, "h", "w"]
        values = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name in "xy"]
        half = onnx.helper.make_tensor("half", onnx.TensorProto.FLOAT, [], [0.5])
        node = onnx.helper.make_node("Mul", ["x", "half"], ["y"])
        graph = onnx.helper.make_graph([node], "darker", values[:1], values[1:], [half])
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8)
        onnx.save(model, tmp_path / "net.onnx")
        derainer = built(f"onnx:{tmp_path}/net.onnx")
        assert failures(derainer) == []
        image = np.full((4, 5, 3), 100, np.uint8)
        assert (derainer(image) == 50).all()
        (tmp_path / "bad.onnx").write_bytes(b"<html>")
        with pytest.raises(UserError, match="not a usable ONNX file"):
            built(f"onnx:{tmp_path}/bad.onnx")
