"""Box functions on arrays of shape (..., 4); the format is in every name.

`xywh` is top-left corner and size, `xyxy` two corners, `cxcywh` centre and size. All are continuous (no +1): a box that
covers the first pixel is x=0, y=0, w=1, h=1. Functions return new float arrays and leave their arguments alone.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lockon.box_columns import parse_number
from lockon.errors import LockonError, LockonWarning
from lockon.ops.arrays import as_array, brief
from lockon.types import FloatArray


def _floats(boxes: ArrayLike) -> FloatArray:
    array = np.asarray(boxes)
    return array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)


def _join(*columns: Any) -> FloatArray:
    return np.stack(columns, axis=-1)


def xywh_to_xyxy(boxes: ArrayLike) -> FloatArray:
    """Convert (..., 4) x, y, w, h to x1, y1, x2, y2.

    >>> xywh_to_xyxy([10, 20, 4, 6]).tolist()
    [10.0, 20.0, 14.0, 26.0]
    """
    x, y, w, h = np.moveaxis(_floats(boxes), -1, 0)
    return _join(x, y, x + w, y + h)


def xyxy_to_xywh(boxes: ArrayLike) -> FloatArray:
    """Convert (..., 4) x1, y1, x2, y2 to x, y, w, h."""
    x1, y1, x2, y2 = np.moveaxis(_floats(boxes), -1, 0)
    return _join(x1, y1, x2 - x1, y2 - y1)


def xywh_to_cxcywh(boxes: ArrayLike) -> FloatArray:
    """Convert (..., 4) x, y, w, h to centre x, centre y, w, h."""
    x, y, w, h = np.moveaxis(_floats(boxes), -1, 0)
    return _join(x + w / 2, y + h / 2, w, h)


def cxcywh_to_xywh(boxes: ArrayLike) -> FloatArray:
    """Convert (..., 4) centre x, centre y, w, h to x, y, w, h."""
    cx, cy, w, h = np.moveaxis(_floats(boxes), -1, 0)
    return _join(cx - w / 2, cy - h / 2, w, h)


def xyxy_to_cxcywh(boxes: ArrayLike) -> FloatArray:
    """Convert (..., 4) x1, y1, x2, y2 to centre x, centre y, w, h."""
    x1, y1, x2, y2 = np.moveaxis(_floats(boxes), -1, 0)
    return _join((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1)


def cxcywh_to_xyxy(boxes: ArrayLike) -> FloatArray:
    """Convert (..., 4) centre x, centre y, w, h to x1, y1, x2, y2."""
    cx, cy, w, h = np.moveaxis(_floats(boxes), -1, 0)
    return _join(cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2)


def iou_xyxy(a: ArrayLike, b: ArrayLike) -> FloatArray:
    """Compute the intersection over union of (..., 4) and (..., 4), broadcast. 0 where either box has no area; never NaN for finite input.

    >>> float(iou_xyxy([0, 0, 2, 2], [1, 0, 3, 2]))
    0.3333333333333333
    """
    a, b = _floats(a), _floats(b)
    inter = _area(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]))  # (...)
    union = _area(a[..., 2:] - a[..., :2]) + _area(b[..., 2:] - b[..., :2]) - inter
    out: FloatArray = np.divide(inter, union, out=np.zeros_like(union), where=union > 0)
    return out


def _area(sizes: FloatArray) -> FloatArray:
    """Return w h of (..., 2) sizes, those below 0 as 0. Several times as fast as NumPy's product over an axis of two."""
    sides = np.maximum(sizes, 0)
    return np.asarray(sides[..., 0] * sides[..., 1])


def iou_xywh(a: ArrayLike, b: ArrayLike) -> FloatArray:
    """Compute `iou_xyxy` for x, y, w, h boxes."""
    return iou_xyxy(xywh_to_xyxy(a), xywh_to_xyxy(b))


def clip_xyxy(boxes: ArrayLike, width: float, height: float) -> FloatArray:
    """Move (..., 4) corners into [0, width] x [0, height]. A box wholly outside ends with no area."""
    boxes = _floats(boxes)
    return np.clip(boxes, 0, np.asarray([width, height, width, height], dtype=boxes.dtype))


def clip_xywh(boxes: ArrayLike, width: float, height: float) -> FloatArray:
    """Apply `clip_xyxy` to x, y, w, h boxes."""
    return xyxy_to_xywh(clip_xyxy(xywh_to_xyxy(boxes), width, height))


def parse_box(text: str) -> tuple[float, float, float, float]:
    """Parse a box typed as ``x,y,w,h`` (commas or blanks).

    >>> parse_box("100,80,40,60")
    (100.0, 80.0, 40.0, 60.0)

    Raises:
        LockonError: Not exactly four finite numbers, or a size that is not positive.
    """
    parts = text.replace(",", " ").split()
    try:
        numbers = [parse_number(part) for part in parts]
    except ValueError:
        raise LockonError(f"box {brief(text)} is not four numbers; type it as x,y,w,h, for example 100,80,40,60") from None
    _check_numbers(numbers, text)
    return numbers[0], numbers[1], numbers[2], numbers[3]


def _check_numbers(numbers: Sequence[float], text: str) -> None:
    if len(numbers) != 4:
        raise LockonError(f"box {brief(text)} has {len(numbers)} numbers, expected 4: x,y,w,h (top-left corner and size in pixels)")
    if not all(math.isfinite(number) for number in numbers):
        raise LockonError(f"box {brief(text)} is not finite; give four ordinary numbers x,y,w,h")
    if numbers[2] <= 0 or numbers[3] <= 0:
        raise LockonError(f"box {brief(text)} has no area (w={numbers[2]:g}, h={numbers[3]:g}); width and height must be above 0")


def box_array(boxes: ArrayLike) -> FloatArray:
    """Return a user's boxes as float64 (4,) or (n, 4) x, y, w, h, which may be NaN.

    Args:
        boxes: One box or several: numbers, an array, a tensor, a row of a table, or a text ``x,y,w,h``.

    Raises:
        LockonError: No real numbers, or another count of them.
    """
    if isinstance(boxes, list | tuple) and boxes and all(isinstance(number, str) for number in boxes):  # a row of a text file
        boxes = ",".join(map(str, boxes))
    if isinstance(boxes, str):
        return np.array(parse_box(boxes))
    array = as_array(boxes, "box", "give four numbers x,y,w,h, or n rows of them")
    if array.ndim not in (1, 2) or array.size == 0 or array.shape[-1] != 4:
        raise LockonError(f"boxes have the shape {array.shape}; expected (4,) or (n, 4): x,y,w,h per target")
    return array.astype(np.float64)


def check_boxes(boxes: ArrayLike, width: int, height: int, clip: bool = True) -> FloatArray:
    """Check the start boxes of a user against the frame that they were drawn on.

    Args:
        boxes: (4,) or (n, 4) x, y, w, h, as `box_array` takes them.
        width: Width of the frame in pixels.
        height: Height of the frame in pixels.
        clip: False leaves boxes that are partly outside as they are.

    Returns:
        float64 array of the same shape. A box that is partly outside is clipped, with a `LockonWarning` above one pixel
        (boxes drawn at the border are often rounded over it).

    Raises:
        LockonError: Wrong count of numbers, NaN or infinity, no area, or wholly outside the frame.
    """
    array = box_array(boxes)
    for row in np.atleast_2d(array):
        text = ",".join(f"{number:g}" for number in row)
        _check_numbers(row.tolist(), text)
        with np.errstate(over="ignore"):
            clipped = clip_xywh(row, width, height)
        if clipped[2] <= 0 or clipped[3] <= 0:
            raise LockonError(f"box {text} lies outside the frame of {width}x{height} pixels; draw it on the frame")
        if clip and not np.allclose(clipped, row, atol=1.0):
            shown = ",".join(f"{number:g}" for number in clipped)
            warning = f"box {text} reaches outside the frame of {width}x{height} pixels; clipped to {shown}"
            warnings.warn(warning, LockonWarning, stacklevel=3)
    return clip_xywh(array, width, height) if clip else array.copy()
