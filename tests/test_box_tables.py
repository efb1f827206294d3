"""Text files of boxes, however they are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockon.annotations import BoxRow, read_boxes
from lockon.errors import LockonError

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
        "frame,x,y,w,h,score,target,state\n0.0,1.5,2,3,4,,,\n2,5,6,7,8,1.7,0,\n",
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
    assert read(tmp_path, "1,-1,2.5,3,3,4,0.5\n3,-1,6,7,7,8,87.5\n", "det.txt") == [TWO[0]._replace(score=0.5), TWO[1]]


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


def test_json_lines_need_a_frame_and_a_box(tmp_path: Path) -> None:
    rows = read(
        tmp_path, '{"frame":0,"box":[1.5,2,3,4]}\n{"frame":2,"box":[5,6,7,8],"score":null}\n{"frame":3,"box":null}\n', "boxes.jsonl"
    )
    assert rows[:2] == TWO
    assert rows[2].state == "lost"
