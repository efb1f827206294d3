"""The HTML report in a real browser: Chromium, headless, from a file and with the network off.

Needs playwright (`pip install playwright`) and a Chromium: the one that playwright downloads, one on the PATH, or the one that
LOCKON_BROWSER names. Where there is none the tests are skipped. LOCKON_SCREENSHOTS=DIR keeps pictures of the page.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from made_page import FRAMES, HOSTILE, make_page

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright (pip install playwright)")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser():
    installed = filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    named = os.environ.get("LOCKON_BROWSER") or next(installed, None)
    with playwright.sync_playwright() as driver:
        try:
            started = driver.chromium.launch(executable_path=named, args=["--no-sandbox"])
        except playwright.Error as error:
            pytest.skip(f"no Chromium could be started: {str(error).splitlines()[0]}; name one in LOCKON_BROWSER")
        yield started
        started.close()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return make_page(tmp_path_factory.mktemp("page"), frames=5)[0]


@pytest.fixture
def page(browser, path):
    """The open page; errors in it, and anything that it asks the network for, fail the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.on("dialog", lambda dialog: (wrong.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda request: wrong.append(request.url) if not request.url.startswith(("file:", "data:")) else None)
    page.goto(path.as_uri())
    yield page
    context.close()
    assert wrong == []


def _keep(page, name):
    folder = os.environ.get("LOCKON_SCREENSHOTS")
    if folder:
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


def _column(page, table, place):
    return page.locator(f"{table} tbody tr td:nth-child({place})").all_inner_texts()


def _box(page, label):
    node = page.locator(f'.stage rect[data-tracker="{label}"]')
    return [float(node.get_attribute(name)) for name in ("x", "y", "width", "height")]


def test_the_summary_is_sorted_by_a_click(page):
    table = "#section-0 .summary table"
    assert _column(page, table, 1) == ["exact", "drift", "half", "lost"]
    page.get_by_role("button", name="AO", exact=True).click()
    page.get_by_role("button", name="AO", exact=True).click()
    assert _column(page, table, 1) == ["lost", "half", "drift", "exact"]
    page.locator(table).get_by_role("button", name="tracker").click()
    assert _column(page, table, 1) == ["drift", "exact", "half", "lost"]
    assert page.locator(f"{table} td.best").first.evaluate("node => getComputedStyle(node).fontWeight") == "700"
    _keep(page, "summary")


def test_curves_are_drawn_and_filtered(page):
    lines = page.locator("#section-0 .charts path.series")
    assert lines.count() == 3 * 4
    assert page.locator("#section-0 .charts .legend").first.locator("li").all_inner_texts()[0] == "[0.952] exact"
    page.get_by_label("lost").uncheck()
    assert lines.count() == 3 * 3
    assert "lost" not in _column(page, "#section-0 .summary table", 1)
    assert page.locator('.stage rect[data-tracker="lost"]').count() == 0
    page.get_by_label("lost").check()
    assert lines.count() == 3 * 4


def test_sequences_are_found_by_name_and_attribute(page):
    assert page.locator("text=2 of 2 sequences").count() == 1
    page.get_by_role("searchbox").fill("RAIN")
    assert page.locator("text=1 of 2 sequences").count() == 1
    assert page.locator("button.open").all_inner_texts() == ["video"]


def test_hostile_names_are_text(page):
    assert page.locator("button.open").all_inner_texts() == [HOSTILE, "video"]
    assert page.locator("img").count() == 0
    page.locator("button.open").first.click()
    assert HOSTILE in page.locator(".controls select").last.locator("option:checked").inner_text()
    assert page.locator(".stage image").count() == 0
    assert page.get_by_text("no pictures: the images were not found; give their folder with --data made:DIR").is_visible()
    assert page.locator(".stage rect").count() == 2 + 4  # the truth with its rim, and four trackers


def test_keys_slider_and_charts_go_to_frames(page):
    page.locator("button.open").last.click()
    readout = page.locator(".readout")
    assert readout.inner_text() == f"frame 0 (0 to {FRAMES - 1})"
    assert _box(page, "drift") == [5, 5, 10, 10]
    page.keyboard.press("ArrowRight")
    assert readout.inner_text().startswith("frame 3 ")  # the next one with a picture
    assert _box(page, "drift") == [6.5, 5, 10, 10]
    first = page.locator(".stage image").get_attribute("href")
    page.keyboard.press("End")
    assert readout.inner_text().startswith(f"frame {FRAMES - 1} ")
    assert page.locator(".stage image").get_attribute("href") != first
    page.get_by_label("only frames with pictures").uncheck()
    page.keyboard.press("ArrowLeft")
    assert readout.inner_text().startswith(f"frame {FRAMES - 2} ")
    assert page.locator(".stage text").inner_html() == "picture of frame 11"
    _keep(page, "between-pictures")
    slider = page.get_by_label("frame", exact=True)
    slider.fill("6")
    assert readout.inner_text().startswith("frame 6 ")
    chart = page.locator('svg[aria-label="IoU over time"]')
    box = chart.bounding_box()
    page.mouse.click(box["x"] + box["width"] * (44 / 440), box["y"] + 40)  # the left end of the axis
    assert readout.inner_text().startswith("frame 0 ")
    _keep(page, "viewer")


def test_values_of_the_frame_are_shown(page):
    page.locator("button.open").last.click()
    page.keyboard.press("End")
    rows = page.locator(".viewer table tr").all_inner_texts()
    found = {row.split()[0]: row.split()[1:3] for row in rows}
    assert found["exact"] == ["1.00", "0.50"]
    assert found["half"] == ["0.50", "0.50"]
    assert found["lost"] == ["0.00", "0.50"]
    assert found["drift"][0] == f"{4.5 / 15.5:.2f}"  # 5.5 pixels off


def test_play_runs_to_the_end(page):
    page.locator("button.open").last.click()
    play = page.get_by_title("play or pause")
    play.click()
    assert play.inner_text() == "Pause"
    playwright.expect(play).to_have_text("Play", timeout=20_000)
    assert page.locator(".readout").inner_text().startswith("frame 11 ")


def test_the_next_sequence(page):
    choice = page.locator(".controls select").last
    before = choice.input_value()
    page.get_by_role("button", name="Next").click()
    assert choice.input_value() != before
    page.get_by_role("button", name="Previous").click()
    assert choice.input_value() == before


def test_a_narrow_window_needs_no_sideways_scrolling(page):
    page.set_viewport_size({"width": 420, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
    _keep(page, "narrow")
