from pathlib import Path

import pytest

from bench.io.code_version import code_files, code_version
from bench.registry import Entry

ROOT = Path(__file__).parents[3]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package whose factory imports one module of another folder, which imports a third."""
    package = tmp_path / "mine"
    for name, text in {
        "__init__.py": "",
        "first/__init__.py": "",
        "first/factory.py": "import os\nfrom mine.second import helper\n\ndef build():\n    import mine.lazy\n",
        "first/found_by_name.py": "",
        "second/__init__.py": "",
        "second/helper.py": "from ..third import x\n",
        "second/unused.py": "",
        "third.py": "from mine.first import factory\nx = 1\n",
        "lazy.py": "def broken(:",
        "notes.txt": "not code",
    }.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    return package


def test_imports_are_followed_within_the_package(package: Path) -> None:
    found = {file.relative_to(package).as_posix() for file in code_files(package / "first", package)}
    own = {"first/__init__.py", "first/factory.py", "first/found_by_name.py"}
    assert found == own | {"second/__init__.py", "second/helper.py", "third.py", "lazy.py"}


def test_the_digest_follows_content_and_place_of_every_source(package: Path) -> None:
    def digest() -> str:
        return code_version(code_files(package / "first", package), package)

    digests = [digest()]
    (package / "notes.txt").write_text("still not code")
    (package / "second/unused.py").write_text("y = 1\n")
    assert digest() == digests[0]
    (package / "third.py").write_text("x = 2\n")
    digests.append(digest())
    (package / "first/another.py").write_text("")
    digests.append(digest())
    (package / "first/another.py").rename(package / "first/renamed.py")
    digests.append(digest())
    assert len(set(digests)) == 4


def test_a_tasks_code_is_more_than_its_folder() -> None:
    """Instances are matched by the detection's code: a change there is a change of theirs."""
    found = code_files(ROOT / "tasks/instances", ROOT / "tasks")
    assert {ROOT / "tasks/detection/matching.py", ROOT / "tasks/models/checkpoints.py"} <= set(found)
    assert ROOT / "tasks/quality/niqe.py" not in found
    entry = Entry("instances", "tasks.instances.task:build")
    assert entry.code_version() == code_version(found, ROOT / "tasks")
