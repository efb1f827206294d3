import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from lockon.data.rle import decode_counts, decode_rle, encode_rle
from lockon.errors import LockonError

MASKS = st.tuples(st.integers(1, 40), st.integers(1, 40)).flatmap(lambda shape: arrays(np.bool_, shape))


@given(MASKS)
def test_decodes_what_pycocotools_encodes(mask: np.ndarray) -> None:
    coco = pytest.importorskip("pycocotools.mask")
    encoded = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    np.testing.assert_array_equal(decode_rle(encoded["counts"].decode(), *mask.shape), mask)


@given(MASKS)
def test_encodes_as_pycocotools(mask: np.ndarray) -> None:
    coco = pytest.importorskip("pycocotools.mask")
    assert encode_rle(mask) == coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()


@pytest.mark.parametrize("value", [False, True])
def test_encodes_long_runs(value: bool) -> None:
    mask = np.full((700, 900), value)
    mask[5, 3] = not value
    np.testing.assert_array_equal(decode_rle(encode_rle(mask), 700, 900), mask)


@given(st.integers(1, 3000), st.integers(1, 3000), st.data())
def test_decodes_long_runs(height: int, width: int, data: st.DataObject) -> None:
    coco = pytest.importorskip("pycocotools.mask")
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    counts = [x * height + y, height * width - x * height - y]  # background up to a pixel, then all foreground
    encoded = coco.frPyObjects({"counts": counts, "size": [height, width]}, height, width)
    assert decode_counts(encoded["counts"].decode()).tolist() == counts


def test_strings_are_decoded_as_worked_out_by_hand() -> None:
    # runs 1, 2, 1 of a 2x2 mask, column by column: 0 | 1 1 | 0; each run is one character, value + 48
    np.testing.assert_array_equal(decode_rle("121", 2, 2), [[False, True], [True, False]])
    # the fourth run is written as the difference to the second: 1, 2, 1, 2 -> "1" "2" "1" "0"
    assert decode_counts("1210").tolist() == [1, 2, 1, 2]
    # 40 = 8 + 32 * 1: low group 8 with the flag "more" (8 + 32 + 48 = 'X'), then 1
    assert decode_counts("X1").tolist() == [40]
    # difference -1 (31 = 0b11111, sign bit set, 31 + 48 = 'O'): 1, 2, 1, 2 - 1
    assert decode_counts("121O").tolist() == [1, 2, 1, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("12", "cover 3 pixels, expected 2 x 2 = 4"),
        ("", "cover 0 pixels"),
        ("1X", "cut short"),
        ("1 2", "outside"),
        ("1é2", "cover"),
        ("O", "negative run"),
        ("o" * 20 + "1", "60 bits"),
    ],
)
def test_malformed(text: str, message: str) -> None:
    with pytest.raises(LockonError, match=message):
        decode_rle(text, 2, 2)
