from synth.datasets.recipe import portable, short_name


def test_absolute_paths_do_not_reach_the_card() -> None:
    assert portable({"semantic": "/home/somebody/maps", "split": "val2017"}) == {"semantic": "maps", "split": "val2017"}


def test_code_is_named_without_its_folder() -> None:
    assert short_name("path/to/mine.py:build") == short_name("/home/somebody/mine.py:build") == "mine.py:build"
    assert short_name("coco350_y") == "coco350_y"
