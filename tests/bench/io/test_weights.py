from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bench.contract import Options
from bench.errors import UserError
from bench.io.files import sha256_of
from bench.io.weights import (
    WEIGHTS_VARIABLE,
    WeightsFile,
    cache_dir,
    diagnose,
    find_weights,
    locate_weights,
    read_weights_table,
    search_path,
    weights_digest,
    weights_state,
)

CONTENT = bytes(range(256)) * 40
HEADER = "name,file,url,page,bytes,sha256,licence,paper,trained_on\n"


def weights(url: str = "", page: str = "", content: bytes = CONTENT) -> WeightsFile:
    return WeightsFile(
        name="net", file="net.pth", url=url, page=page, bytes=len(content), sha256=hashlib.sha256(content).hexdigest(),
        licence="MIT", paper="A paper", trained_on="Rain",
    )  # fmt: skip


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no folders from the developer's environment."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    if not cache_dir().is_relative_to(tmp_path):
        pytest.skip("this system's cache folder cannot be moved by XDG_CACHE_HOME")
    return cache_dir()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address under which a real server hands it out."""
    folder = tmp_path / "served"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.02))
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_is_found_by_its_digest_whatever_its_name_and_depth(tmp_path: Path) -> None:
    path = tmp_path / "mine" / "deep" / "renamed.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    (tmp_path / "mine" / "net.pth").write_bytes(CONTENT[::-1])  # right name and size, wrong content
    assert find_weights(weights(), Options(weights_dirs=(tmp_path / "mine",))) == path
    assert locate_weights(weights(), Options(weights_dirs=(tmp_path / "mine",))) == path


def test_folders_come_before_the_variable_and_the_variable_before_the_cache(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [tmp_path / "given", tmp_path / "first", tmp_path / "second", own_cache]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "net.pth").write_bytes(CONTENT)
    monkeypatch.setenv(WEIGHTS_VARIABLE, os.pathsep.join(["", str(folders[1]), str(folders[2])]))
    assert search_path(Options(weights_dirs=(folders[0],))) == tuple(folders)
    for folder in folders:
        found = find_weights(weights(), Options(weights_dirs=(folders[0], tmp_path / "absent")))
        assert found == folder / "net.pth"
        found.unlink()
    assert find_weights(weights(), Options(weights_dirs=(folders[0],))) is None


def test_the_state_tells_what_a_person_has_to_do(tmp_path: Path) -> None:
    entry = weights()
    assert weights_state(entry, Options()) == "by hand"
    assert weights_state(replace(entry, url="https://example.org/net.pth"), Options()) == "download"
    (tmp_path / "net.pth").write_bytes(CONTENT)
    assert weights_state(entry, Options(weights_dirs=(tmp_path,))) == "present"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\n <!DOCTYPE html><html>Sign in</html>", "is a web page saved under the name of the weights"),
        (b"<html><body>404</body></html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", "is a Git LFS pointer; run 'git lfs"),
        (CONTENT[:-1], rf"is truncated \({len(CONTENT) - 1} of {len(CONTENT)} bytes\)"),
        (b"", rf"is truncated \(0 of {len(CONTENT)} bytes\)"),
        (CONTENT[::-1], r"has another digest \(sha256 [0-9a-f]{12}"),
        (CONTENT + b"x", "has another digest"),
    ],
)
def test_what_lies_there_under_the_name_is_diagnosed(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "net.pth").write_bytes(content)
    with pytest.raises(UserError, match=rf"(?s)net\.pth.*Found instead: .*net\.pth {message}.*--weights-dir FOLDER"):
        locate_weights(weights(page="https://example.org/drive"), Options(weights_dirs=(tmp_path,)))
    with pytest.raises(UserError, match=message):
        locate_weights(
            weights(url="https://example.org/net.pth"), Options(weights_dirs=(tmp_path,), offline=True)
        )  # fmt: skip


@pytest.mark.parametrize("name", ["net.pth", "0123456789ab-net.pth", "published.pth"])
def test_a_file_of_unknown_size_is_found_by_the_two_names_that_it_may_have(name: str, tmp_path: Path) -> None:
    entry = replace(weights("https://example.org/v1/published.pth"), bytes=0)
    (tmp_path / name).write_bytes(CONTENT)
    assert find_weights(entry, Options(weights_dirs=(tmp_path,))) == tmp_path / name
    (tmp_path / name).write_bytes(CONTENT[:-1])
    assert find_weights(entry, Options(weights_dirs=(tmp_path,))) is None


def test_a_file_of_unknown_size_and_another_name_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "other.bin").write_bytes(CONTENT)
    for url in ("", "https://example.org/v1/published.pth"):
        entry = replace(weights(url, page="https://example.org/drive"), bytes=0)
        assert find_weights(entry, Options(weights_dirs=(tmp_path,))) is None
        with pytest.raises(UserError, match=rf"\(net\.pth, sha256 {entry.sha256[:12]}"):
            locate_weights(entry, Options(weights_dirs=(tmp_path,), offline=True))


def test_a_download_by_a_drive_s_query_is_kept_under_our_name(served: tuple[Path, str], own_cache: Path) -> None:
    (served[0] / "download").write_bytes(CONTENT)
    entry = replace(weights(f"{served[1]}/download?id=1O3W&export=download&confirm=t"), bytes=0)
    assert locate_weights(entry, Options()) == own_cache / f"{entry.sha256[:12]}-net.pth"
    assert find_weights(entry, Options(offline=True)) == own_cache / f"{entry.sha256[:12]}-net.pth"


def test_offline_forbids_the_download(served: tuple[Path, str], own_cache: Path) -> None:
    folder, address = served
    (folder / "net.pth").write_bytes(CONTENT)
    with pytest.raises(UserError, match=rf"--offline is set.*Get {address}/net.pth and pass --weights-dir"):
        locate_weights(weights(f"{address}/net.pth"), Options(offline=True))
    assert not own_cache.exists()


def test_without_an_address_the_page_is_named() -> None:
    with pytest.raises(UserError, match=r"Get the file from https://example\.org/drive"):
        locate_weights(weights(page="https://example.org/drive"), Options())


def test_a_download_is_verified_kept_and_not_repeated(served: tuple[Path, str], own_cache: Path) -> None:
    folder, address = served
    (folder / "net.pth").write_bytes(CONTENT)
    entry = weights(f"{address}/net.pth")
    path = locate_weights(entry, Options())
    assert path.parent == own_cache
    assert sha256_of(path) == entry.sha256
    (folder / "net.pth").unlink()
    assert locate_weights(entry, Options()) == path
    assert [item.name for item in own_cache.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<!doctype html><title>Quota exceeded</title>", "web page"),
        (CONTENT[:100], "truncated"),
        (CONTENT[::-1], "another digest"),
    ],
)
def test_a_wrong_download_is_refused_and_not_kept(
    content: bytes, message: str, served: tuple[Path, str], own_cache: Path
) -> None:
    folder, address = served
    (folder / "net.pth").write_bytes(content)
    advice = "Nothing was kept. If it is so again, .* ask at https://example.org/page"
    with pytest.raises(UserError, match=rf"the download from {address}/net\.pth is wrong: .*{message}.*{advice}"):
        locate_weights(weights(f"{address}/net.pth", page="https://example.org/page"), Options())
    assert list(own_cache.iterdir()) == []


def test_a_server_that_says_no_is_an_error_with_advice(served: tuple[Path, str], own_cache: Path) -> None:
    with pytest.raises(UserError, match=r"could not be downloaded from .*Download it by hand and pass --weights-dir"):
        locate_weights(weights(f"{served[1]}/absent.pth"), Options())
    assert list(own_cache.iterdir()) == []


def test_a_table_groups_the_files_of_one_model(tmp_path: Path) -> None:
    digests = [hashlib.sha256(bytes([index])).hexdigest() for index in range(3)]
    table = tmp_path / "weights.csv"
    table.write_text(
        HEADER
        + f"a,one.pth,https://example.org/1,,10,{digests[0]},MIT,P,D\n"
        + f"a,two.pth,,https://example.org/page,20,{digests[1]},MIT,P,D\n"
        + f"b, three.pth ,,,30,{digests[2]},,,\n"
    )
    found = read_weights_table(table)
    assert [(entry.file, entry.bytes) for entry in found["a"]] == [("one.pth", 10), ("two.pth", 20)]
    assert found["b"][0].file == "three.pth"
    assert "c" not in found
    assert weights_digest(found["a"]) == f"{digests[0]}+{digests[1]}"


@pytest.mark.parametrize(
    "row", [f"a,one.pth,http://example.org/1,,10,{'0' * 64},,,", f"a,one.pth,https://example.org/1,,10,{'0' * 63},,,"]
)
def test_a_table_without_digest_or_with_plain_http_is_refused(row: str, tmp_path: Path) -> None:
    (tmp_path / "weights.csv").write_text(HEADER + row + "\n")
    with pytest.raises(UserError, match=r"weights\.csv: row 'a' needs a sha256 of 64 digits and an https:// address"):
        read_weights_table(tmp_path / "weights.csv")


def test_the_tables_of_the_project_are_sound() -> None:
    from derainers.weights import weights_table

    table = weights_table()
    assert table
    for entries in table.values():
        for entry in entries:
            assert int(entry.sha256, 16) >= 0
            assert entry.bytes > 0 or entry.url
            assert entry.url or entry.page


def test_a_diagnosis_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"")
    assert diagnose(tmp_path / "x", weights()).startswith(str(tmp_path / "x"))


def test_files_that_come_with_the_package_are_found_without_folder_or_network(tmp_path: Path) -> None:
    digest = hashlib.sha256(CONTENT).hexdigest()
    table = tmp_path / "weights.csv"
    table.write_text(f"{HEADER}net,net.safetensors,,the package,{len(CONTENT)},{digest},Apache-2.0,A paper,Rain\n")
    shipped = tmp_path / "weights_shipped/net.safetensors"
    shipped.parent.mkdir()
    shipped.write_bytes(CONTENT)
    (entry,) = read_weights_table(table)["net"]
    assert locate_weights(entry, Options(offline=True)) == shipped
    shipped.write_bytes(CONTENT[:-1] + b"?")
    assert find_weights(entry, Options()) is None
