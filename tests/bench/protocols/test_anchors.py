"""The multi-start protocol: where runs begin, which way they go, and what is kept of them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scripted import HERE, SIZE, Scripted, make

from lockon.bench.protocols.anchors import Anchor, anchors_of, filled_box, from_anchor
from lockon.data.vot_rle import decode_vot_mask
from lockon.driver import drive
from lockon.errors import LockonError


def places(sequence, spacing=50):
    return [(one.frame, "backward" if one.backward else "forward") for one in anchors_of(sequence, spacing)]


@pytest.mark.parametrize(
    ("count", "spacing", "expected"),
    [
        (1, 50, [(0, "forward")]),
        (101, 50, [(0, "forward"), (50, "forward"), (100, "backward")]),  # as far to both ends from 50: forward
        (100, 50, [(0, "forward"), (50, "backward")]),  # 50 frames forward, 51 backward
        (120, 50, [(0, "forward"), (50, "forward"), (100, "backward")]),
        (7, 2, [(0, "forward"), (2, "forward"), (4, "backward"), (6, "backward")]),
    ],
)
def test_anchors_every_so_many_frames_go_the_longer_way(count, spacing, expected):
    assert places(make(count), spacing) == expected


def test_an_anchor_without_a_box_moves_on_and_never_doubles():
    boxes = np.tile(HERE, (12, 1))
    boxes[[0, 1, 2, 3, 4, 5, 8]] = np.nan
    assert places(make(12, boxes=boxes), 4) == [(6, "backward"), (9, "backward")]  # 0 and 4 become 6, 8 becomes 9
    boxes[:] = np.nan
    with pytest.raises(LockonError, match="clip has no anchor with a usable box"):
        anchors_of(make(12, boxes=boxes))


def test_the_benchmarks_own_anchors_and_directions_go_first():
    sequence = make(100, anchors=(10, 20, 90), backward=frozenset({20}))
    assert places(sequence) == [(10, "forward"), (20, "backward"), (90, "forward")]
    hidden = np.ones(100, bool)
    hidden[20] = False
    assert places(dataclasses.replace(sequence, visible=hidden)) == [(10, "forward"), (90, "forward")]


def test_rows_are_in_the_order_of_tracking():
    tracker = Scripted(away=[1])
    run = drive(tracker, from_anchor(make(6), Anchor(3, backward=True)))
    assert (tracker.starts, tracker.tracked) == ([3], [2, 1, 0])
    assert (len(run), run.start, run.masks, run.events) == (4, 0, None, None)
    assert run.boxes[:, 0].tolist() == [10, 10, 40, 10]
    tracker = Scripted()
    assert len(drive(tracker, from_anchor(make(6), Anchor(3, backward=False)))) == 3
    assert tracker.tracked == [4, 5]


def test_where_the_truth_is_masks_a_run_starts_on_the_masks_box_and_keeps_masks():
    tracker = Scripted()
    run = drive(tracker, from_anchor(make(4, masks=True), Anchor(2, backward=False)))
    assert tracker.start_boxes == [[14, 11, 6, 4]]  # not the annotated box, but the mask of frame 2
    assert run.boxes[0].tolist() == [14, 11, 6, 4]
    assert run.masks == ("m14,11,6,4,0,24", "m10,10,8,6,0,48")  # the true mask, then the answered box, filled


def test_a_trackers_own_masks_are_kept():
    mine = np.zeros((SIZE[1], SIZE[0]), bool)
    mine[3, 4:6] = True
    run = drive(Scripted(mask=mine), from_anchor(make(2, masks=True), Anchor(0, backward=False)))
    np.testing.assert_array_equal(decode_vot_mask(run.masks[1], SIZE), mine)


def test_a_mask_without_pixels_is_no_start():
    sequence = make(3, masks=True)
    empty = dataclasses.replace(sequence.masks, read=lambda _: np.zeros((SIZE[1], SIZE[0]), bool))
    tracker = Scripted()
    drive(tracker, from_anchor(dataclasses.replace(sequence, masks=empty), Anchor(0, backward=False)))
    assert tracker.start_boxes == [list(HERE)]


# What vot-toolkit 0.9.0 made of these rectangles (Rectangle.rasterize on 10 x 8 pixels): first and last column, first and last row.
RECTANGLES = [
    ((1, 2, 3, 2), (1, 3, 2, 3)),
    ((1.5, 2, 3, 2), (1, 3, 2, 3)),
    ((0.5, 0.5, 3, 2), (0, 2, 0, 1)),
    ((1.4, 2.4, 3.2, 2.2), (1, 3, 2, 3)),
    ((-1.5, -1, 4, 3), (0, 1, 0, 1)),
    ((2.5, 1.5, 1, 1), (2, 2, 1, 1)),
    ((1.6, 1, 0.3, 2), None),
    ((8, 6, 50, 50), (8, 9, 6, 7)),
    ((20, 20, 5, 5), None),
    ((-9, -9, 5, 5), None),
    ((np.nan, 1, 2, 2), None),
    ((1, 1, np.inf, 2), None),
]


@pytest.mark.parametrize(("box", "expected"), RECTANGLES)
def test_boxes_are_filled_as_the_toolkit_does(box, expected):
    mask = filled_box(np.array(box), (10, 8))
    assert mask.shape == (8, 10)
    if expected is None:
        assert not mask.any()
    else:
        left, right, top, bottom = expected
        assert mask.sum() == (right + 1 - left) * (bottom + 1 - top)
        assert mask[top : bottom + 1, left : right + 1].all()
