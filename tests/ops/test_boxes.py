from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from lockon.errors import LockonError, LockonWarning
from lockon.ops import boxes as b

coordinate = st.floats(-1e4, 1e4, allow_nan=False, width=32)
side = st.floats(0, 1e4, width=32)
xywh = st.tuples(coordinate, coordinate, side, side)
xyxy_any = st.tuples(coordinate, coordinate, coordinate, coordinate)  # corners in any order


@pytest.mark.parametrize(
    ("convert", "given_box", "expected"),
    [
        (b.xywh_to_xyxy, [10, 20, 4, 6], [10, 20, 14, 26]),
        (b.xyxy_to_xywh, [10, 20, 14, 26], [10, 20, 4, 6]),
        (b.xywh_to_cxcywh, [10, 20, 4, 6], [12, 23, 4, 6]),
        (b.cxcywh_to_xywh, [12, 23, 4, 6], [10, 20, 4, 6]),
        (b.xyxy_to_cxcywh, [10, 20, 14, 26], [12, 23, 4, 6]),
        (b.cxcywh_to_xyxy, [12, 23, 4, 6], [10, 20, 14, 26]),
    ],
)
def test_conversion_of_one_box_and_of_many(convert, given_box, expected) -> None:
    assert convert(given_box).tolist() == expected
    many = np.tile(np.asarray(given_box, dtype=np.float32), (3, 2, 1))
    kept = many.copy()
    out = convert(many)
    assert out.shape == (3, 2, 4)
    assert out.dtype == np.float32
    assert (out == np.asarray(expected)).all()
    assert (many == kept).all()  # arguments are left alone


@pytest.mark.parametrize(
    ("there", "back"),
    [(b.xywh_to_xyxy, b.xyxy_to_xywh), (b.xywh_to_cxcywh, b.cxcywh_to_xywh), (b.xyxy_to_cxcywh, b.cxcywh_to_xyxy)],
)
@given(box=xyxy_any)
def test_formats_round_trip(there, back, box) -> None:
    np.testing.assert_allclose(back(there(box)), box, atol=1e-8)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([0, 0, 2, 2], [0, 0, 2, 2], 1.0),
        ([0, 0, 2, 2], [1, 0, 3, 2], 1 / 3),
        ([0, 0, 4, 4], [1, 1, 3, 3], 0.25),
        ([0, 0, 2, 2], [2, 0, 4, 2], 0.0),  # they touch
        ([0, 0, 2, 2], [5, 5, 6, 6], 0.0),
        ([1, 1, 1, 1], [1, 1, 1, 1], 0.0),  # no area
        ([2, 2, 0, 0], [0, 0, 2, 2], 0.0),  # corners in the wrong order
    ],
)
def test_iou_table(first, second, expected) -> None:
    assert float(b.iou_xyxy(first, second)) == pytest.approx(expected)


@given(first=xyxy_any, second=xyxy_any)
def test_iou_is_symmetric_bounded_and_never_nan(first, second) -> None:
    value = float(b.iou_xyxy(first, second))
    assert value == float(b.iou_xyxy(second, first))
    assert 0 <= value <= 1


@given(box=xywh)
def test_iou_with_itself(box) -> None:
    x1, y1, x2, y2 = b.xywh_to_xyxy(box)
    assert float(b.iou_xywh(box, box)) == pytest.approx(1.0 if (x2 - x1) * (y2 - y1) > 0 else 0.0)


def test_iou_broadcasts() -> None:
    many = np.tile([0.0, 0, 2, 2], (3, 5, 1))
    out = b.iou_xyxy(many, np.tile([0.0, 0, 2, 1], (3, 1, 1)))
    assert out.shape == (3, 5)
    assert (out == 0.5).all()


@given(box=xywh, width=st.integers(1, 5000), height=st.integers(1, 5000))
def test_clip_stays_inside_and_is_idempotent(box, width: int, height: int) -> None:
    x1, y1, x2, y2 = clipped = b.clip_xyxy(b.xywh_to_xyxy(box), width, height)
    assert 0 <= x1 <= x2 <= width
    assert 0 <= y1 <= y2 <= height
    assert (b.clip_xyxy(clipped, width, height) == clipped).all()


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ([-5, -5, 10, 10], [0, 0, 5, 5]),
        ([95, 40, 10, 20], [95, 40, 5, 10]),
        ([200, 10, 10, 10], [100, 10, 0, 10]),
        ([1, 2, 3, 4], [1, 2, 3, 4]),
    ],
)
def test_clip_xywh_table(box, expected) -> None:
    assert b.clip_xywh(box, 100, 50).tolist() == expected


@pytest.mark.parametrize("text", ["100,80,40,60", "100 80 40 60", " 100, 80, 40.0 ,6e1 "])
def test_parse_box(text: str) -> None:
    assert b.parse_box(text) == (100, 80, 40, 60)


@given(box=st.tuples(coordinate, coordinate, st.floats(0.5, 1e4), st.floats(0.5, 1e4)))
def test_parse_box_reads_what_python_writes(box) -> None:
    assert b.parse_box(",".join(map(repr, box))) == box


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3", "3 numbers, expected 4"),
        ("1,2,3,4,5", "5 numbers, expected 4"),
        ("", "0 numbers, expected 4"),
        ("a,b,c,d", "not four numbers; type it as x,y,w,h"),
        ("1,2,nan,4", "not finite"),
        ("1,2,inf,4", "not finite"),
        ("1,2,0,4", "no area"),
        ("1,2,3,-4", "no area"),
    ],
)
def test_parse_box_errors(text: str, message: str) -> None:
    with pytest.raises(LockonError, match=message) as caught:
        b.parse_box(text)
    assert "\n" not in str(caught.value)


@given(text=st.text(max_size=30))
def test_parse_box_raises_nothing_but_its_own_error(text: str) -> None:
    try:
        x, y, w, h = b.parse_box(text)
    except LockonError:
        return
    assert np.isfinite([x, y, w, h]).all()
    assert min(w, h) > 0


def test_check_boxes_keeps_shape_and_values() -> None:
    assert b.check_boxes((1, 2, 3, 4), 100, 50).tolist() == [1, 2, 3, 4]
    assert b.check_boxes([[1, 2, 3, 4], [5, 6, 7, 8]], 100, 50).tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert b.check_boxes([0, 0, 100, 50], 100, 50).tolist() == [0, 0, 100, 50]


def test_check_boxes_clips_with_a_warning() -> None:
    with pytest.warns(LockonWarning, match=r"box -5,10,20,20 reaches outside the frame of 100x50 pixels; clipped to 0,10,15,20"):
        out = b.check_boxes([-5, 10, 20, 20], 100, 50)
    assert out.tolist() == [0, 10, 15, 20]


def test_check_boxes_clips_a_pixel_in_silence() -> None:
    assert b.check_boxes([90.5, 10, 10, 20], 100, 50).tolist() == [90.5, 10, 9.5, 20]


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([1, 2, 0, 4], "no area"),
        ([1, 2, 3, float("nan")], "not finite"),
        ([1, 2, float("inf"), 4], "not finite"),
        ([1, 2, 3, 4, 5], r"shape \(5,\)"),
        ([[1, 2, 3]], r"shape \(1, 3\)"),
        ([], r"shape \(0,\)"),
        (np.zeros((0, 4)), r"shape \(0, 4\)"),
        (np.ones((1, 1, 4)), r"shape \(1, 1, 4\)"),
        (7, r"shape \(\)"),
        ("1,2,3", "3 numbers"),
        ([[1, 2, 3, 4], [1, 2]], "no array of numbers"),
        (None, "box None is no array"),
        ([100, 10, 5, 5], "outside the frame of 100x50"),
        ([-30, -30, 20, 20], "outside the frame"),
        ([[1, 2, 3, 4], [300, 2, 3, 4]], "box 300,2,3,4 lies outside"),
    ],
)
def test_check_boxes_errors(boxes, message: str) -> None:
    with pytest.raises(LockonError, match=message) as caught:
        b.check_boxes(boxes, 100, 50)
    assert "\n" not in str(caught.value)


def test_check_boxes_may_leave_what_is_partly_outside() -> None:
    assert b.check_boxes([-5, 50, 20, 16], 160, 120, clip=False).tolist() == [-5, 50, 20, 16]  # and no warning
    with pytest.raises(LockonError, match="lies outside"):
        b.check_boxes([-50, 50, 20, 16], 160, 120, clip=False)


@pytest.mark.parametrize(
    "boxes", ["1,2,3,4", ["1", "2", "3", "4"], np.array([1, 2, 3, 4], object), range(1, 5), np.array([1, 2, 3, 4], np.float16)]
)
def test_boxes_of_any_kind_are_taken(boxes) -> None:
    assert b.check_boxes(boxes, 100, 50).tolist() == [1, 2, 3, 4]
    assert b.box_array(boxes).dtype == np.float64


@pytest.mark.parametrize(
    "boxes",
    [[1, 2, 3, 10**400], np.ma.masked_array([1, 2, 3, 4], [1, 0, 0, 0]), np.array([1 + 1j, 2, 3, 4]), {"x": 1}, b"1,2,3,4", "9" * 5000],
)
def test_boxes_that_are_no_numbers_are_refused_in_one_line(boxes) -> None:
    with pytest.raises(LockonError, match="box") as caught:
        b.box_array(boxes)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 300


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_box_at_the_end_of_the_numbers_is_outside() -> None:
    with pytest.raises(LockonError, match="lies outside"):
        b.check_boxes([1e308] * 4, 100, 50)
