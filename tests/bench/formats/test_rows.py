"""Lines of result files, however they are written."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, strategies as st

from lockon.bench.formats.rows import BOX, CODE, NOTHING, WRONG, parse_rows, read_numbers, read_rows
from lockon.errors import LockonError

NAN = float("nan")


@pytest.mark.parametrize(
    "line",
    ["1,2,3,4", "1\t2\t3\t4", "1 2 3 4", "1, 2,\t3 ,4", "  1;2;3;4  ", "1,2,3,4,", "1.0e0,2.,3,4.000", "+1,2,3,4\r"],
)
def test_any_separator(line):
    rows = parse_rows(f"{line}\n{line}\n", "a.txt")
    np.testing.assert_array_equal(rows.boxes, [[1, 2, 3, 4]] * 2)
    assert rows.notes == ()
    assert rows.kinds.tolist() == [BOX, BOX]


@pytest.mark.parametrize("line", ["", "   ", "NaN", "nan,nan,nan,nan", "NaN NaN NaN NaN", ",,,"])
def test_a_frame_without_a_box(line):
    rows = parse_rows(f"1,2,3,4\n{line}\n5,6,7,8\n", "a.txt")
    np.testing.assert_array_equal(rows.boxes, [[1, 2, 3, 4], [NAN] * 4, [5, 6, 7, 8]])
    assert rows.kinds[1] == NOTHING
    assert rows.notes == ()


@pytest.mark.parametrize(
    ("line", "trap", "text"),
    [
        ("1|2|3|4", "unreadable", "line 2 cannot be read"),
        ("6_5,2,3,4", "unreadable", "line 2 says '6_5,2,3,4'"),
        ("1,2,3", "unreadable", "line 2 says '1,2,3'"),
        ("1,2,3,4,5", "unreadable", "expected 4 (x, y, w, h), 6 (frame, x, y, w, h, lost), 8 (four corners) numbers"),
        ("1,2,3,four", "unreadable", "count as frames without a box"),
        ("7", "unreadable", "line 2 says '7'"),
        ("0.1,0.2,0.3,0.4,0.5,0.6", "unreadable", "line 2"),  # the affine parameters of old trackers are no box
        ("1,2,nan,4", "half-empty", "NaN or infinite in some of the numbers of line 2"),
        ("1,2,3,inf", "half-empty", "line 2"),
        ("m1,2,x", "unreadable", "m1,2,x"),
    ],
)
def test_a_bad_line_is_named_and_has_no_box(line, trap, text):
    rows = parse_rows(f"1,2,3,4\n{line}\n5,6,7,8\n", "run/a.txt")
    (note,) = rows.notes
    assert note.trap == trap
    assert note.where == "run/a.txt"
    assert text in note.text
    assert np.isnan(rows.boxes[1]).all()
    assert rows.kinds[1] == (WRONG if trap == "unreadable" else NOTHING)
    np.testing.assert_array_equal(rows.boxes[[0, 2]], [[1, 2, 3, 4], [5, 6, 7, 8]])


def test_bad_lines_are_listed_as_ranges():
    (note,) = parse_rows("1,2,3,4\n" + "?\n" * 4 + "1,2,3,4\n?\n", "a.txt").notes
    assert "lines 2-5, 7 cannot be read" in note.text


@pytest.mark.parametrize("text", ["", "\n\n \n"])
def test_an_empty_file_is_an_error(text):
    with pytest.raises(LockonError, match=r"a\.txt is empty; expected one line of x,y,w,h per frame"):
        parse_rows(text, "a.txt")


def test_a_file_without_a_readable_line_is_an_error():
    with pytest.raises(LockonError, match=r"a\.txt:1: no line can be read; .* separated by commas, tabs or blanks, found '1\|2\|3\|4'"):
        parse_rows("1|2|3|4\n2|3|4|5\n", "a.txt")


@pytest.mark.parametrize("head", ["x,y,w,h", "frame x y width height", "# x y w h"])
def test_a_heading_is_no_frame(head):
    rows = parse_rows(f"{head}\n1,2,3,4\n5,6,7,8\n", "a.txt")
    assert len(rows) == 2
    assert [note.trap for note in rows.notes] == ["heading"]


PLAIN = "1.5,2,3,4\nnan,nan,nan,nan\n5,6,7,8\n"


@pytest.mark.parametrize(
    "text",
    [
        "frame,x,y,w,h\n0,1.5,2,3,4\n2,5,6,7,8\n",
        "\ufeffframe,x,y,w,h\r\n1,1.5,2,3,4\r\n3,5,6,7,8\r\n",
        '"h","w","y","x","score"\n4,3,2,1.5,1\nnan\n8,7,6,5\n',
        "frame,target,x,y,w,h,score,state\n0,0,1.5,2,3,4,1,tracked\n2,0,5,6,7,8,0.5,uncertain\n",
        "1.5,2,3,4,0.9\nnan,nan,nan,nan,0\n5,6,7,8,1\n",
        "0 1.5 2 3 4\n2 5 6 7 8\n",
        "1,1,1.5,2,3,4,1\n3,1,5,6,7,8,1\n",
        "1,1,1.5,2,3,4,1,-1,-1,-1\n3,1,5,6,7,8,1,-1,-1,-1\n",
        "1,1,1.5,2,3,4,1,1,1\n3,1,5,6,7,8,1,1,1\n",
        "1,1,1.5,2,3,4\n3,1,5,6,7,8\n",
        "frame,id,bb_left,bb_top,bb_width,bb_height,conf,x,y,z\n1,1,1.5,2,3,4,1,-1,-1,-1\n3,1,5,6,7,8,1,-1,-1,-1\n",
    ],
)
def test_columns_of_one_target_are_read_as_refine_reads_them(text):
    rows, plain = parse_rows(text.removeprefix("\ufeff"), "a.txt"), parse_rows(PLAIN, "a.txt")
    np.testing.assert_array_equal(rows.boxes, plain.boxes)
    assert rows.kinds.tolist() == plain.kinds.tolist()
    assert [note.trap for note in rows.notes] == (["heading"] if "x" in text else [])


@pytest.mark.parametrize("heading", ["x,y,w,h,x", "x,y,w,w", "frame,x,y,w,h,h"])
def test_a_column_that_stands_twice_is_refused(heading):
    with pytest.raises(LockonError, match=r"^a\.txt: the column . stands twice"):
        parse_rows(f"{heading}\n1,2,3,4,5,6\n", "a.txt")


def test_lost_rows_of_lockon_are_lost():
    rows = parse_rows("frame,target,x,y,w,h,score,state\n0,0,1,2,3,4,1,tracked\n1,0,1,2,3,4,0,lost\n", "a.csv")
    assert rows.lost.tolist() == [False, True]


def test_lines_that_fit_no_column_are_named():
    rows = parse_rows("x,y,w,h\n1,2,3,4\n5,6,7,inf\n5,6,7,8\n", "a.txt")
    assert rows.kinds.tolist() == [BOX, WRONG, BOX]
    assert "line 3: NaN, infinite or huge in some" in rows.notes[1].text
    with pytest.raises(LockonError, match="several targets"):
        parse_rows("1,1,2,3,4,5,1\n1,2,2,3,4,5,1\n", "a.txt")
    with pytest.raises(LockonError, match="expected frames of one video"):
        parse_rows("frame,x,y,w,h\n1,2,3,4,5\n900000000,2,3,4,5\n", "a.txt")


def test_line_numbers_count_the_heading():
    rows = parse_rows("x,y,w,h\n1,2,3,4\n?\n", "a.txt")
    assert "line 3 cannot" in rows.notes[1].text


def test_six_numbers_are_frame_box_lost():
    rows = parse_rows("1,10,20,30,40,0\n2,11,21,30,40,1\n", "a.txt")
    np.testing.assert_array_equal(rows.boxes, [[10, 20, 30, 40], [11, 21, 30, 40]])
    assert rows.lost.tolist() == [False, True]


def test_eight_numbers_are_corners():
    rows = parse_rows("1,1,5,1,5,4,1,4\n0,0,4,3\n", "a.txt")
    np.testing.assert_array_equal(rows.boxes, [[1, 1, 4, 3], [0, 0, 4, 3]])
    assert rows.polygons is not None
    np.testing.assert_array_equal(rows.polygons, [[1, 1, 5, 1, 5, 4, 1, 4], [NAN] * 8])


@pytest.mark.parametrize("heading", ["", "x1,y1,x2,y2,x3,y3,x4,y4\n"])
@pytest.mark.parametrize("corners", ["100.5,50,150,50,150,90,100,90", "100,50,150,50,150,90,100,90", "1,50,41,50,41,90,1,90"])
def test_corners_stay_corners_and_mot_lines_of_eight_numbers_are_none(corners, heading):
    rows = parse_rows(f"{heading}{corners}\n" * (not heading) + f"{heading}{corners}\n{corners}\n", "a.txt")
    assert rows.polygons is not None
    assert rows.polygons[-1].tolist() == [float(number) for number in corners.split(",")]
    mot = parse_rows("".join(f"{frame},1,500,300,50,100,1,-1\n" for frame in range(1, 9)), "a.txt")
    assert mot.polygons is None
    assert mot.boxes[7].tolist() == [500, 300, 50, 100]


@pytest.mark.parametrize("lines", ["1\n5,5,2,2\n2\n0\n", "1.0\n5,5,2,2\n2.0\n0.0\n"])
def test_codes(lines):
    rows = parse_rows(lines, "a.txt")
    assert rows.kinds.tolist() == [CODE, BOX, CODE, CODE]
    assert rows.codes.tolist() == [1, -1, 2, 0]


def test_masks():
    rows = parse_rows("1\nm10,20,4,3,1,2,2,2\nm0,0,0,0,0\n", "a.txt")
    # 4 wide: row 0 is .XX. and row 1 is .XX.
    np.testing.assert_array_equal(rows.boxes[1], [11, 20, 2, 2])
    assert rows.masks == (None, "m10,20,4,3,1,2,2,2", None)
    assert rows.kinds.tolist() == [CODE, BOX, NOTHING]


def test_take_repeats_and_reorders():
    rows = parse_rows("1,1,5,1,5,4,1,4\n0,0,4,3\nNaN\n", "a.txt").take(np.array([1, 1, 0]))
    np.testing.assert_array_equal(rows.boxes, [[0, 0, 4, 3], [0, 0, 4, 3], [1, 1, 4, 3]])


def test_binary_file(tmp_path):
    path = tmp_path / "a_001.bin"
    rectangle, corners = (1.5, 2.25, 3.0, 4.0), (0.0, 0.0, 4.0, 0.0, 4.0, 2.0, 0.0, 2.0)
    content = struct.pack("<hI", 1, 5) + struct.pack("<BI", 0, 1) + struct.pack("<B4f", 1, *rectangle)
    content += struct.pack("<BH8f", 2, 4, *corners) + struct.pack("<BhhHHH2H", 3, 7, 8, 3, 1, 2, 1, 2) + struct.pack("<BI", 0, 2)
    path.write_bytes(content)
    rows = read_rows(path)
    assert rows.codes.tolist() == [1, -1, -1, -1, 2]
    np.testing.assert_array_equal(rows.boxes[1:4], [rectangle, [0, 0, 4, 2], [8, 8, 2, 1]])
    assert rows.masks is not None
    assert rows.masks[3] == "m7,8,3,1,1,2"


@pytest.mark.parametrize(
    "content", [b"", b"\x01", b"1,2,3,4\n", struct.pack("<hI", 1, 2) + struct.pack("<BI", 0, 1), struct.pack("<hIB", 1, 1, 9)]
)
def test_broken_binary_file_is_an_error(tmp_path, content):
    path = tmp_path / "a_001.bin"
    path.write_bytes(content)
    with pytest.raises(LockonError, match="no binary result of the VOT toolkit"):
        read_rows(path)


def test_numbers_beside_the_boxes(tmp_path):
    path = tmp_path / "a_time.txt"
    path.write_text("0.1,0.2\n0.3\n\nx,0.5\n")
    np.testing.assert_array_equal(read_numbers(path), [[0.1, 0.2], [0.3, NAN], [NAN, NAN], [NAN, 0.5]])


numbers = st.floats(-1e5, 1e5).map(lambda value: round(value, 4))


@given(st.lists(st.tuples(numbers, numbers, numbers, numbers), min_size=1, max_size=20), st.sampled_from([",", "\t", " ", " , ", "; "]))
def test_whatever_is_written_is_read(boxes, separator):
    rows = parse_rows("".join(separator.join(map(repr, box)) + "\n" for box in boxes), "a.txt")
    np.testing.assert_array_equal(rows.boxes, boxes)
    assert rows.notes == ()


@given(st.text(alphabet="0123456789.,-+eE nNaA\t\n;xm|", max_size=80))
def test_any_text_gives_rows_or_one_error(text):
    try:
        rows = parse_rows(text, "a.txt")
    except LockonError:
        return
    assert len(rows.boxes) == len(rows.kinds) == len(rows.codes) == len(rows.blank) == len(rows.lost)
    assert np.isfinite(rows.boxes[rows.kinds == BOX]).all()
    assert np.isnan(rows.boxes[rows.kinds != BOX]).all()
