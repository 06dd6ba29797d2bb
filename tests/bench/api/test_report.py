"""The page of a run: whole, honest, escaped, offline, small."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image as Pillow

from bench.api.report import write_report
from bench.api.verify import verify_run
from bench.errors import UserError
from synth.datasets.recipe import Recipe
from tests.bench.report_folder import STREETS, make_run


class Parsed(HTMLParser):
    """Elements with their attributes, the text of each kind of element, and all text outside style and script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, list[str]] = {}
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        tag = self.elements[-1][0] if self.elements else ""
        self.inside.setdefault(tag, []).append(data)
        if tag not in ("style", "script"):
            self.text += data + " "

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def page_of(run: Path, **settings: float) -> str:
    return write_report(run, run.parent / "page.html", **settings).path.read_text(encoding="utf-8")  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def page(finished: Path) -> str:
    return page_of(finished)


def galleries(text: str) -> list[dict[str, list[dict[str, dict[str, object]]]]]:
    islands = re.findall(r'<script type="application/json" class="gallery-data">(.*?)</script>', text, re.DOTALL)
    return [json.loads(island) for island in islands]


def words(text: str) -> str:
    return re.sub(r"\s+", " ", Parsed(text).text)


def test_nothing_on_the_page_points_outside(page: str) -> None:
    parsed = Parsed(page)
    places = [
        value for _, attributes in parsed.elements for name, value in attributes.items() if name in ("src", "href")
    ]
    assert places
    assert all(place and place.startswith(("#", "data:")) for place in places)
    assert not re.search(r"url\(|@import", "".join(parsed.inside["style"]))
    assert not re.search(r"\b(fetch|XMLHttpRequest|WebSocket|import|eval)\(", "".join(parsed.inside["script"]))


def test_the_policy_allows_our_own_style_and_script_and_nothing_else(page: str) -> None:
    parsed = Parsed(page)
    (policy,) = [meta["content"] for meta in parsed.of("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    style = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    script = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    for kind, (text,) in (("style", style), ("script", script)):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[f"{kind}-src"] == f"'sha256-{digest}'"
    assert not any(
        "style" in attributes or name.startswith("on") for _, attributes in parsed.elements for name in attributes
    )


def test_every_headline_number_stands_there_with_its_interval(page: str, finished: Path) -> None:
    text = words(page)
    with (finished / "intervals.csv").open(newline="", encoding="utf-8") as file:
        rows = {(row["derainer"], row["metric"]): row for row in csv.DictReader(file)}
    for metric in ("AP", "recall@0.25/0.60", "mIoU", "mask_AP"):
        row = rows["mine", metric]
        assert f"{float(row['value']):.2f} {float(row['low']):.1f} – {float(row['high']):.1f}" in text


def test_the_page_says_what_rain_takes_what_comes_back_and_who_harms(page: str) -> None:
    text = words(page)
    for explained in ("rain The rainy images as they are", "clean The same images before the rain", "Made for tests."):
        assert explained in text
    assert re.search(r"The rain takes AP of net from 100\.00 % to \d+\.\d\d %", text)
    assert re.search(r"Of that loss mine brings back \d+ % \(\d+ to \d+ %\); fogger −\d+ %", text)
    assert re.search(r"fogger does harm: it is worse than the rain itself in AP by \d+\.\d points", text)
    assert re.search(r"mine harms images without rain: the clean images are worse after it in", text)
    assert "mine does harm" not in text
    assert "Not tested: harm to images without rain, by fogger. It takes the rows clean+fogger." in text


def test_untrained_rows_are_marked_last_and_never_ranked(page: str) -> None:
    rows = re.findall(r"<tr.*?</tr>", page, re.DOTALL)
    wild = [row for row in rows if '<th scope="row">wild' in row]
    assert wild
    assert all("data-last" in row for row in wild if "badge" in row)
    assert any("untrained" in row for row in wild)
    assert not any("best" in row for row in wild)
    # Nobody who is not a derainer is the best one either, whatever the numbers.
    assert {name for row in rows if " best" in row for name in re.findall(r'<th scope="row">([^< ]+)', row)} == {"mine"}
    assert "wild" not in "".join(re.findall(r"<svg.*?</svg>", page, re.DOTALL))
    assert "Untrained weights, so neither ranked nor plotted: wild." in words(page)


def test_pictures_boxes_and_masks_are_those_of_the_run(page: str, finished: Path) -> None:
    (gallery,) = galleries(page)
    assert len(gallery["images"]) == 10
    image = gallery["images"][0]
    assert set(image["pictures"]) == {"rain", "fogger", "mine", "wild", "clean"}
    evidence = json.loads((finished / "evidence/streets/mine/detection" / f"{image['id']}.json").read_text())
    drawn = image["seen"]["detection"]["mine"]["boxes"]  # type: ignore[index]
    assert [box[5] for box in drawn] == [round(found["score"], 2) for found in evidence["detections"]]
    with (finished / "per_image.csv").open(newline="", encoding="utf-8") as file:
        counts = {
            row["metric"]: float(row["value"])
            for row in csv.DictReader(file)
            if (row["derainer"], row["task"], row["image"]) == ("mine", "detection", image["id"])
        }
    assert sum(box[6] == 1 for box in drawn) == counts["tp@0.25/0.60"]
    assert sum(box[6] == 0 for box in drawn) == counts["fp@0.25/0.60"]
    assert set(image["seen"]) == {"detection", "instances", "semantic"}
    assert all("mask" in image["seen"][task]["truth"] for task in ("instances", "semantic"))  # type: ignore[operator]


def test_few_bytes_mean_fewer_images_and_the_page_says_so(finished: Path, tmp_path: Path) -> None:
    small = write_report(finished, tmp_path / "small.html", megabytes=0.2)
    assert small.shown < small.images == 10
    assert small.size < 0.2e6 + len(page_of(finished, images=0))
    text = small.path.read_text(encoding="utf-8")
    assert f"{small.shown} of 10 images are here" in words(text)
    assert write_report(finished, tmp_path / "two.html", images=2).shown == 2


def test_a_published_run_without_pictures_still_has_its_page(finished: Path, tmp_path: Path) -> None:
    bare = tmp_path / "published"
    shutil.copytree(finished, bare, ignore=shutil.ignore_patterns("restored", "data", "evidence"))
    text = page_of(bare)
    assert galleries(text) == []
    assert "No pictures: data/streets: no finished dataset" in words(text)
    assert str(tmp_path) not in text
    assert "fogger does harm" in words(text)


def test_without_resamples_harm_is_said_to_be_untested(finished: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(finished, bare, ignore=shutil.ignore_patterns("restored", "data", "evidence", "bootstrap"))
    text = words(page_of(bare))
    assert "Whether a derainer does worse than the rain was not tested" in text
    assert "fogger does harm" not in text


def test_failures_and_cost_are_shown_where_they_are(finished: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(finished, other, ignore=shutil.ignore_patterns("restored", "data", "evidence"))
    (other / "failures.csv").write_text(
        "dataset,derainer,task,image,stage,reason\nstreets,mine,,val-00001,restore,ran <out> of memory\n"
    )
    (other / "cost.csv").write_text(
        "derainer,task,model,height,width,latency_ms,failure\n"
        "mine,,,480,640,250.0,\nmine,detection,net,480,640,900.0,\nmine,,,720,1280,800.0,\n"
        "fogger,,,480,640,,no memory\n"
    )
    text = page_of(other)
    assert "mine: seconds an image 0.25; AP (%)" in text
    assert "fogger: seconds" not in text
    assert "ran &lt;out&gt; of memory" in text
    assert "Failures 1" in words(text)


HOSTILE = '</script><img src=x onerror="alert(1)">'


def test_no_name_becomes_markup(tmp_path: Path, photos: Path) -> None:
    """File names, class names, derainer names, title, note and reasons, all hostile at once."""
    stem = "\"'><svg onload=alert(2)>"
    for place, suffix in (("images", ".jpg"), ("masks", ".png")):
        (photos / place / f"a{suffix}").rename(photos / place / f"{stem}{suffix}")
    classes = 'id,name\n0,"</script><script>alert(3)</script>"\n1,road\n2,void\n'
    (photos / "classes.csv").write_text(classes)
    recipe = Recipe("photos", "folder", photos, {"images": "images", "masks": "masks"}, rain="coco350_y")
    derainer = "<b onclick=alert(4)>bold</b>"
    skills = {"rain": 0.3, derainer: 0.8, "clean": 1.0}
    suite = {"title": HOSTILE, "note": "<!--" + HOSTILE + "{{ 7 * 7 }}"}
    run = make_run(tmp_path / "run", recipe, skills, ("quality", "semantic"), suite)
    failure = {"dataset": "photos", "derainer": derainer, "task": "", "image": "x", "stage": "judge", "reason": HOSTILE}
    pd.DataFrame([failure]).to_csv(run / "failures.csv", index=False)
    text = page_of(run)
    parsed = Parsed(text)
    assert len(parsed.of("script")) == 2, "one of data, one of ours"
    assert parsed.of("img") == []
    assert not any(name.startswith("on") for _, attributes in parsed.elements for name in attributes)
    assert {"b", "i"}.isdisjoint(tag for tag, _ in parsed.elements)
    assert HOSTILE in parsed.text
    assert "{{ 7 * 7 }}" in parsed.text
    (gallery,) = galleries(text)
    assert stem in [image["id"] for image in gallery["images"]]
    assert "</script><script>alert(3)</script>" in str(gallery["classes"])


def test_class_names_of_objects_are_escaped_too(tmp_path: Path) -> None:
    recipe = Recipe("streets", "streets", rain="streets_y", count=1, seed=7)
    name = json.dumps("car</script><script>alert(1)</script>")
    run = make_run(tmp_path / "run", recipe, {"rain": 0.5, "clean": 1.0}, ("detection",), renamed={"car": name})
    text = page_of(run)
    assert len(Parsed(text).of("script")) == 2
    assert "car</script><script>" in str(galleries(text)[0]["classes"])


def test_the_page_is_no_part_of_what_is_verified(finished: Path) -> None:
    path = write_report(finished).path
    assert path == finished / "report.html"
    assert verify_run(finished) == []
    path.unlink()


def test_equal_runs_have_equal_pages(finished: Path, tmp_path: Path) -> None:
    first, second = (write_report(finished, tmp_path / name).path.read_bytes() for name in ("a.html", "b.html"))
    assert first == second


def test_without_a_run_or_with_a_damaged_one_the_user_is_told(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run here"):
        write_report(tmp_path)
    bare = tmp_path / "bare"
    shutil.copytree(finished, bare, ignore=shutil.ignore_patterns("restored", "data", "evidence"))
    (bare / "slices.csv").write_bytes(b'a,b\n1,2,3\n"')
    with pytest.raises(UserError, match=r"slices\.csv: damaged"):
        write_report(bare)


def test_pictures_are_those_of_the_run(page: str, finished: Path) -> None:
    (gallery,) = galleries(page)
    image = gallery["images"][0]
    uri = str(image["pictures"]["mine"])
    assert uri.startswith("data:image/jpeg;base64,")
    (finished.parent / "picture.jpg").write_bytes(base64.b64decode(uri.partition(",")[2]))
    shown = np.asarray(Pillow.open(finished.parent / "picture.jpg"), dtype=float)
    stored = np.asarray(Pillow.open(finished / "restored/streets/mine" / f"{image['id']}.png"), dtype=float)
    assert shown.shape == stored.shape
    assert np.abs(shown - stored).mean() < 8, "JPEG of the same picture"
    assert STREETS.count == len(gallery["images"])
