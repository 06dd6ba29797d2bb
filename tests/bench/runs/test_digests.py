"""Digests of a run's files: what is no table of digests is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import UserError
from bench.runs.digests import check_digests, write_digests


def test_files_are_as_they_were_written(tmp_path: Path) -> None:
    (tmp_path / "records.csv").write_text("a")
    write_digests(tmp_path)
    assert check_digests(tmp_path) == []
    (tmp_path / "records.csv").write_text("b")
    assert check_digests(tmp_path) == ["records.csv: changed"]


@pytest.mark.parametrize("content", ["", "a,b\n", "file,md5\nrecords.csv,0\n", "sha256\n"])
def test_another_table_does_not_pass_for_no_digests(content: str, tmp_path: Path) -> None:
    (tmp_path / "digests.csv").write_text(content)
    with pytest.raises(UserError, match=r"digests\.csv: damaged .*expected the columns file, sha256"):
        check_digests(tmp_path)
