"""Lines to frames: every way in which a file's length can differ, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from result_files import moved

from lockon.bench.formats.matching import align, from_corners, guess_origin, is_corners
from lockon.bench.formats.rows import parse_rows
from lockon.errors import LockonError

# A target that moves by 10 pixels per frame; 0-based.
TRUTH = np.array([[100 + 10 * index, 50, 20, 30] for index in range(8)], dtype=np.float64)


def _text(boxes, origin=0):
    return "".join(",".join(f"{value:g}" for value in box) + "\n" for box in moved(boxes, origin, origin))


def _align(text, truth=TRUTH, start=0, origin=0):
    return align(parse_rows(text, "a.txt"), truth, start, origin, "a")


def test_one_line_per_frame():
    aligned = _align(_text(TRUTH))
    assert aligned.index.tolist() == list(range(8))
    assert (aligned.start, aligned.notes) == (0, ())


@pytest.mark.parametrize("origin", [0, 1])
def test_begins_late(origin):
    """As OTB's results of Tiger1: 349 lines for 354 frames, the first is the true box of frame 6."""
    aligned = _align(_text(TRUTH[3:], origin), origin=origin)
    assert aligned.index.tolist() == [-1, -1, -1, 0, 1, 2, 3, 4]
    assert aligned.start == 3
    (note,) = aligned.notes
    assert str(note) == "a: 5 lines for 8 frames; line 1 is the true box of frame 4: scored from there on"


def test_begins_late_with_corners_in_the_first_line():
    first = [130, 50, 150, 80]  # x1, y1, x2, y2 of frame 4
    aligned = _align(_text([first, *TRUTH[4:]]))
    assert aligned.start == 3


def test_ended_early():
    aligned = _align(_text(TRUTH[:6]))
    assert aligned.index.tolist() == [0, 1, 2, 3, 4, 5, -1, -1]
    assert aligned.start == 0
    assert [note.trap for note in aligned.notes] == ["too few lines"]
    assert "6 lines for 8 frames; the rest count as misses" in aligned.notes[0].text


def test_the_start_box_is_missing():
    aligned = _align(_text(moved(TRUTH[1:], 0.5)))
    assert aligned.index.tolist() == [-1, 0, 1, 2, 3, 4, 5, 6]
    assert aligned.start == 0
    assert [note.trap for note in aligned.notes] == ["first line missing"]


def test_too_many_lines():
    aligned = _align(_text([*TRUTH, [1, 1, 1, 1], [1, 1, 1, 1]]))
    assert aligned.index.tolist() == list(range(8))
    assert [note.trap for note in aligned.notes] == ["too many lines"]


def test_the_whole_video_of_which_the_benchmark_uses_the_end():
    """As David, which OTB begins at frame 300 of 770."""
    aligned = _align(_text([[1, 1, 1, 1]] * 3 + [*TRUTH]))
    assert aligned.index.tolist() == list(range(3, 11))
    assert aligned.start == 0
    (note,) = aligned.notes
    assert note.trap == "whole video"
    assert note.text == "11 lines for 8 frames; the last 8 count, because line 4 is the start box"


def test_empty_lines_in_between():
    aligned = _align(_text(TRUTH).replace("\n", "\n\n"))
    assert aligned.index.tolist() == list(range(0, 16, 2))
    assert [note.trap for note in aligned.notes] == ["blank"]


def test_a_code_in_the_first_line_is_the_start():
    aligned = _align("1\n" + _text(TRUTH[1:6]))
    assert aligned.index.tolist() == [0, 1, 2, 3, 4, 5, -1, -1]


def test_a_later_code_is_a_later_start():
    aligned = _align("0\n0\n1\n" + _text(TRUTH[3:]))
    assert aligned.start == 2


def test_the_repeated_box_of_a_later_frame_is_a_later_start():
    aligned = _align(_text([TRUTH[3]] * 4 + [TRUTH[4], *TRUTH[5:]]))
    assert aligned.start == 3
    assert [note.trap for note in aligned.notes] == ["begins late"]


def test_a_still_tracker_began_at_the_start():
    aligned = _align(_text([TRUTH[0]] * 8))
    assert (aligned.start, aligned.notes) == (0, ())


@pytest.mark.parametrize("count", [5, 11])
def test_lines_of_another_sequence_are_an_error(count):
    with pytest.raises(LockonError, match=f"a: {count} lines for 8 frames, and line 1 is neither the start box nor the true box of frame"):
        _align(_text([[500, 500, 9, 9]] * count))


def test_truth_that_begins_late():
    truth = TRUTH.copy()
    truth[:2] = np.nan
    aligned = _align(_text(np.nan_to_num(truth)), truth=truth, start=2)
    assert aligned.start == 2


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([[11, 21, 5, 5]], (1, True)),
        ([[10, 20, 5, 5]], (0, True)),
        ([[11.5, 21.5, 5, 5]], (1, True)),  # SiamRPN++ on OTB100: half a pixel off, and from 1
        ([[10.9, 20.4, 5, 5], [11, 21, 5, 5], [500, 500, 5, 5]], (1, True)),  # most files tell
        ([[500, 500, 5, 5]], (1, False)),
        ([[10.5, 20.5, 5, 5]], (1, False)),  # half-way: the dataset's habit
        ([[np.nan] * 4], (1, False)),
        ([], (1, False)),
    ],
)
def test_guess_origin(lines, expected):
    truth = np.array([10.0, 20, 5, 5])
    assert guess_origin([(np.array(line, dtype=np.float64), truth) for line in lines], otherwise=1) == expected


@pytest.mark.parametrize("origin", [0, 1])
def test_corners(origin):
    box = np.array([197.0, 213, 231 + origin, 294 + origin])  # first two numbers 0-based already, as `align` has them
    truth = np.array([197.0, 213, 34, 81])
    assert is_corners(box, truth, origin)
    np.testing.assert_array_equal(from_corners(box, origin), truth)
    assert not is_corners(truth, truth, origin)
