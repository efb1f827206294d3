"""VOT masks as text: by hand, round trips, and everything that is malformed."""

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from lockon.data.datasets.mask_images import mask_to_box
from lockon.data.vot_rle import EMPTY, decode_vot_mask, encode_vot_mask, parse_vot_mask
from lockon.errors import LockonError

MASKS = st.tuples(st.integers(1, 20), st.integers(1, 20)).flatmap(lambda shape: arrays(np.bool_, shape))


def test_a_mask_of_six_pixels_is_decoded_and_encoded_as_written_by_hand() -> None:
    # part of 3 x 2 at (1, 2): runs 1 background, 3 target, 2 background, row by row: .XX / X..
    expected = np.zeros((5, 6), dtype=bool)
    expected[2, 2:4] = expected[3, 1] = True
    np.testing.assert_array_equal(decode_vot_mask("m1,2,3,2,1,3,2", (6, 5)), expected)
    np.testing.assert_array_equal(decode_vot_mask("m1,2,3,2,1,3", (6, 5)), expected)  # background at the end left out
    assert encode_vot_mask(expected) == "m1,2,3,2,1,3,2"
    assert parse_vot_mask("m1,2,3,2,1,3").box().tolist() == [1, 2, 3, 2]
    assert decode_vot_mask("m1,2,3,2,1,3").shape == (4, 4)  # no size: just large enough


def test_a_mask_that_starts_with_the_target_has_a_run_of_zero() -> None:
    assert encode_vot_mask(np.ones((2, 3), dtype=bool)) == "m0,0,3,2,0,6"


def test_a_box_is_tighter_than_the_part_that_is_written() -> None:
    assert parse_vot_mask("m10,20,4,3,5,2,5").box().tolist() == [11, 21, 2, 1]
    assert parse_vot_mask("m10,20,4,3,3,2,7").box().tolist() == [10, 20, 4, 2]  # one run over the end of a row


@pytest.mark.parametrize("text", [EMPTY, "m0,0,0,0", "m3,3,2,2,4", "m3,3,2,2", "m0,0,1,1,1"])
def test_empty_masks(text: str) -> None:
    assert not decode_vot_mask(text, (8, 6)).any()
    assert decode_vot_mask(text, (8, 6)).shape == (6, 8)
    assert np.isnan(parse_vot_mask(text).box()).all()


def test_what_reaches_over_the_border_is_cut() -> None:
    whole = decode_vot_mask("m-1,-1,3,3,0,9", (4, 5))
    assert whole.sum() == 4
    assert whole[:2, :2].all()
    assert decode_vot_mask("m3,4,3,3,0,9", (4, 5)).sum() == 1
    assert not decode_vot_mask("m9,9,3,3,0,9", (4, 5)).any()
    assert decode_vot_mask("m-5,-5,3,3,0,9").shape == (0, 0)


@given(MASKS)
def test_masks_that_are_encoded_are_decoded_again(mask: np.ndarray) -> None:
    text = encode_vot_mask(mask)
    height, width = mask.shape
    np.testing.assert_array_equal(decode_vot_mask(text, (width, height)), mask)
    np.testing.assert_array_equal(parse_vot_mask(text).box(), mask_to_box(mask))
    assert encode_vot_mask(decode_vot_mask(text, (width, height))) == text


@given(st.integers(-5, 5), st.integers(-5, 5), st.integers(0, 6), st.integers(0, 6), st.lists(st.integers(0, 9), max_size=8))
def test_any_runs_that_fit_decode_and_the_box_agrees(x: int, y: int, width: int, height: int, runs: list[int]) -> None:
    text = "m" + ",".join(map(str, [x, y, width, height, *runs]))
    if sum(runs) > width * height:
        with pytest.raises(LockonError, match="cover"):
            parse_vot_mask(text)
        return
    shifted = parse_vot_mask("m" + ",".join(map(str, [x + 5, y + 5, width, height, *runs])))
    whole = decode_vot_mask("m" + ",".join(map(str, [x + 5, y + 5, width, height, *runs])), (20, 20))
    np.testing.assert_array_equal(shifted.box(), mask_to_box(whole))
    np.testing.assert_array_equal(parse_vot_mask(text).box() + np.array([5, 5, 0, 0]), shifted.box())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a mask"),
        ("1,2,3,4", "expected a mask"),
        ("m", "expected a mask"),
        ("m1,2,3", "found 3 numbers"),
        ("m1,2,3,x", "whole numbers"),
        ("m1,2,3.5,4", "whole numbers"),
        ("m1,2,99999999999999999999,4", "whole numbers"),
        ("m1,2,-3,4,0", "negative"),
        ("m1,2,3,4,5,-1", "negative"),
        ("m0,0,1000000,1000000,5,1", "larger than any frame"),
        ("m0,0,2,2,1,4", "cover 5 pixels, but it is 2 x 2"),
    ],
)
def test_malformed(text: str, message: str) -> None:
    with pytest.raises(LockonError, match=message) as caught:
        parse_vot_mask(text)
    assert "\n" not in str(caught.value)
