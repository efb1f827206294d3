"""COCO run-length masks in NumPy: the compressed string format of the COCO annotations, without pycocotools.

The format is that of the COCO API (T.-Y. Lin et al., common/maskApi.c). A mask is read column by
column; the runs alternate 0, 1, 0, ... Each run is a signed number in groups of five bits, lowest first, one character
per group (value + 48; bit 32 says that more groups follow). From the fourth run on the number is the difference to the
run two before it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lockon.errors import LockonError


def decode_counts(text: str) -> NDArray[np.int64]:
    """Decode the (R,) run lengths of a compressed COCO string.

    Raises:
        LockonError: The text holds characters outside the format, ends inside a number, or gives a negative run.
    """
    codes = np.frombuffer(text.encode("ascii", "replace"), dtype=np.uint8).astype(np.int64) - 48
    if codes.size == 0:
        return np.zeros(0, dtype=np.int64)
    if codes.min() < 0 or codes.max() > 63 or codes[-1] & 32:
        raise LockonError(f"mask string {text[:20]!r}... is no compressed COCO RLE (a character outside '0'..'o', or cut short)")
    last = np.flatnonzero((codes & 32) == 0)  # (R,) the last group of each number
    first = np.concatenate(([0], last[:-1] + 1))  # (R,)
    groups = last - first + 1  # (R,)
    if groups.max() > 12:
        raise LockonError(f"mask string {text[:20]!r}... is no compressed COCO RLE (a run of more than 60 bits)")
    shift = 5 * (np.arange(codes.size) - np.repeat(first, groups))
    counts = np.add.reduceat((codes & 31) << shift, first)
    counts -= np.where(codes[last] & 16, np.int64(1) << (5 * groups), 0)  # sign of the highest group
    counts[1::2] = np.cumsum(counts[1::2])  # runs are differences to the run two before, except the first three
    counts[2::2] = np.cumsum(counts[2::2])
    if counts.min() < 0:
        raise LockonError(f"mask string {text[:20]!r}... is no compressed COCO RLE (a negative run)")
    return counts


def decode_rle(text: str, height: int, width: int) -> NDArray[np.bool_]:
    """Decode the (height, width) bool mask of a compressed COCO string.

    Raises:
        LockonError: The string is malformed or its runs do not add up to height * width.
    """
    return fill_runs(decode_counts(text), height, width)


def fill_runs(counts: NDArray[np.int64], height: int, width: int) -> NDArray[np.bool_]:
    """Fill the (height, width) bool mask of (R,) run lengths, column by column, the background first.

    Raises:
        LockonError: The runs do not add up to height * width.
    """
    if int(counts.sum()) != height * width:
        raise LockonError(f"mask runs cover {int(counts.sum())} pixels, expected {height} x {width} = {height * width}")
    flat = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return np.ascontiguousarray(flat.reshape(width, height).T)


def find_runs(flat: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the (R,) run lengths of a flattened mask, the background first (of length 0 where the mask begins with foreground)."""
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    return np.diff(np.concatenate(([0] * (2 if flat.size and flat[0] else 1), edges, [flat.size])))


def encode_rle(mask: NDArray[np.bool_]) -> str:
    """Encode a (height, width) mask as a compressed COCO string; the inverse of `decode_rle`.

    >>> encode_rle(np.array([[False, True], [True, True]]))
    '13'
    """
    counts = find_runs(np.asarray(mask, dtype=bool).T.ravel())
    numbers = counts.copy()
    numbers[3:] = counts[3:] - counts[1:-2]
    return "".join(_encode_number(int(number)) for number in numbers)


def _encode_number(number: int) -> str:
    text = ""
    while True:
        group, number = number & 31, number >> 5  # the shift keeps the sign
        last = number == (-1 if group & 16 else 0)
        text += chr(48 + (group if last else group | 32))
        if last:
            return text
