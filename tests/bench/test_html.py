"""The HTML report without a browser: what is in the file, how large it is, and that it is safe."""

from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest
from made_page import FRAMES, HOSTILE, make_images, make_page, make_store
from made_results import HALF, NAN, SIZE, add, make_record

from lockon.bench.html import PageLimits, write_html
from lockon.bench.html.clips import NO_NUMBER, pack_clip, pack_numbers, pack_parts
from lockon.bench.html.pictures import LONGEST, encode, fitting, spread, take_pictures
from lockon.bench.report import evaluate
from lockon.bench.store import Store
from lockon.errors import LockonError


class _Page(HTMLParser):
    """Tags with their attributes, and the text of the script elements."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self.scripts and self.tags[-1][0] == "script":
            self.scripts[-1] += data


def _read(path):
    page = _Page(path.read_text(encoding="utf-8"))
    (number,) = [place for place, tag in enumerate(tag for tag in page.tags if tag[0] == "script") if tag[1].get("id") == "report-data"]
    return page, json.loads(page.scripts[number])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_page(tmp_path_factory.mktemp("page"), frames=5)


def test_the_data_are_those_of_the_report(made):
    path, size = made
    _, content = _read(path)
    (section,) = content["sections"]
    assert [tracker["label"] for tracker in section["trackers"]] == ["exact", "drift", "half", "lost"]
    assert section["trackers"][0]["values"]["AO"] == 1
    assert (section["protocol"], section["convention"]) == ("one-pass", "pysot")
    assert {axis["key"]: len(axis["values"]) for axis in section["axes"]} == {"success": 21, "precision": 51, "normalized_precision": 51}
    assert [entry["name"] for entry in section["sequences"]] == [HOSTILE, "video"]
    assert section["attributes"][0]["name"] == "rain"
    assert size.total == path.stat().st_size
    assert (size.pictures, size.shown, size.videos) == (5, 1, 2)


def test_pictures_are_jpegs_of_the_frames(made):
    _, content = _read(made[0])
    video = content["videos"]["made/video"]
    assert sorted(map(int, video["jpegs"])) == [0, 3, 6, 8, 11]
    image = cv2.imdecode(np.frombuffer(base64.b64decode(video["jpegs"]["6"]), dtype=np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (SIZE[1], SIZE[0], 3)
    assert image[25, 40].tolist() == pytest.approx([100] * 3, abs=3)
    without = content["videos"][f"made/{HOSTILE}"]
    assert without["jpegs"] == {}
    assert without["note"] == "no pictures: the images were not found; give their folder with --data made:DIR"


def test_boxes_overlaps_and_scores_survive_the_packing(made):
    _, content = _read(made[0])
    clip = next(clip for clip in content["clips"] if clip["sequence"] == "video")
    boxes = np.frombuffer(base64.b64decode(clip["runs"]["drift"]["boxes"]), dtype="<i2").reshape(-1, 4) / 4
    np.testing.assert_allclose(boxes[:, 0], 5 + 0.5 * np.arange(FRAMES))
    overlaps = np.frombuffer(base64.b64decode(clip["runs"]["half"]["iou"]), dtype=np.uint8) / 254
    np.testing.assert_allclose(overlaps, [1] + [0.5] * (FRAMES - 1), atol=1 / 254)
    assert np.frombuffer(base64.b64decode(clip["runs"]["half"]["score"]), dtype=np.uint8).tolist() == [127] * FRAMES


def test_names_cannot_break_out(made):
    page, content = _read(made[0])
    assert {tag for tag, _ in page.tags} <= {"html", "head", "meta", "title", "style", "body", "noscript", "p", "header", "main", "script"}
    assert len(page.scripts) == 3
    assert any(clip["sequence"] == HOSTILE for clip in content["clips"])
    assert "innerHTML" not in made[0].read_text(encoding="utf-8")


def test_nothing_is_loaded_from_anywhere(made):
    page, _ = _read(made[0])
    assert [attributes for _, attributes in page.tags if {"src", "href"} & set(attributes)] == []
    (policy,) = [attributes["content"] for tag, attributes in page.tags if attributes.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; img-src data:")
    addresses = set(re.findall(r"https?://[^\s\"'<>]+", made[0].read_text(encoding="utf-8")))
    assert addresses == {"http://www.w3.org/2000/svg"}  # the name of a kind of element, not an address


def test_the_title_is_escaped(tmp_path):
    store = make_store(tmp_path / "results")
    write_html([evaluate(store)], store, tmp_path / "page.html", title=HOSTILE)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<title>&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;&amp;&quot;&#x27; - lockon bench report</title>" in text


def test_pages_stay_within_their_budget(tmp_path):
    store = make_store(tmp_path / "results")
    noise = np.random.default_rng(0).integers(0, 255, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    images = make_images(tmp_path / "images", "video")
    for path in images.frames.paths:
        cv2.imwrite(str(path), noise)
    report = evaluate(store)
    bare = write_html([report], store, tmp_path / "bare.html", lambda *_: images, limits=PageLimits(frames=0))
    full = write_html([report], store, tmp_path / "full.html", lambda *_: images, limits=PageLimits(frames=FRAMES))
    assert (bare.pictures, full.pictures) == (0, 2 * FRAMES)
    middle = (bare.total + full.total) // 2
    some = write_html([report], store, tmp_path / "some.html", lambda *_: images, limits=PageLimits(frames=FRAMES, budget=middle))
    assert some.total <= middle
    assert 0 < some.pictures < full.pictures
    assert "pictures, to keep the file small" in (tmp_path / "some.html").read_text()
    with pytest.raises(LockonError, match="the metrics alone take"):
        write_html([report], store, tmp_path / "none.html", limits=PageLimits(budget=1000))
    assert not (tmp_path / "none.html").exists()
    with pytest.raises(LockonError, match="no report given"):
        write_html([], store, tmp_path / "none.html")


def test_long_videos_are_thinned_before_they_break_the_budget(tmp_path):
    store = add(Store(tmp_path / "out"), "one", make_record("long", HALF, frames=4000))
    report = evaluate(store)
    whole = write_html([report], store, tmp_path / "whole.html")
    thin = write_html([report], store, tmp_path / "thin.html", limits=PageLimits(budget=whole.total - 40_000))
    _, content = _read(tmp_path / "thin.html")
    (clip,) = content["clips"]
    assert clip["stride"] == 2
    assert clip["steps"] == 2000
    assert thin.total <= whole.total - 40_000


def test_pictures_of_other_images_are_refused(tmp_path):
    images = make_images(tmp_path, "video", frames=4)
    assert take_pictures(images, 4, SIZE, 3, 10**6).note == ""
    assert "are 4 frames and the results 5" in take_pictures(images, 5, SIZE, 3, 10**6).note
    assert "are 48x32 pixels and the results of 96x64" in take_pictures(images, 4, (96, 64), 3, 10**6).note
    images.frames.paths[3].write_bytes(b"no image")
    broken = take_pictures(images, 4, SIZE, 3, 10**6)
    assert broken.jpegs == {}
    assert "is not a readable image" in broken.note


def test_large_frames_are_made_smaller():
    text = encode(np.zeros((300, 1920, 3), dtype=np.uint8))
    image = cv2.imdecode(np.frombuffer(base64.b64decode(text), dtype=np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (75, LONGEST, 3)


@pytest.mark.parametrize(
    ("frames", "wanted", "expected"),
    [(10, 4, [0, 3, 6, 9]), (3, 8, [0, 1, 2]), (10, 1, [0]), (0, 3, []), (5, 0, []), (1, 2, [0])],
)
def test_spread(frames, wanted, expected):
    assert spread(frames, wanted) == expected


def test_fitting():
    sizes = dict.fromkeys((0, 3, 6, 9), 10)
    assert fitting(sizes, 40) == [0, 3, 6, 9]
    assert fitting(sizes, 25) == [0, 9]
    assert fitting(sizes, 9) == []
    assert fitting({}, 9) == []


def test_numbers_that_are_none_or_too_large():
    packed = np.frombuffer(base64.b64decode(pack_numbers(np.array([NAN, [1e9, -1e9, 0.1, 2]]))), dtype="<i2")
    assert packed.tolist() == [NO_NUMBER] * 4 + [32767, NO_NUMBER + 1, 0, 8]
    assert list(base64.b64decode(pack_parts([np.nan, 2, -1, 0.5]))) == [255, 254, 0, 127]


def test_a_backward_run_counts_down():
    record = make_record("a", HALF, frames=6, anchor=5, backward=True, protocol="anchors")
    clip = pack_clip({"one": record}, stride=2)
    assert (clip["first"], clip["step"], clip["steps"], clip["anchor"]) == (5, -2, 3, 5)


def test_names_of_anybody_are_text_in_the_page(tmp_path):
    names = [
        "</script><script>alert(1)</script>",
        "<!--<script>",
        '"><img src=x onerror=alert(1)>',
        "caf\udce9",
        "a\u2028b\x1b[31m",
        "&lt;",
    ]
    store = add(Store(tmp_path / "store"), "T", *(make_record(name, HALF, dataset=name) for name in names))
    write_html([evaluate(store)], store, tmp_path / "page.html", title="</title><script>" + names[3])
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("<script") == 3
    assert page.count("</script") == 3
    assert "<img" not in page
    data = page.partition('id="report-data">')[2].partition("</script>")[0]
    assert not set("<>\u2028\x1b") & set(data) - {">"}
    assert {one["name"] for one in json.loads(data)["sections"][0]["sequences"]} == set(names)
