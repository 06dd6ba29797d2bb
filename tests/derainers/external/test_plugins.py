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

    @staticmethod
    def onnx_file(
        path, kind="FLOAT", given=("n", 3, "h", "w"), returned=("n", 3, "h", "w"), nodes=("Identity",), ends=1
    ):
        onnx = pytest.importorskip("onnx")
        pytest.importorskip("onnxruntime")
        helper, type_of = onnx.helper, getattr(onnx.TensorProto, kind)
        x = helper.make_tensor_value_info("x", type_of, given)
        names = ["y", "z"][:ends]
        sequence = nodes == ("SequenceConstruct",)
        info = helper.make_tensor_sequence_value_info if sequence else helper.make_tensor_value_info
        y = [info(name, type_of, None if sequence else returned) for name in names]
        body = [helper.make_node(node, ["x"], [name]) for name in names for node in nodes]
        graph = helper.make_graph(body, "net", [x], y)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
        return f"onnx:{path}"

    @pytest.mark.parametrize(
        ("file", "words"),
        [
            ({"kind": "FLOAT16"}, r"'x' is tensor\(float16\), expected tensor\(float\)"),
            ({"given": ("n", "h", "w", 3), "returned": ("n", "h", "w", 3)}, "channels are last"),
            ({"given": ("n", 1, "h", "w"), "returned": ("n", 1, "h", "w")}, r"expected \(N, 3, H, W\), RGB"),
            ({"given": (3, "h", "w"), "returned": (3, "h", "w")}, "has 3 dimensions, expected 4"),
            ({"nodes": ("SequenceConstruct",)}, "seq"),
            ({"ends": 2}, r"found \(1, 2\); export the derained image alone"),
        ],
    )
    def test_an_onnx_file_of_another_kind_is_refused_when_it_is_opened(self, tmp_path, file, words):
        with pytest.raises(UserError, match=words):
            built(self.onnx_file(tmp_path / "net.onnx", **file))

    @pytest.mark.parametrize(("node", "words"), [("Log", "NaN or infinite"), ("GlobalAveragePool", "crop what")])
    def test_an_onnx_output_of_another_size_or_without_numbers_is_named(self, tmp_path, image_of, node, words):
        derainer = built(self.onnx_file(tmp_path / "net.onnx", nodes=(node,), returned=("n", 3, "p", "q")))
        image = image_of(8, 9, 0)
        image[0, 0] = 0
        with pytest.raises(ImageError, match=words):
            derainer(image)

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            ("[x * 0.9, x]", "a list of 2; let it return the derained image alone"),
            ("(x, x)", "a tuple of 2"),
            ('{"out": x}', "a dict of 1"),
            ("torch.nn.functional.pad(x, (8, 8, 8, 8))", "crop what was padded"),
            ("torch.nn.functional.interpolate(x, scale_factor=2.0)", "crop what was padded"),
            ("x[..., 1:, :]", "crop what was padded"),
            ("x.permute(0, 2, 3, 1)", "channels are last"),
            ("x.mean(1, keepdim=True)", "grey"),
            ("(x > 0.5)", "returned bool, expected floats"),
            ("x / 0", "NaN or infinite"),
        ],
    )
    def test_an_output_that_is_no_restored_image_is_named(self, tmp_path, image_of, answer, words):
        torch = pytest.importorskip("torch")
        (tmp_path / "net.py").write_text(f"import torch\ndef net(x):\n    return {answer}\n")
        source = tmp_path / "mine.py"
        source.write_text(
            "import torch\nfrom bench.contract import Traits\nfrom derainers.torch_derainer import TorchDerainer\n"
            f"class Net(torch.nn.Module):\n    def forward(self, x):\n        return {answer}\n"
            "def build(options):\n    return TorchDerainer(Net(), Traits(), options)\n"
            "def save(path):\n    torch.jit.script(Net()).save(path)\n"
        )
        with pytest.raises(ImageError, match=words):
            built(f"{source}:build")(image_of(16, 18, 0))
        DERAINERS.load(find_derainer(f"{source}:save"))(str(tmp_path / "net.pt"))
        with pytest.raises(ImageError, match=words):
            built(f"torchscript:{tmp_path}/net.pt")(image_of(16, 18, 0))
        torch.save({"weight": torch.zeros(3)}, tmp_path / "state.pt")
        with pytest.raises(UserError, match="if it is a state dict, build the network"):
            built(f"torchscript:{tmp_path}/state.pt")
