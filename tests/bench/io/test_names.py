from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.io.names import align_names, nearest_name, portable_name

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


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("ultralytics:/home/me/yolov8n.pt", "ultralytics:yolov8n.pt"),
        ("torchvision:fcn_resnet50@/home/me/net.pth", "torchvision:fcn_resnet50@net.pth"),
        ("mine=prenet@/home/me/net.pth", "mine=prenet@net.pth"),
        ("/home/me/mine.py:build", "mine.py:build"),
        ("folder:/home/me/restored/", "folder:restored/"),
        ("/net.pt", "net.pt"),
    ],
)
def test_a_file_is_named_without_whose_machine_it_is_on(given: str, named: str) -> None:
    assert portable_name(given) == named


@pytest.mark.parametrize(
    "name",
    ["", "rain", "clean+mspfn-light", "smp:camvid_fpn", "hf:owner/model", "nets/net.pt", "url:https://a.org/b/c"],
)
def test_names_that_tell_no_machine_stay(name: str) -> None:
    assert portable_name(name) == name
