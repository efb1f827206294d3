"""Conversion of pixels of any kind to uint8 RGB, the only kind of frame that trackers get."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockon.errors import LockonError
from lockon.types import Frame


def to_rgb(frame: ArrayLike) -> Frame:
    """Convert a frame to uint8 (H, W, 3). The order of colour channels is kept: give RGB to get RGB.

    Channels: grey (H, W) or (H, W, 1) is repeated; alpha, in (H, W, 2) or (H, W, 4), is dropped.
    Values: uint8 is kept; other integers lose their low 8 bits (``>> 8``) when the frame holds a value above 255 and
    are kept otherwise; floats are taken as 0..1 when no value exceeds 2 and as 0..255 otherwise, NaN is black;
    negative values are black; bool is black and white.

    Args:
        frame: Array of bool, integers or floats, with one of the shapes above.

    Returns:
        C-contiguous array; the argument itself where it already is uint8 (H, W, 3), which costs nothing.

    Raises:
        LockonError: Another shape, no pixels, other types, or integers above 65535.

    >>> to_rgb([[0.0, 1.0]]).tolist()
    [[[0, 0, 0], [255, 255, 255]]]
    """
    array = np.asarray(frame)
    if array.dtype == object or array.dtype.kind not in "buif":
        raise LockonError(f"a frame of type {array.dtype} is no image; expected an array of numbers (H, W, 3), uint8 RGB")
    if array.ndim not in (2, 3) or array.size == 0 or (array.ndim == 3 and array.shape[2] > 4):
        raise LockonError(f"a frame of shape {array.shape} is no image; expected (H, W, 3) RGB, (H, W, 4) RGBA or (H, W) grey")
    array = _to_uint8(array)
    if array.ndim == 2:
        array = array[..., None]
    if array.shape[2] < 3:
        array = np.repeat(array[..., :1], 3, axis=2)
    rgb: Frame = np.ascontiguousarray(array[..., :3])
    return rgb


def _to_uint8(array: NDArray[Any]) -> Frame:
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return np.asarray(array * np.uint8(255), dtype=np.uint8)
    if array.dtype.kind == "f":
        values = np.nan_to_num(array, nan=0.0, posinf=255.0, neginf=0.0)
        scale = 255.0 if values.max() <= 2.0 else 1.0  # interpolation overshoots 1; a 0..255 frame below 2 is black anyway
        return np.asarray(np.clip(values * scale + 0.5, 0, 255), dtype=np.uint8)
    highest = int(array.max())
    if highest > 65535:
        raise LockonError(f"a frame of type {array.dtype} holds the value {highest}; expected 8-bit or 16-bit pixels, scale it first")
    values = np.maximum(array, 0)
    return np.asarray(values >> 8 if highest > 255 else values, dtype=np.uint8)


__all__ = ["to_rgb"]
