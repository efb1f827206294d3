from __future__ import annotations

import io
import json
import math
import random
import tracemalloc
from xml.etree import ElementTree

import pytest

from lockon.annotation_documents import BoxRow, BoxTable, VideoInfo, decimal, key_frames, write_coco, write_cvat

ROWS = [
    BoxRow(3, 0, 1.5, 2.0, 3.0, 4.0, 0.5, "tracked"),
    BoxRow(3, 1, 10.0, 20.0, 30.0, 40.0, 0.25, "tracked"),
    BoxRow(4, 0, 1.5, 2.0, 3.0, 4.0, 0.1, "lost"),
    BoxRow(4, 1, 11.0, 20.0, 30.0, 40.0, 0.4, "uncertain"),
]


@pytest.fixture
def table() -> BoxTable:
    table = BoxTable()
    for row in ROWS:
        table.add(row)
    return table


def test_rows_come_back(table: BoxTable) -> None:
    assert table.targets() == [0, 1]
    assert list(table.rows(0)) == [ROWS[0], ROWS[2]]
    assert list(table.rows(1)) == [ROWS[1], ROWS[3]]


def test_coco(table: BoxTable) -> None:
    out = io.StringIO()
    write_coco(out, VideoInfo('my "clips"/a b.mp4', 640, 360, 10), table)
    document = json.loads(out.getvalue())
    assert document["categories"] == [{"id": 1, "name": "target"}]
    assert document["images"] == [{"id": n, "file_name": f"a b.mp4/{n:06d}.jpg", "width": 640, "height": 360} for n in (3, 4)]
    assert [(one["id"], one["image_id"], one["track_id"], one["bbox"]) for one in document["annotations"]] == [
        (1, 3, 0, [1.5, 2, 3, 4]),
        (2, 3, 1, [10, 20, 30, 40]),
        (3, 4, 1, [11, 20, 30, 40]),
    ]
    assert document["annotations"][0] == {
        "id": 1, "image_id": 3, "category_id": 1, "track_id": 0, "bbox": [1.5, 2, 3, 4], "area": 12, "iscrowd": 0, "score": 0.5,
        "state": "tracked",
    }  # fmt: skip


def test_coco_loads_in_pycocotools(table: BoxTable, tmp_path: object) -> None:
    coco = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed").COCO()
    out = io.StringIO()
    write_coco(out, VideoInfo("clip.mp4", 640, 360), table)
    coco.dataset = json.loads(out.getvalue())
    coco.createIndex()
    assert len(coco.getAnnIds(imgIds=[3])) == 2


def test_cvat(table: BoxTable) -> None:
    out = io.StringIO()
    write_cvat(out, VideoInfo("a<b>&.mp4", 640, 360, 10), table)
    root = ElementTree.fromstring(out.getvalue().encode())
    assert root.findtext("version") == "1.1"
    assert root.findtext("meta/task/name") == "a<b>&.mp4"
    assert root.findtext("meta/task/size") == "10"
    assert root.findtext("meta/task/original_size/width") == "640"
    tracks = root.findall("track")
    assert [track.get("id") for track in tracks] == ["0", "1"]
    boxes = [[(box.get("frame"), box.get("outside")) for box in track] for track in tracks]
    assert boxes == [[("3", "0"), ("4", "1")], [("3", "0"), ("4", "0"), ("5", "1")]]
    first = tracks[0][0]
    assert [first.get(edge) for edge in ("xtl", "ytl", "xbr", "ybr")] == ["1.5", "2", "4.5", "6"]
    assert first.get("keyframe") == "1"


@pytest.mark.parametrize("count", [5, None, 2])
def test_cvat_needs_no_end_where_the_video_ends(table: BoxTable, count: int | None) -> None:
    out = io.StringIO()
    write_cvat(out, VideoInfo("clip.mp4", 640, 360, count), table)
    root = ElementTree.fromstring(out.getvalue())
    assert root.findtext("meta/task/stop_frame") == "4"
    assert [box.get("frame") for box in root.findall("track/box")] == ["3", "4", "3", "4"]


def test_coco_names_the_images_that_were_read(table: BoxTable) -> None:
    out = io.StringIO()
    write_coco(out, VideoInfo("walk", 640, 360, 5, tuple(f"img{number}.png" for number in range(1, 6))), table)
    assert [(one["id"], one["file_name"]) for one in json.loads(out.getvalue())["images"]] == [(3, "img4.png"), (4, "img5.png")]


def path_of(kind: str) -> list[BoxRow]:
    numbers = range(60)
    places = {
        "still": [(5.0, 5.0) for _ in numbers],
        "straight": [(2.0 * n, 1.0 * n) for n in numbers],
        "corner": [(2.0 * min(n, 30), 2.0 * max(n - 30, 0)) for n in numbers],
        "circle": [(50 + 40 * math.cos(n / 9), 50 + 40 * math.sin(n / 9)) for n in numbers],
        "noise": [(random.Random(n).uniform(0, 3), 4.0) for n in numbers],
    }[kind]
    return [BoxRow(n, 0, x, y, 20 + n / 7, 10.0, 1.0, "tracked") for n, (x, y) in zip(numbers, places, strict=True)]


@pytest.mark.parametrize(("kind", "most"), [("still", 2), ("straight", 2), ("corner", 4), ("circle", 25), ("noise", 60)])
def test_lines_between_key_frames_stay_within_half_a_pixel(kind: str, most: int) -> None:
    rows = path_of(kind)
    keys = list(key_frames(rows))
    assert len(keys) <= most
    assert (keys[0], keys[-1]) == (rows[0], rows[-1])
    for row in rows:
        before = max(key for key in keys if key.frame <= row.frame)
        after = min(key for key in keys if key.frame >= row.frame)
        part = (row.frame - before.frame) / max(after.frame - before.frame, 1)
        for edges in (lambda box: (box.x, box.y), lambda box: (box.x + box.w, box.y + box.h)):
            line = [a + part * (b - a) for a, b in zip(edges(before), edges(after), strict=True)]
            assert line == pytest.approx(edges(row), abs=0.4995)


@pytest.mark.parametrize(
    ("states", "frames"),
    [
        ("ttttt", [0, 4]),
        ("ttltt", [0, 1, 2, 3, 4]),
        ("tlllt", [0, 1, 4]),
        ("lllll", [0]),
        ("tttll", [0, 2, 3]),
        ("llttt", [0, 2, 4]),
    ],
)
def test_key_frames_stand_where_a_target_appears_and_where_it_is_lost(states: str, frames: list[int]) -> None:
    rows = [BoxRow(n, 0, 2.0 * n, 0, 5, 5, 1, "lost" if state == "l" else "tracked") for n, state in enumerate(states)]
    assert [row.frame for row in key_frames(rows)] == frames


def test_a_name_that_xml_cannot_hold_is_written_all_the_same(table: BoxTable) -> None:
    out = io.StringIO()
    write_cvat(out, VideoInfo("a\x1b\udcff<.mp4", 640, 360, 10), table)
    assert ElementTree.fromstring(out.getvalue().encode()).findtext("meta/task/name") == "a\\x1b\\xff<.mp4"


def test_long_videos_stay_small() -> None:
    tracemalloc.start()
    table = BoxTable()
    for frame in range(20_000):
        table.add(ROWS[0]._replace(frame=frame))
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size < 20_000 * 56 * 1.25 + 10_000


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(12.5, 3, "12.5"), (100.0, 3, "100"), (0.0004, 3, "0"), (-0.0004, 3, "0"), (-1.25, 1, "-1.2"), (1e6, 3, "1000000"), (0.99996, 4, "1")],
)
def test_decimal(value: float, digits: int, text: str) -> None:
    assert decimal(value, digits) == text
