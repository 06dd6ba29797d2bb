from unicodedata import normalize

from hypothesis import given
from hypothesis import strategies as st

from bench.io.names import align_names, nearest_name

NFC, NFD = "stra\u00dfe \u00e9", "stra\u00dfe e\u0301"


def test_names_that_look_alike_are_one() -> None:
    assert NFC != NFD
    assert align_names({NFD: 1, "b": 2}, [NFC, "b"]) == {NFC: 1, "b": 2}
    assert align_names({NFC: 1}, [NFD]) == {NFD: 1}
    assert align_names({NFC: 1, NFD: 2}, [NFC]) == {NFC: 1, NFD: 2}  # both are there: each is itself
    assert align_names({"a": 1}, ["b"]) == {"a": 1}


@given(st.sets(st.text(min_size=1, max_size=5)))
def test_a_folder_in_the_other_form_is_found_whole(names: set[str]) -> None:
    composed = {normalize("NFC", name) for name in names}
    files = {normalize("NFD", name): normalize("NFC", name) for name in names}
    found = align_names(files, composed)
    assert {name: found[name] for name in composed} == {name: name for name in composed}


def test_the_nearest_name() -> None:
    assert nearest_name("a_01.png", ["b.png", "a_01.jpg"]) == "a_01.jpg"
    assert nearest_name("zzz", ["a.png"]) == ""
