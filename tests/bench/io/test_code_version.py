"""Code digests: prose is free, code is not, and no code behind a result is missed."""

import ast
from pathlib import Path

import pytest

from bench.io.code_version import code_digests, code_version
from bench.registry import Entry

ROOT = Path(__file__).parents[3]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package whose factory imports one module of another folder, which imports a third."""
    package = tmp_path / "mine"
    for name, text in {
        "__init__.py": "TABLE = {'name': 'mine.first.factory:build'}\n",
        "first/__init__.py": '"""Prose alone."""\n',
        "first/factory.py": "import os\nfrom mine.second import helper\n\ndef build():\n    import mine.lazy\n",
        "first/found_by_nobody.py": "z = 1\n",
        "second/__init__.py": "import warnings\n",
        "second/helper.py": "from ..third import x\n",
        "second/unused.py": "y = 0\n",
        "third.py": "from mine.first import factory\nx = 1\n",
        "lazy.py": "def broken(:",
        "notes.txt": "not code",
    }.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    (tmp_path / "mine.py").write_text("beside = 'the package of the same name'\n")
    return package


def version_of_factory(package: Path) -> str:
    return code_version(package / "first/factory.py", package)


def test_imports_are_followed_within_the_package(package: Path) -> None:
    found = code_digests(package / "first/factory.py", package)
    assert sorted(found) == ["first/factory.py", "lazy.py", "second/__init__.py", "second/helper.py", "third.py"]


@pytest.mark.parametrize(
    "text", ["import mine\n", "import mine.first as f\nfrom mine import TABLE\n", "from .. import TABLE"]
)
def test_the_packages_own_init_counts_where_it_is_imported_by_name(package: Path, text: str) -> None:
    (package / "first/factory.py").write_text(text)
    assert "__init__.py" in code_digests(package / "first/factory.py", package)


def test_a_package_may_be_imported_as_a_whole(package: Path) -> None:
    (package / "first/factory.py").write_text("import mine.second\n")
    assert sorted(code_digests(package / "first/factory.py", package)) == ["first/factory.py", "second/__init__.py"]


def test_a_factory_in_an_init_is_followed_like_any_other(package: Path) -> None:
    (package / "__init__.py").write_text("from .second import helper\n")
    assert {"__init__.py", "second/helper.py", "third.py"} <= code_digests(package / "__init__.py", package).keys()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "first/factory.py",
            "import os\nfrom mine.second import helper\n\ndef build():\n    import mine.lazy as lazy\n",
        ),
        ("second/helper.py", "from ..third import x as x2\n"),
        ("third.py", "from mine.first import factory\nx = 2\n"),
        ("lazy.py", "def broken(;"),
        ("first/__init__.py", "import warnings\n"),
    ],
)
def test_changed_code_changes_the_version_however_far_away(package: Path, name: str, text: str) -> None:
    before = version_of_factory(package)
    (package / name).write_text(text)
    assert version_of_factory(package) != before


@pytest.mark.parametrize("name", ["notes.txt", "second/unused.py", "first/found_by_nobody.py", "__init__.py"])
def test_what_is_not_imported_does_not_count(package: Path, name: str) -> None:
    before = version_of_factory(package)
    (package / name).write_text("w = 2\n")
    assert version_of_factory(package) == before


def test_a_moved_module_changes_the_version(package: Path) -> None:
    before = version_of_factory(package)
    (package / "third.py").rename(package / "fourth.py")
    (package / "second/helper.py").write_text("from ..fourth import x\n")
    assert version_of_factory(package) != before


CODE = '''"""A module."""
import os

LIMIT = 0.5
"""A constant."""

def scale(x, *, by=None):
    """Scale."""
    return {**x, "a": [LIMIT, u"text", b"text", -1, 1e3]} if by else f"{x!r:>{by}}"

class Kept:
    """A class."""
    async def wait(self, /): ...
    def stop(self):
        global LIMIT
        match self:
            case [1, *_]: pass
'''


def version_of_text(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.py"
    path.write_text(text)
    return code_version(path)


def test_comments_docstrings_and_formatting_are_free(tmp_path: Path) -> None:
    before = version_of_text(tmp_path, CODE)
    edited = CODE.replace("A module.", "Other words.").replace("A constant.", "").replace('    """Scale."""\n', "")
    edited = edited.replace("A class.", "A class\n    of many lines.").replace("import os", "import os  # why\n\n\n")
    edited = edited.replace('[LIMIT, u"text", ', "[\n        LIMIT,\n        'text',\n        ")
    assert version_of_text(tmp_path, edited) == before
    assert version_of_text(tmp_path, ast.unparse(ast.parse(CODE))) == before
    assert version_of_text(tmp_path, CODE.replace("\n", "\r\n")) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0.5", "0.25"),
        ("1e3", "1000"),
        ("-1", "1"),
        ('b"text"', '"text"'),
        ("{**x, ", "{x: x, "),
        ("!r", "!s"),
        (":>", ":<"),
        ("by=None", "by=0"),
        ("*, by", "by"),
        ("(self, /)", "(self)"),
        ("async def", "def"),
        ("global LIMIT", "global OTHER"),
        ("[1, *_]", "[1, _]"),
        ("import os", "import sys"),
    ],
)
def test_every_piece_of_code_counts(tmp_path: Path, old: str, new: str) -> None:
    assert old in CODE
    assert version_of_text(tmp_path, CODE) != version_of_text(tmp_path, CODE.replace(old, new))


def test_the_version_is_the_same_under_every_python(tmp_path: Path) -> None:
    # From this function itself under Python 3.11: stored results are used again by whoever has a later one.
    assert version_of_text(tmp_path, CODE) == "952f4facae78fba1dada270a67182c8d"


def test_files_that_python_cannot_read_count_with_their_bytes(tmp_path: Path) -> None:
    texts = ["def broken(:", "def broken(:  # why", "x = 1\0", "(" * 500]
    assert len({version_of_text(tmp_path, text) for text in texts}) == len(texts)


def test_a_tasks_code_is_more_than_its_folder() -> None:
    """Instances are matched by the detection's code: a change there is a change of theirs."""
    found = code_digests(ROOT / "tasks/instances/task.py", ROOT / "tasks")
    assert {"detection/matching.py", "models/checkpoints.py", "instances/backends/maskrcnn.py"} <= found.keys()
    assert not {"quality/niqe.py", "__init__.py", "instances/__init__.py"} & found.keys()
    entry = Entry("instances", "tasks.instances.task:build")
    assert entry.code_version() == code_version(ROOT / "tasks/instances/task.py", ROOT / "tasks")
