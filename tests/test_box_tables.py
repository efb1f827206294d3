"""Text files of boxes, however they are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockon.annotations import BoxRow, read_boxes
from lockon.errors import LockonError, LockonWarning

TWO = [BoxRow(0, 0, 1.5, 2, 3, 4, 1, "tracked"), BoxRow(2, 0, 5, 6, 7, 8, 1, "tracked")]


def read(folder: Path, content: str | bytes, name: str = "boxes.csv") -> list[BoxRow]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_boxes(path)


@pytest.mark.parametrize(
    "text",
    [
        "frame,target,x,y,w,h,score,state\n0,0,1.5,2,3,4,1,tracked\n2,0,5,6,7,8,1,tracked\n",
        "frame,x,y,w,h\n0,1.5,2,3,4\n2,5,6,7,8",
        "\ufeffframe,x,y,w,h\r\n0,1.5,2,3,4\r\n2,5,6,7,8\r\n",
        '"frame","x","y","w","h"\n"0","1.5","2","3","4"\n"2","5","6","7","8"\n',
        'h,w,y,x,note,frame\n4,3,2,1.5,"a, b",0\n8,7,6,5,,2\n',
        "Frame; X; Y; Width; Height\n0; 1.5; 2; 3; 4\n2; 5; 6; 7; 8\n",
        "frame\tx\ty\tw\th\n0\t1.5\t2\t3\t4\n2\t5\t6\t7\t8\n",
        "# frame x y w h\n0 1.5  2 3 4\n\n2 5 6 7 8\n",
        "0,1.5,2,3,4\n2,5,6,7,8\n",
        "0,0,1.5,2,3,4,1,tracked\n2,0,5,6,7,8,1,tracked\n",
        "frame,id,bb_left,bb_top,bb_width,bb_height,conf,x,y,z\n1,1,2.5,3,3,4,1,-1,-1,-1\n3,1,6,7,7,8,-1,-1,-1,-1\n",
        "frame,x,y,w,h,score,target,state\n0.0,1.5,2,3,4,,,\n2,5,6,7,8,1.0,0,\n",
    ],
)
def test_columns_go_by_their_names_in_any_dialect(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == TWO


@pytest.mark.parametrize("width", [6, 7, 8, 9, 10])
@pytest.mark.parametrize("separator", [",", " ", "\t", ", "])
def test_mot_files_have_six_to_ten_columns(tmp_path: Path, width: int, separator: str) -> None:
    lines = [["1", "1", "2.5", "3", "3", "4", "1", "-1", "-1", "-1"], ["3", "1", "6", "7", "7", "8", "1", "-1", "-1", "-1"]]
    assert read(tmp_path, "\n".join(separator.join(fields[:width]) for fields in lines), "boxes.txt") == TWO


def test_mot_detections_have_no_numbers_of_targets(tmp_path: Path) -> None:
    assert read(tmp_path, "1,-1,2.5,3,3,4,0.5\n3,-1,6,7,7,8,0.875\n", "det.txt") == [
        TWO[0]._replace(score=0.5),
        TWO[1]._replace(score=0.875),
    ]


@pytest.mark.parametrize(
    ("name", "text", "line", "scores"),
    [
        ("boxes.csv", "x,y,w,h,score\n1,2,3,4,17\n1,2,3,4,0.5\n1,2,3,4,NaN\n", 2, [1, 0.5, 1]),
        ("boxes.csv", "frame,x,y,w,h,conf\n0,1,2,3,4,0.5\n1,1,2,3,4,-0.5\n2,1,2,3,4,inf\n", 3, [0.5, 0, 1]),
        ("det.txt", "1,-1,2.5,3,3,4,0.5\n3,-1,6,7,7,8,87.5\n5,-1,6,7,7,8,99\n", 2, [0.5, 1, 1]),
        ("boxes.jsonl", '{"frame":0,"box":[1,2,3,4],"score":12}\n{"frame":1,"box":[1,2,3,4],"score":33}\n', 1, [1, 1]),
    ],
)
def test_scores_outside_zero_to_one_are_told_once(tmp_path: Path, name: str, text: str, line: int, scores: list[float]) -> None:
    with pytest.warns(LockonWarning, match=rf"2 scores are not from 0 to 1, the first in line {line}; .* divided by 100") as caught:
        assert [row.score for row in read(tmp_path, text, name)] == scores
    assert len(caught) == 1


@pytest.mark.parametrize(
    ("heading", "message"),
    [
        ("x,y,w,h,x", "the column x stands twice"),
        ("frame,x,y,w,h,Frame", "the column frame stands twice"),
        ('"w";"x";"y";"w";"h"', "the column w stands twice"),
        ("frame,id,bb_left,bb_top,bb_width,bb_height,conf,bb_top", "the column bb_top stands twice"),
        ("left,bbox_x,y,w,h", "the columns left and bbox_x both say x; rename one of them to x"),
        ("frame,id,track_id,x,y,w,h", "the columns id and track_id both say target"),
        ("frame,x,y,w,h,score,score", "the column score stands twice"),
        ("x1,y1,x2,y2,x3,y3,x4,y4,y4", "the column y4 stands twice"),
    ],
)
def test_a_column_that_stands_twice_is_refused(tmp_path: Path, heading: str, message: str) -> None:
    with pytest.raises(LockonError, match=message):
        read(tmp_path, f"{heading}\n1,2,3,4,5,6,7,8,9\n")


def test_other_columns_may_have_the_names_of_something_else(tmp_path: Path) -> None:
    (row,) = read(tmp_path, "frame,x,y,w,h,width,height,note,note\n0,1,2,3,4,640,480,a,b\n")
    assert (row.w, row.h) == (3, 4)


@pytest.mark.parametrize("field", ["6_5", "1_0.5", "1e1_0", "\u0663", "\uff11\uff12"])
def test_numbers_for_python_alone_are_none(tmp_path: Path, field: str) -> None:
    for text in (f"x,y,w,h\n1,2,3,4\n{field},2,3,4\n", f"frame,x,y,w,h\n0,1,2,3,4\n{field},2,3,4,5\n"):
        with pytest.raises(LockonError, match="line 3 is malformed"):
            read(tmp_path, text)
    with pytest.raises(LockonError, match="line 1 is malformed"):
        read(tmp_path, f'{{"frame":0,"box":["{field}",2,3,4]}}\n', "boxes.jsonl")


POLYGONS = [[100.5, 50, 150, 50, 150, 90, 100.5, 90], [100, 50, 140, 60, 130, 100, 90, 90], [10, 40, 10, 20, 30, 20, 30, 40]]


def polygon_lines(polygon: list[float], step: float, count: int = 5) -> str:
    return "\n".join(",".join(f"{value + step * frame:g}" for value in polygon) for frame in range(count))


@pytest.mark.parametrize("name", ["groundtruth.txt", "groundtruth.csv"])
@pytest.mark.parametrize("step", [0, 1, 0.25, -2])
@pytest.mark.parametrize("polygon", POLYGONS)
def test_corners_of_polygons_are_no_mot_lines(tmp_path: Path, polygon: list[float], step: float, name: str) -> None:
    rows = read(tmp_path, polygon_lines(polygon, step), name)
    assert [row.frame for row in rows] == list(range(5))
    left, top = min(polygon[::2]), min(polygon[1::2])
    assert rows[0][2:6] == (left, top, max(polygon[::2]) - left, max(polygon[1::2]) - top)
    assert rows[4].x == left + 4 * step
    nothing = "\n".join([polygon_lines(polygon, step, 2), ",".join(["nan"] * 8), ",".join("0" * 8), polygon_lines(polygon, step, 1)])
    if step:
        assert [row.state for row in read(tmp_path, nothing, name)] == ["tracked", "tracked", "lost", "lost", "tracked"]


@pytest.mark.parametrize("first", [1, 300])
@pytest.mark.parametrize("end", ["1,-1", "0.5,1", "-1,-1", "0,3"])
def test_mot_lines_of_eight_numbers_are_no_polygons(tmp_path: Path, first: int, end: str) -> None:
    text = "".join(f"{first + frame},{target},{500 + frame},300,50,100,{end}\n" for frame in range(20) for target in (1, 2))
    rows = read(tmp_path, text, "mot.txt")
    assert rows[3][:6] == (first, 1, 500, 299, 50, 100)


@pytest.mark.parametrize(
    "text",
    [
        "1,50,41,51,40,91,0,90\n1,51,41,52,40,92,0,91\n",  # at the left border
        "7,1,500,300,50,100,87,1\n8,1,500,300,50,100,86,1\n",  # whole numbers, but no score
        "".join(f"{frame},1,500,300,50,100,87,1\n" for frame in range(1, 400)),
    ],
)
def test_eight_numbers_that_could_be_both_ask_for_a_heading(tmp_path: Path, text: str) -> None:
    with pytest.raises(LockonError, match=r"8 numbers without a heading, .* x1,y1,x2,y2,x3,y3,x4,y4"):
        read(tmp_path, text, "boxes.txt")
    corners = read(tmp_path, f"x1,y1,x2,y2,x3,y3,x4,y4\n{text}", "boxes.txt")
    assert [row.frame for row in corners] == list(range(text.count("\n")))


@pytest.mark.parametrize("name", ["boxes.csv", "boxes.txt"])
@pytest.mark.parametrize(
    "text",
    [
        "x,y,w,h\n1.5,2,3,4\n\n5,6,7,8\n",
        "1.5,2,3,4\nnan,nan,nan,nan\n5,6,7,8,\n",
        "1.5,2,3,4\nNaN\n5,6,7,8\n",
        "1.5 2\t3 4\n0 0 0 0\n5;6;7;8",
    ],
)
def test_plain_boxes_are_one_line_per_frame(tmp_path: Path, text: str, name: str) -> None:
    first, none, last = read(tmp_path, text, name)
    assert [first, last] == TWO
    assert (none.frame, none.state) == (1, "lost")
    assert none.is_empty


def test_a_fifth_number_up_to_one_is_a_score(tmp_path: Path) -> None:
    assert [row.score for row in read(tmp_path, "10,2,3,4,0.5\n11,2,3,4,0.25\n")] == [0.5, 0.25]
    with pytest.raises(LockonError, match="5 columns without a heading"):
        read(tmp_path, "10,2,3,4,5\n10,2,3,4,7\n")


@pytest.mark.parametrize("box", ["0,0,0,0", "-1,-1,-1,-1", "NaN,nan,nan,nan", ",,,", "5,5,0,7", "5,5,7,-2"])
def test_no_box_is_lost(tmp_path: Path, box: str) -> None:
    row = read(tmp_path, f"frame,x,y,w,h,state\n0,1,2,3,4,tracked\n1,{box},tracked\n")[1]
    assert (row.state, row.is_empty) == ("lost", True)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1,2,3", "line 3 is malformed: expected frame,x,y,w,h, found '1,2,3'"),
        ("0,1,2,3,4", "line 3 is malformed: frame 0 was given before, in line 2"),
        ("0.5,1,2,3,4", "line 3 is malformed: expected a whole frame number"),
        ("-1,1,2,3,4", "line 3 is malformed: frame -1"),
        ("1e400,1,2,3,4", "line 3 is malformed: expected a whole frame number"),
        ("9" * 5000 + ",1,2,3,4", "line 3 is malformed: expected a whole frame number"),
        ("1,1,2,1e999,4", "line 3 is malformed: NaN, infinite or huge in some"),
        ("1,nan,2,3,4", "line 3 is malformed: NaN, infinite or huge in some"),
        ("1,one,2,3,4", "line 3 is malformed: expected frame,x,y,w,h, found '1,one,2,3,4'"),
        ("1," + "7" * 2_000_000 + ",2,3,4", "line 3 is malformed: field larger than field limit"),
        ('1,"2,2,3,4', "line 3 is malformed: unexpected end of data"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_line(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(LockonError, match=r"boxes\.csv") as caught:
        read(tmp_path, f"frame,x,y,w,h\n0,1,2,3,4\n{line}\n")
    assert message in str(caught.value)
    assert len(str(caught.value)) < 300 + len(str(tmp_path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"frame,x,y,w,h\n0,1,2,3,4\n1,2,3,4,\xff\n", "line 3 is not UTF-8"),
        ("frame,x,y,w,h\n".encode("utf-16"), "line 1 is not UTF-8"),
        ("frame,x1,y1,x2,y2\n0,1,2,3,4\n", "malformed"),
        ("frame,x,y,x2,y2\n0,1,2,3,4\n", "expected a heading with the columns x,y,w,h"),
        ("1,1,2,3,4,5\n", "6 columns without a heading"),
        ("1,2,3,4,5,6,7,8,9,10,11\n", "11 columns without a heading"),
        ("frame,x,y,w,h,state\n0,1,2,3,4,found\n", "state 'found', expected one of tracked, uncertain, lost"),
    ],
)
def test_a_file_of_something_else_is_one_line(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(LockonError, match=message):
        read(tmp_path, content)


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('{"frame":1,"box":[1,2,3,4],"box":[5,6,7,8]}', "box"),
        ('{"frame":1,"frame":2,"box":[1,2,3,4]}', "frame"),
        ('{"frame":1,"box":[1,2,3,4],"note":{"a":1,"a":1}}', "a"),
        ('{"frame":1,"target":0,"target":0,"box":null}', "target"),
    ],
)
def test_a_key_that_a_json_line_gives_twice_is_one_line(tmp_path: Path, line: str, key: str) -> None:
    with pytest.raises(LockonError, match=rf"boxes\.jsonl line 2 is malformed: the key '{key}' is given twice; correct or remove it$"):
        read(tmp_path, f'{{"frame":0,"box":[1,2,3,4]}}\n{line}\n', "boxes.jsonl")


def test_json_lines_need_a_frame_and_a_box(tmp_path: Path) -> None:
    rows = read(
        tmp_path, '{"frame":0,"box":[1.5,2,3,4]}\n{"frame":2,"box":[5,6,7,8],"score":null}\n{"frame":3,"box":null}\n', "boxes.jsonl"
    )
    assert rows[:2] == TWO
    assert rows[2].state == "lost"
