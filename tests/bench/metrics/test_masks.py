"""Overlap of masks."""

from __future__ import annotations

import numpy as np
import pytest

from lockon.bench.metrics import mask_overlap
from lockon.errors import LockonError


def mask(*rows: str) -> np.ndarray:
    return np.array([[letter == "x" for letter in row] for row in rows])


TRUTH, FOUND, NOTHING = mask("xx..", "xx.."), mask(".xx.", ".xx."), mask("....", "....")


def test_overlap_of_frames():
    found = np.stack([TRUTH, FOUND, NOTHING, FOUND, NOTHING])
    truth = np.stack([TRUTH, TRUTH, TRUTH, NOTHING, NOTHING])
    assert mask_overlap(found, truth) == pytest.approx([1, 2 / 6, 0, 0, 1])
    assert mask_overlap(found, truth, empty=0.0)[-1] == 0
    assert mask_overlap(found.astype(np.uint8) * 255, truth)[1] == pytest.approx(2 / 6)


def test_no_answer_and_no_annotation():
    overlaps = mask_overlap([None, FOUND, None], [TRUTH, None, NOTHING])
    np.testing.assert_array_equal(overlaps, [0, np.nan, 1])


def test_void_pixels_do_not_count():
    void = mask("..x.", "..x.")
    assert mask_overlap([FOUND], [TRUTH], void=[void]) == pytest.approx([2 / 4])
    assert mask_overlap([FOUND], [TRUTH], void=[None]) == pytest.approx([2 / 6])
    assert mask_overlap([void], [NOTHING], void=[void]) == [1]


def test_bounds_cut_and_fill_up():
    assert mask_overlap([mask(".x", ".x")], [TRUTH], bounds=(4, 2)) == pytest.approx([2 / 4])
    assert mask_overlap([FOUND], [TRUTH], bounds=(2, 2)) == pytest.approx([2 / 4])
    assert mask_overlap([None], [TRUTH], bounds=(2, 9)) == [0]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: mask_overlap([FOUND], []), "one per frame"),
        (lambda: mask_overlap([FOUND], [TRUTH], void=[]), "0 of void"),
        (lambda: mask_overlap([FOUND[:1]], [TRUTH]), r"mask of shape \(1, 4\) in frame 0, expected \(2, 4\)"),
        (lambda: mask_overlap([FOUND[0]], [TRUTH], bounds=(4, 2)), r"mask of shape \(4,\)"),
    ],
)
def test_masks_of_other_shapes_or_counts_are_refused(call, text):
    with pytest.raises(LockonError, match=text):
        call()
