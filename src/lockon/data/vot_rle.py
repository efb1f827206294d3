"""Masks as text in the format of the VOT challenges since 2020: ``mX,Y,W,H,run,run,...``.

X, Y, W, H is the part of the frame that the mask covers (0-based); outside of it there is nothing. The runs go through
that part row by row and alternate background, target, background, ...; the first may be 0. The last run may be left out
where it is background. Format: M. Kristan et al., The Eighth Visual Object Tracking VOT2020 Challenge Results, ECCVW 2020,
and the files of the challenge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lockon.data.datasets.mask_images import mask_to_box
from lockon.data.rle import find_runs
from lockon.errors import LockonError
from lockon.types import FloatArray

EMPTY = "m0,0,0,0,0"
_LARGEST = 2**28  # pixels of the largest part that is decoded: a wrong number must not fill the memory
_FORM = "mX,Y,W,H,run,run,... in whole numbers"


@dataclass(frozen=True, slots=True)
class VotMask:
    """A mask as it is stored.

    Attributes:
        x: Left border of the part of the frame that `runs` describe; may be negative.
        y: Upper border of the part; may be negative.
        width: Width of the part in pixels.
        height: Height of the part in pixels.
        runs: (R,) lengths, background first, row by row; at most width * height pixels.
    """

    x: int
    y: int
    width: int
    height: int
    runs: NDArray[np.int64]

    def part(self) -> NDArray[np.bool_]:
        """Return the (height, width) bool mask of the part alone."""
        flat = np.repeat(np.arange(len(self.runs)) % 2 == 1, self.runs)
        return np.pad(flat, (0, self.width * self.height - len(flat))).reshape(self.height, self.width)

    def box(self) -> FloatArray:
        """Return (4,) x, y, w, h around the target's pixels (w = last - first + 1); NaN for an empty mask."""
        ends = np.cumsum(self.runs)
        starts = ends - self.runs
        chosen = (np.arange(len(self.runs)) % 2 == 1) & (self.runs > 0)
        if not chosen.any():
            return np.full(4, np.nan)
        first, last = starts[chosen], ends[chosen] - 1
        rows = first // self.width, last // self.width
        one_row = rows[0] == rows[1]  # a run over the end of a row touches both sides
        left = int(np.where(one_row, first % self.width, 0).min())
        right = int(np.where(one_row, last % self.width, self.width - 1).max())
        top, bottom = int(rows[0].min()), int(rows[1].max())
        return np.array([self.x + left, self.y + top, right - left + 1, bottom - top + 1], dtype=np.float64)


def is_vot_mask(text: str) -> bool:
    """Return whether a line starts like a mask and not like numbers."""
    return text.lstrip()[:1] == "m"


def parse_vot_mask(text: str) -> VotMask:
    """Parse the numbers of one line.

    Raises:
        LockonError: Another format, a negative size or run, or runs over more pixels than the part has.
    """
    shown = text.strip()[:40]
    if not is_vot_mask(text):
        raise LockonError(f"expected a mask {_FORM}, found {shown!r}")
    try:
        if "_" in text or not text.isascii():  # numbers for Python alone
            raise ValueError(shown)
        numbers = np.array([int(field) for field in text.strip()[1:].split(",")], dtype=np.int64)
    except (ValueError, OverflowError):
        raise LockonError(f"expected a mask {_FORM}, found {shown!r}") from None
    if len(numbers) < 4:
        raise LockonError(f"expected a mask {_FORM}, found {len(numbers)} numbers: {shown!r}")
    x, y, width, height = (int(number) for number in numbers[:4])
    runs = numbers[4:]
    if width < 0 or height < 0 or (runs < 0).any():
        raise LockonError(f"a mask with a negative size or run: {shown!r}")
    if width * height > _LARGEST:
        raise LockonError(f"a mask of {width} x {height} pixels is larger than any frame: {shown!r}")
    if int(runs.sum()) > width * height:
        raise LockonError(f"the runs of a mask cover {int(runs.sum())} pixels, but it is {width} x {height}: {shown!r}")
    return VotMask(x, y, width, height, runs)


def decode_vot_mask(text: str, size: tuple[int, int] | None = None) -> NDArray[np.bool_]:
    """Decode the (H, W) bool mask of the whole frame.

    Args:
        text: One mask as text.
        size: (width, height) of the frame; what reaches over its border is cut off. None: just large enough for the mask.

    Raises:
        LockonError: As `parse_vot_mask`.
    """
    mask = parse_vot_mask(text)
    right, bottom = mask.x + mask.width, mask.y + mask.height
    width, height = (max(right, 0), max(bottom, 0)) if size is None else size
    whole = np.zeros((height, width), dtype=np.bool_)
    left, top, right, bottom = max(mask.x, 0), max(mask.y, 0), min(right, width), min(bottom, height)
    if left < right and top < bottom:
        whole[top:bottom, left:right] = mask.part()[top - mask.y : bottom - mask.y, left - mask.x : right - mask.x]
    return whole


def encode_vot_mask(mask: NDArray[np.bool_]) -> str:
    """Encode an (H, W) mask as text, for the smallest part of the frame that holds the target; all runs are written.

    >>> encode_vot_mask(np.array([[0, 0, 0], [0, 1, 1], [0, 1, 0]], dtype=bool))
    'm1,1,2,2,0,3,1'
    """
    filled = np.asarray(mask, dtype=np.bool_)
    if not filled.any():
        return EMPTY
    x, y, w, h = mask_to_box(filled).astype(int).tolist()
    runs = find_runs(filled[y : y + h, x : x + w].ravel())
    return "m" + ",".join(map(str, (x, y, w, h, *runs.tolist())))
