import hashlib
import socket
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bench.errors import UserError
from synth.datasets.fetch import VAL2017, CocoSite, fetch_coco
from synth.datasets.selection import Policy
from synth.sources.coco import open_coco

MEMBER = "annotations/instances_val2017.json"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site(coco_folder: Path) -> Iterator[CocoSite]:
    """The miniature COCO folder as a web site on this machine."""
    archive = coco_folder / "labels.zip"
    with zipfile.ZipFile(archive, "w") as content:
        content.write(coco_folder / MEMBER, MEMBER)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(coco_folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    yield CocoSite(
        images=f"{address}/val2017",
        archive=f"{address}/labels.zip",
        archive_sha256=hashlib.sha256(archive.read_bytes()).hexdigest(),
        member=MEMBER,
        member_sha256=hashlib.sha256((coco_folder / MEMBER).read_bytes()).hexdigest(),
    )
    server.shutdown()
    server.server_close()


def test_only_the_chosen_photographs_are_fetched(site: CocoSite, coco_folder: Path, tmp_path: Path) -> None:
    root, done = tmp_path / "mine", list[str]()
    _, failures = fetch_coco(root, Policy(count=3), site, done.append)
    assert failures == []
    fetched = sorted((root / "val2017").iterdir())
    assert [path.name for path in fetched] == sorted(f"{id}.jpg" for id in done)
    assert len(fetched) == 3
    for path in fetched:
        assert path.read_bytes() == (coco_folder / "val2017" / path.name).read_bytes()
    assert sorted(open_coco(root, {"present": True}).ids) == sorted(done)
    assert {path.name for path in root.rglob("*") if path.is_file()} == {
        "instances_val2017.json",
        *(path.name for path in fetched),
    }


def test_what_is_there_is_left_alone(site: CocoSite, tmp_path: Path) -> None:
    root = tmp_path / "mine"
    fetch_coco(root, Policy(count=2), site)
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}
    fetch_coco(root, Policy(count=3), replace(site, archive="http://127.0.0.1:9/none"))
    after = {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}
    assert before.items() <= after.items()
    assert len(after) == len(before) + 1


def test_damaged_downloads_are_not_kept(site: CocoSite, coco_folder: Path, tmp_path: Path) -> None:
    (coco_folder / "val2017/000000000010.jpg").write_bytes(b"<html>not found</html>")
    (coco_folder / "val2017/000000000020.jpg").unlink()
    root = tmp_path / "mine"
    _, failures = fetch_coco(root, Policy(), site)
    assert {failure.image for failure in failures} == {"000000000010", "000000000020"}
    assert "not a readable image" in failures[0].reason
    assert "404" in failures[1].reason
    assert len(list((root / "val2017").iterdir())) == 4


@pytest.mark.parametrize("part", ["archive_sha256", "member_sha256"])
def test_other_labels_are_refused(site: CocoSite, tmp_path: Path, part: str) -> None:
    with pytest.raises(UserError, match="expected sha256 0000"):
        fetch_coco(tmp_path / "mine", Policy(), replace(site, **{part: "0000"}))
    assert [path for path in (tmp_path / "mine").rglob("*") if path.is_file()] == []


def test_no_connection(site: CocoSite, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Check the connection"):
        fetch_coco(tmp_path / "mine", Policy(), replace(site, archive="http://127.0.0.1:9/labels.zip"))


def test_coco_is_downloaded_encrypted_and_its_labels_by_digest() -> None:
    assert VAL2017.images.startswith("https://")
    assert VAL2017.archive.startswith("https://")
    assert {len(VAL2017.archive_sha256), len(VAL2017.member_sha256)} == {64}


@pytest.mark.network
def test_coco_itself(tmp_path: Path) -> None:
    try:
        socket.gethostbyname("s3.amazonaws.com")
    except OSError:
        pytest.skip("needs the internet")
    source, failures = fetch_coco(tmp_path, Policy(count=3, size="640x480"), VAL2017)
    assert failures == []
    assert len(source.ids) == 5000
    assert len(list((tmp_path / "val2017").iterdir())) == 3
