"""Names that people use: resolved without a network, downloaded from a server with stand-in files."""

import json
import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from urllib.parse import urlparse

import pytest

from bench.api.run import run_suite
from bench.contract import Classes, Options
from bench.errors import UserError
from bench.io.files import sha256_of
from bench.suites.suite import load_suite, override, suite_names
from tasks.classes import known_spaces
from tasks.detection.backends.ultralytics import check_trust, import_yolo
from tasks.detection.task import build
from tasks.models.checkpoints import find_checkpoint
from tasks.models.releases import locate_released, noted_digests, released_files

ROOT = Path(__file__).parents[3]
PEOPLE_USE = ("yolov5nu", "yolov5xu", "yolov8n", "yolov8x.pt", "yolov8n-seg", "yolov9c", "yolov10b", "yolo11n.pt",
              "yolo11x-seg", "yolo12n", "yolo12x", "yolo26n", "yolov3u")  # fmt: skip


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that stands for the internet: HTTPS addresses are served from it, by their paths."""
    import pooch

    served = tmp_path / "internet"
    served.mkdir()
    server = HTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(served)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    real = pooch.HTTPDownloader.__call__

    def here(self, url: str, *more: object) -> object:
        assert url.startswith("https://")
        return real(self, f"http://127.0.0.1:{server.server_port}{urlparse(url).path}", *more)

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", here)
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "cache" / name)
    yield served
    server.shutdown()
    server.server_close()


def serve(network: Path, name: str, content: bytes) -> None:
    path = network / urlparse(released_files()[name].url).path.lstrip("/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.mark.parametrize("name", PEOPLE_USE)
def test_the_names_that_people_use_are_known(name: str) -> None:
    task = build({"model": f"ultralytics:{name}"}, Classes(instances=known_spaces()["coco"]))
    assert task.model == name.removesuffix(".pt")
    assert len(task.scored) == 80


def test_released_files_come_by_https_from_their_makers() -> None:
    assert len(released_files()) > 50
    for name, file in released_files().items():
        assert file.url == f"https://github.com/ultralytics/assets/releases/download/v8.4.0/{name}.pt"


def test_ultralytics_itself_knows_every_name() -> None:
    downloads = pytest.importorskip("ultralytics.utils.downloads")
    assert {file.file for file in released_files().values()} <= set(downloads.GITHUB_ASSETS_NAMES)


def test_a_release_is_downloaded_once_and_its_digest_noted(network: Path) -> None:
    serve(network, "yolov8n", b"weights")
    checkpoint = find_checkpoint("yolov8n.pt", (".pt",), "detection")
    assert noted_digests({"yolov8n"}) == {}
    path = checkpoint.locate(Options())
    assert path.read_bytes() == b"weights"
    assert noted_digests({"yolov8n", "yolo11n", "other"}) == {"yolov8n.pt": sha256_of(path)}
    check_trust(path, checkpoint, trust=False)
    serve(network, "yolov8n", b"others")
    assert checkpoint.locate(Options(offline=True)).read_bytes() == b"weights"
    path.write_bytes(b"changed")
    with pytest.raises(UserError, match="was changed after its download"):
        checkpoint.locate(Options())


def test_without_a_network_the_address_is_said(network: Path, tmp_path: Path) -> None:
    file = released_files()["yolo12n"]
    with pytest.raises(UserError, match=r"--offline is set. Get https://github.com/ultralytics/assets"):
        locate_released(file, Options(offline=True))
    with pytest.raises(UserError, match=r"could not be downloaded from https://github\.com"):
        locate_released(file, Options())
    assert not file.place.exists()


def test_a_file_got_by_hand_is_run_by_those_who_trust_it(network: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/yolov8n.pt").write_bytes(b"who knows")
    checkpoint = find_checkpoint("yolov8n", (".pt",), "detection")
    path = checkpoint.locate(Options(offline=True, weights_dirs=(tmp_path / "mine",)))
    assert path == tmp_path / "mine/yolov8n.pt"
    with pytest.raises(UserError, match="trust_checkpoint"):
        check_trust(path, checkpoint, trust=False)
    check_trust(path, checkpoint, trust=True)


@pytest.mark.parametrize("text", ["yolov5n", "yolo11", "yolov8nn.pt"])
def test_a_wrong_name_is_answered_with_near_ones(text: str) -> None:
    with pytest.raises(UserError, match="Did you mean yolo"):
        find_checkpoint(text, (".pt",), "detection")


def test_a_run_downloads_the_weights_and_notes_their_digest(network: Path, tmp_path: Path) -> None:
    """The weights are random, in the form in which ultralytics writes them."""
    pytest.importorskip("ultralytics", exc_type=ImportError)
    place = network / urlparse(released_files()["yolov8n"].url).path.lstrip("/")
    place.parent.mkdir(parents=True)
    model = import_yolo()("yolov8n.yaml", verbose=False)
    model.model.names = dict(enumerate(known_spaces()["coco80"].names))
    model.save(place)
    suite = override(
        load_suite("streets"),
        derainers=["clean"], tasks=["detection"], models={"detection": "ultralytics:yolov8n.pt"}, count=1,
    )  # fmt: skip
    run_suite(suite.model_copy(update={"resamples": 0}), tmp_path / "run")
    card = json.loads((tmp_path / "run/card.json").read_text())
    assert card["task_weights"] == {"yolov8n.pt": sha256_of(place)}


def models_named() -> set[str]:
    """Models of ultralytics that the pages and the suites name without a folder.

    The ranking is left out: it says which models judged, and those may be files of whoever made the run.
    """
    pages = [
        ROOT / "README.md",
        *(page for page in sorted((ROOT / "docs").rglob("*.md")) if page.name != "ranking.md"),
        *sorted((ROOT / "bench/commands").glob("*.py")),
    ]
    found = {name for page in pages for name in re.findall(r"ultralytics:([\w.-]+)", page.read_text(encoding="utf-8"))}
    for suite in suite_names():
        models = [str(task.get("model", "")) for task in load_suite(suite).tasks.values()]
        found |= {model.partition(":")[2] for model in models if model.startswith("ultralytics:")}
    return found - {"FILE", "CHECKPOINT"}


@pytest.mark.parametrize("name", sorted(models_named()))
def test_what_pages_and_suites_name_can_be_had(name: str) -> None:
    checkpoint = find_checkpoint(name, (".pt", ".onnx", ".tflite"), "detection")
    assert checkpoint.published or checkpoint.release
