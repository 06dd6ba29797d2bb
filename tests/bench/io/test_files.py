from __future__ import annotations

import stat
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.io.files import atomic, key_of, safe_name, sha256_of, write_json, write_text


def test_a_written_file_is_whole_readable_and_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.txt"
    write_text(path, "one\ntwo\n")
    assert path.read_bytes() == b"one\ntwo\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [item.name for item in path.parent.iterdir()] == ["a.txt"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail_in_the_middle() -> None:
        with atomic(path) as part:
            part.write_text("half of the n")
            raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="disk is full"):
        fail_in_the_middle()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_long_name_still_fits_with_its_temporary_suffix(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 250 + ".json")
    write_text(path, "x")
    assert path.read_text() == "x"


def test_equal_values_give_equal_json_bytes(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": 1, "a": ["ü", 2.5]})
    write_json(tmp_path / "b.json", dict(reversed({"b": 1, "a": ["ü", 2.5]}.items())))
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert "ü" in (tmp_path / "a.json").read_text(encoding="utf-8")


def test_sha256_is_the_standard_one(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1.
    assert sha256_of(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_key_depends_on_value_and_order_but_not_on_the_order_of_a_mapping() -> None:
    assert key_of({"a": 1, "b": 2}, "x") == key_of({"b": 2, "a": 1}, "x")
    keys = {key_of("a", "b"), key_of("b", "a"), key_of("ab"), key_of("a", "b", ""), key_of(["a", "b"]), key_of("a", 1)}
    assert len(keys) == 6
    assert all(len(key) == 32 and int(key, 16) >= 0 for key in keys)


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=40))
def test_a_safe_name_is_one_plain_path_part_and_reversible(id: str) -> None:
    name = safe_name(id)
    assert "/" not in name
    assert "\\" not in name
    assert "\0" not in name
    assert not name.startswith(".")
    assert Path(name).name == name
    assert unquote(name) == id


@pytest.mark.parametrize("id", [".", "..", "../../etc/passwd", "/etc/passwd", "a/../b", ".hidden"])
def test_a_safe_name_never_leaves_its_folder(id: str, tmp_path: Path) -> None:
    write_text(tmp_path / f"{safe_name(id)}.txt", "x")
    assert [path.parent for path in tmp_path.rglob("*.txt")] == [tmp_path]
