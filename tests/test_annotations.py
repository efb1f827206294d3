from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from lockon.annotations import BoxRow, BoxWriter, VideoInfo, format_of, read_boxes
from lockon.errors import LockonError
from lockon.types import Result, State

INFO = VideoInfo("clips/clip.mp4", 640, 360, 10)
TWO = Result(np.array([[1.5, 2, 3, 4], [10, 20, 30.25, 40.0004]]), np.array([0.5, 0.123456]), ("tracked", "lost"))

EXPECTED = {
    "csv": "frame,target,x,y,w,h,score,state\n7,0,1.5,2,3,4,0.5,tracked\n7,1,10,20,30.25,40,0.1235,lost\n",
    "jsonl": '{"frame":7,"target":0,"box":[1.5,2,3,4],"score":0.5,"state":"tracked"}\n'
    '{"frame":7,"target":1,"box":[10,20,30.25,40],"score":0.1235,"state":"lost"}\n',
    "mot": "8,1,2.5,3,3,4,0.5,-1,-1,-1\n8,2,11,21,30.25,40,0,-1,-1,-1\n",
}


@pytest.mark.parametrize("format", EXPECTED)
def test_lines(format: str) -> None:
    out = io.StringIO()
    with BoxWriter(out, INFO, format) as writer:
        writer.write(7, TWO)
        assert out.getvalue() == EXPECTED[format], "written as they come"
    assert out.getvalue() == EXPECTED[format]


@pytest.mark.parametrize("name", ["boxes.csv", "boxes.jsonl", "boxes.txt", "boxes.json", "boxes.xml"])
def test_files_appear_when_they_are_complete(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    writer = BoxWriter(path, INFO)
    writer.write(0, TWO)
    assert not path.exists()
    writer.close()
    writer.close()
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_size > 50


def test_an_error_midway_keeps_what_was_written(tmp_path: Path) -> None:
    def work() -> None:
        with BoxWriter(tmp_path / "boxes.csv", INFO) as writer:
            writer.write(0, TWO)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert len(list(read_boxes(tmp_path / "boxes.csv"))) == 2


@pytest.mark.parametrize("name", ["boxes.csv", "boxes.json", "boxes.xml"])
def test_no_boxes_no_file(tmp_path: Path, name: str) -> None:
    BoxWriter(tmp_path / name, INFO).close()
    assert list(tmp_path.iterdir()) == []


coordinate = st.floats(-1e5, 1e5, allow_nan=False)
length = st.floats(0.001, 1e5, allow_nan=False)
rows = st.lists(
    st.tuples(
        st.integers(0, 10**6), coordinate, coordinate, length, length, st.floats(0, 1), st.sampled_from(["tracked", "uncertain", "lost"])
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda row: row[0],
)


@settings(deadline=None)
@given(rows, st.sampled_from(["csv", "jsonl", "mot"]))
def test_boxes_that_are_written_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, float, float, float, float, float, State]], format: str
) -> None:
    path = tmp_path_factory.mktemp("boxes") / "boxes.any"
    with BoxWriter(path, INFO, format) as writer:
        for frame, x, y, w, h, score, state in rows:
            writer.write(frame, Result(np.array([x, y, w, h]), score, state))
    read = list(read_boxes(path, format))
    assert [row.frame for row in read] == [row[0] for row in rows]
    for back, (_, x, y, w, h, score, state) in zip(read, rows, strict=True):
        assert back.target == 0
        assert (back.x, back.y, back.w, back.h) == pytest.approx((x, y, w, h), abs=0.000501)
        if format == "mot":
            assert back.state == ("lost" if state == "lost" or score < 0.00005 else "tracked")
        else:
            assert back.state == state
            assert back.score == pytest.approx(score, abs=0.0000501)


def test_formats_by_suffix() -> None:
    assert [format_of(name) for name in ("A.CSV", "b.ndjson", "c.txt", "d.json", "e.xml")] == ["csv", "jsonl", "mot", "coco", "cvat"]
    assert format_of("a.csv", "mot") == "mot"
    with pytest.raises(LockonError, match=r"the suffix of a\.bin does not name a box format; use one of"):
        format_of("a.bin")
    with pytest.raises(LockonError, match="did you mean 'jsonl'"):
        format_of("a.csv", "jsonlines")


def test_unwritable_folders_fail_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LockonError, match="cannot write"):
        BoxWriter(tmp_path / "file" / "boxes.csv", INFO)


MALFORMED = {
    "csv": [
        "1,0,2,3,4",
        "7,0,1,2,3,4,1,lost",
        "8,0,1,2,inf,4,1,lost",
        f"8,0,{10**400},2,3,4,1,lost",
        f"{10**400},0,1,2,3,4,1,lost",
        "1,0,2,3,4,5,0.5,found",
        "a,0,2,3,4,5,0.5,lost",
        "garbage",
    ],
    "jsonl": [
        "{",
        '{"frame":8,"box":[1,2,1e999,4]}',
        f'{{"frame":{10**400},"box":[1,2,3,4]}}',
        '{"frame":1}',
        "[]",
        '{"frame":1,"target":0,"box":[1,2,3],"score":1,"state":"lost"}',
        "3",
    ],
    "mot": ["1,2,3", "1,1,x,1,1,1,1,-1,-1,-1"],
}


@pytest.mark.parametrize(("format", "line"), [(format, line) for format, lines in MALFORMED.items() for line in lines])
def test_malformed_lines_are_named(tmp_path: Path, format: str, line: str) -> None:
    (tmp_path / "boxes.any").write_text(EXPECTED[format] + line + "\n")
    number = EXPECTED[format].count("\n") + 1
    with pytest.raises(LockonError, match=f"line {number} is malformed"):
        list(read_boxes(tmp_path / "boxes.any", format))


@settings(deadline=None)
@given(st.text(max_size=40), st.sampled_from(["csv", "jsonl", "mot"]))
def test_any_text_is_rows_or_one_error(tmp_path_factory: pytest.TempPathFactory, text: str, format: str) -> None:
    path = tmp_path_factory.mktemp("boxes") / "boxes.any"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with contextlib.suppress(LockonError):  # and no other error
        assert all(isinstance(row, BoxRow) for row in read_boxes(path, format))


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(LockonError, match="cannot be read"):
        list(read_boxes(tmp_path / "missing.csv"))
    with pytest.raises(LockonError, match="reading cvat is not supported"):
        read_boxes(tmp_path / "boxes.xml")


BAD = [[np.nan] * 4, [1, 2, np.inf, 4], [1, 2, 0, 4], [1, 2, 3, -4], [1, 2, 3, 0.0004]]


@pytest.mark.parametrize("format", [*EXPECTED, "coco", "cvat"])
@pytest.mark.parametrize("bad", BAD)
def test_a_box_that_is_none_is_written_as_lost_where_the_target_was(bad: list[float], format: str) -> None:
    out = io.StringIO()
    with BoxWriter(out, INFO, format) as writer:
        writer.write(0, Result(np.array([10.0, 20, 30, 40]), 1.5, "tracked"))
        writer.write(1, Result(np.array(bad, dtype=float), np.nan, "tracked"))
        writer.write(2, Result(np.array([11.0, 20, 30, 40]), np.nan, "tracked"))
    text = out.getvalue().lower()
    assert "nan" not in text
    assert "inf" not in text.replace('"info"', "")
    expected = {
        "csv": "1,0,10,20,30,40,1,lost",
        "jsonl": '"frame":1,"target":0,"box":[10,20,30,40],"score":1,"state":"lost"',
        "mot": "2,1,11,21,30,40,0,",
        "coco": '"image_id":2,"category_id":1,"track_id":0,"bbox":[11,20,30,40],"area":1200,"iscrowd":0,"score":1,',
        "cvat": '<box frame="1" keyframe="1" outside="1"',
    }
    assert expected[format] in text
    if format == "coco":
        assert [row["image_id"] for row in json.loads(text)["annotations"]] == [0, 2]


def test_a_target_has_no_row_before_its_first_box() -> None:
    out = io.StringIO()
    with BoxWriter(out, INFO) as writer:
        writer.write(0, Result(np.array([np.nan] * 4), 0.5, "tracked"))
        writer.write(1, Result(np.array([1.0, 2, 3, 4]), 0.5, "tracked"))
    assert out.getvalue().splitlines()[1:] == ["1,0,1,2,3,4,0.5,tracked"]
