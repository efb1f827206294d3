from __future__ import annotations

import io
import json
import tracemalloc
from xml.etree import ElementTree

import pytest

from lockon.annotation_documents import BoxRow, BoxTable, VideoInfo, decimal, write_coco, write_cvat

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
    assert boxes == [[("3", "0"), ("4", "1"), ("5", "1")], [("3", "0"), ("4", "0"), ("5", "1")]]
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
