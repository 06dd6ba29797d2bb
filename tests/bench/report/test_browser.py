"""The page in a real browser without a window: nothing is asked of a network, everything works by keyboard.

Needs a Chromium (Debian's package ``chromium``) and Playwright, which drives it; skipped where either is absent.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bench.api.report import write_report

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NUMBERS = "cells => cells.map(cell => cell.dataset.value === undefined ? null : Number(cell.dataset.value))"
Open = Callable[..., "Page"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install playwright")
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"needs a Chromium on the path: {', '.join(NAMES)}")
    with playwright.sync_playwright() as driver:
        # In a container nobody has set up the kernel's sandbox; the page is ours.
        opened = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def path(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(finished, tmp_path_factory.mktemp("page") / "report.html").path


@pytest.fixture
def open_page(browser: Browser, path: Path) -> Iterator[Open]:
    """Open the page; at the end it must have said nothing on the console and asked nothing of anybody."""
    said: list[str] = []
    asked: list[str] = []
    contexts = []

    def start(**settings: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1200, "height": 900}, **settings})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        return page

    yield start
    for context in contexts:
        context.close()
    assert said == []
    assert [url for url in asked if not url.startswith("data:") and url != path.as_uri()] == []


def column(page: Page, heading: str) -> list[float | None]:
    table = page.locator("table.sortable").first
    heads = table.locator("thead th").all_text_contents()
    place = next(index for index, text in enumerate(heads) if text.strip().startswith(heading))
    found: list[float | None] = table.locator(f"tbody tr > :nth-child({place + 1})").evaluate_all(NUMBERS)
    return found


def names(page: Page) -> list[str]:
    return [text.split()[0] for text in page.locator("table.sortable").first.locator("tbody th").all_text_contents()]


def test_tables_are_sorted_by_keyboard_and_say_how(open_page: Open) -> None:
    page = open_page()
    head = page.locator("table.sortable").first.locator("thead th", has_text="ssim_y")
    assert head.get_attribute("aria-sort") == "none"
    head.locator("button").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert names(page) == ["clean", "clean+mine", "mine", "rain", "fogger", "wild"], "untrained last, whatever it has"
    values = column(page, "ssim_y")[:-1]
    assert values == sorted(values, key=lambda value: -(value or 0))
    page.keyboard.press("Space")
    assert head.get_attribute("aria-sort") == "ascending"
    assert names(page) == ["fogger", "rain", "mine", "clean+mine", "clean", "wild"]
    psnr = page.locator("table.sortable").first.locator("thead th", has_text="psnr_y")
    for _ in range(2):
        psnr.locator("button").click()
        assert column(page, "psnr_y")[-2] is None, "what has no number goes to the end both ways"
    assert head.get_attribute("aria-sort") == "none"


def test_the_wipe_goes_by_keyboard_from_rain_over_restored_to_clean(open_page: Open) -> None:
    page = open_page()
    assert page.locator("#g-row").input_value() == "mine", "the derainer that gains most is shown first"
    wipe = page.locator("#g-wipe")
    clips = "[...document.querySelectorAll('.layer')].map(layer => layer.style.clipPath)"
    wipe.focus()
    page.keyboard.press("Home")
    assert wipe.get_attribute("aria-valuetext") == "rain"
    assert page.evaluate(clips)[1:] == ["inset(0px 100% 0px 0px)"] * 2
    page.keyboard.press("ArrowRight")
    assert wipe.get_attribute("aria-valuetext") == "1 % mine, the rest rain"
    assert page.evaluate(clips)[1] == "inset(0px 99% 0px 0px)"
    page.keyboard.press("End")
    assert wipe.get_attribute("aria-valuetext") == "clean"
    assert page.evaluate(clips)[1:] == ["inset(0px 0% 0px 0px)"] * 2
    page.get_by_role("button", name="mine", exact=True).press("Enter")
    assert wipe.get_attribute("aria-valuetext") == "mine"


def test_the_picture_is_dragged_by_pointer(open_page: Open) -> None:
    page = open_page()
    page.locator("#g-stage").scroll_into_view_if_needed()
    box = page.locator("#g-stage").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 40)
    page.mouse.up()
    assert float(page.locator("#g-wipe").input_value()) == pytest.approx(80, abs=1)


def test_images_are_sorted_by_gain_and_by_harm_and_changed_by_keyboard(open_page: Open) -> None:
    page = open_page()

    def gains() -> list[float]:
        texts = page.locator("#g-strip span").all_text_contents()
        return [float(text.replace("−", "-")) for text in texts]

    assert len(gains()) == 10
    assert gains() == sorted(gains(), reverse=True)
    page.locator("#g-order").select_option("harm|mIoU (%)")
    assert gains() == sorted(gains())
    first = page.locator("#g-caption").text_content()
    page.locator("#g-after").press("Enter")
    assert page.locator("#g-caption").text_content() != first
    page.locator("#g-strip button[aria-pressed=true]").press("ArrowLeft")
    assert page.locator("#g-caption").text_content() == first
    page.locator("#g-row").select_option("fogger")
    page.locator("#g-order").select_option("harm|F1 of boxes")
    assert gains()[0] < 0


def test_boxes_and_masks_of_truth_and_prediction_are_drawn_when_asked_for(open_page: Open) -> None:
    page = open_page()
    page.locator("#g-task").select_option("detection")
    assert page.locator(".layer .box.right").count() > 0
    assert page.locator(".truth .box").count() == 0
    page.locator("#g-truth").check()
    assert page.locator(".truth .box.true").count() > 0
    assert page.locator("#g-legend .box.halo").count() == 1, "white dashes are seen on white paper, too"
    page.locator("#g-task").select_option("semantic")
    assert page.locator(".truth .mask").count() == 1
    assert page.locator(".layer .mask").count() == 0, "one mask over another could not be told apart"
    page.locator("#g-truth").uncheck()
    assert page.locator(".layer .mask").count() == 3
    assert "road" in (page.locator("#g-legend").text_content() or "")
    page.locator("#g-task").select_option("instances")
    assert page.locator(".layer .mask").count() == 3
    page.locator("#g-task").select_option("")
    assert page.locator(".layer .mask, .layer .box").count() == 0


def test_boxes_of_a_task_that_matches_nothing_have_one_colour(own_tasks: Path, browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto((own_tasks / "with.html").as_uri())
    assert page.locator("#g-task option").all_text_contents() == [
        "boxes (finder)", "boxes (matcher)", "classes of pixels (zones)", "nothing"
    ]  # fmt: skip
    assert page.locator(".layer .box.unmatched").count() > 0
    assert page.locator("#g-legend").all_text_contents() == ["found"]
    page.locator("#g-task").select_option("matcher")
    assert page.locator(".layer .box.unmatched").count() == 0
    assert page.locator(".layer .box.right").count() > 0
    page.locator("#g-task").select_option("zones")
    assert page.locator(".layer .mask").count() == 3
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200])
def test_no_width_scrolls_sideways_and_both_schemes_have_contrast(scheme: str, width: int, open_page: Open) -> None:
    page = open_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ink, paper = (
        [int(part) for part in page.evaluate(f"getComputedStyle(document.body).{name}")[4:-1].split(", ")]
        for name in ("color", "backgroundColor")
    )
    lighter, darker = sorted((luminance(ink), luminance(paper)), reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) > 7, "WCAG's enhanced contrast"
    assert (luminance(paper) < 0.1) == (scheme == "dark")


def test_every_control_has_a_name(open_page: Open) -> None:
    page = open_page()
    nameless = page.evaluate(
        "[...document.querySelectorAll('button, input, select, a, summary')].filter(one => one.checkVisibility() && "
        "!(one.ariaLabel || one.textContent.trim() || (one.labels && one.labels.length))).map(one => one.outerHTML)"
    )
    assert nameless == []


def luminance(colour: list[int]) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [part / 255 for part in colour]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
