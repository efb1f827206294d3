"""Conversion of pixels of any kind to uint8 RGB, the only kind of frame that trackers get.

Pixels of more than 8 bits need a range: the values that become black and white. All frames of a video must have the same
one, or it flickers; `FrameConversion` finds it once and keeps it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockon.errors import LockonError, LockonWarning, unknown_name
from lockon.ops.arrays import as_array, brief
from lockon.types import Frame

ValueRange = tuple[float, float]
"""The values that become 0 and 255."""

_UNIT, _BYTE, _WORD = (0.0, 1.0), (0.0, 255.0), (0.0, 65535.0)
_LEVELS = 32  # of 256 grey levels that a usual range must leave of a picture; with fewer, the picture's own values are stretched
_OVERSHOOT = 0.2  # of the highest value, by which values may lie outside a usual range: interpolation does that
_LOOKED_AT = 5  # frames of a video in which its range is found, where they are at hand
_TAIL = 0.1  # percent of the values at either end that may be dead pixels
_MARGIN = 0.25  # of the span of values that the range is wider at either end, for what later frames bring
_SAMPLES = 512  # rows and columns of a picture that are looked at, at most


def to_rgb(frame: ArrayLike) -> Frame:
    """Convert a single frame to uint8 (H, W, 3). The order of colour channels is kept: give RGB to get RGB.

    Channels: grey (H, W) or (H, W, 1) is repeated; alpha, in (H, W, 2) or (H, W, 4), is dropped.
    Values: uint8 is kept, bool is black and white, and the range of other kinds is that of `find_range`; NaN is black.

    Args:
        frame: Array of bool, integers or floats, with one of the shapes above, or what `as_array` makes one of.

    Returns:
        C-contiguous array; the argument itself where it already is uint8 (H, W, 3), which costs nothing.

    Raises:
        LockonError: Another shape, no pixels, other types, or integers above 65535.

    >>> to_rgb([[0.0, 1.0]]).tolist()
    [[[0, 0, 0], [255, 255, 255]]]
    """
    if _is_rgb(frame):
        return frame  # type: ignore[return-value]
    array = image_array(frame)
    return _with_channels(array if array.dtype == np.uint8 else _scaled(array, find_range([array])[0]))


class FrameConversion:
    """Converts the frames of one video to uint8 RGB, all in the same way.

    The range of values that is not given is found in the first frame that is not of one value throughout, and a
    `LockonWarning` tells of it where the frames are stretched.

    Args:
        range: (low, high), the values that become black and white; None to find it.
        color: Order of the colour channels, "rgb" or "bgr".
        name: The video, for messages.

    Raises:
        LockonError: A range that is no range, or another order of channels.
    """

    def __init__(self, range: ArrayLike | None = None, color: str = "rgb", name: str = "frames") -> None:
        self._given = None if range is None else check_range(range)
        self._reversed = _is_bgr(color)
        self._name = name
        self._found: dict[np.dtype[Any], ValueRange] = {}  # per type of pixels

    def __call__(self, frame: ArrayLike, color: str | None = None) -> Frame:
        """Convert a frame; `color` overrides the video's order of channels.

        Raises:
            LockonError: As `to_rgb`, or a range beyond the values of 8-bit frames.
        """
        bgr = self._reversed if color is None else _is_bgr(color)
        if self._given is None and not bgr and _is_rgb(frame):
            return frame  # type: ignore[return-value]
        array = image_array(frame)
        if array.dtype != np.uint8 or self._given is not None:
            array = _scaled(array, self._range_of(array))
        rgb = _with_channels(array)
        return np.ascontiguousarray(rgb[..., ::-1]) if bgr else rgb

    def look_at(self, count: int, read: Callable[[int], ArrayLike | None]) -> None:
        """Find the range of values in a few frames, evenly spread over a video of `count`, where its first one has other than 8 bits.

        Args:
            count: Number of frames.
            read: Gives a frame; None or a LockonError for one that cannot be read, which is left out.
        """
        arrays: list[NDArray[Any]] = []
        for index in sorted({round(index) for index in np.linspace(0, count - 1, _LOOKED_AT)}):
            with suppress(LockonError):
                frame = read(index)
                if frame is not None:
                    arrays.append(image_array(frame))
            if self._given is not None or (arrays and arrays[0].dtype == np.uint8):
                return
        if arrays:
            with suppress(LockonError):  # each frame says so itself
                self._find([array for array in arrays if array.dtype == arrays[0].dtype])

    def _range_of(self, array: NDArray[Any]) -> ValueRange:
        if self._given is not None:
            if array.dtype == np.uint8 and self._given[1] > 255:
                low, high = self._given
                text = f"{self._name}: the range {low:g} to {high:g} is none of 8-bit frames (0 to 255)"
                raise LockonError(f"{text}, which OpenCV makes of all colour videos; leave it out, or give one of them")
            return self._given
        return self._found.get(array.dtype) or self._find([array])

    def _find(self, arrays: list[NDArray[Any]]) -> ValueRange:
        values, contrast = find_range(arrays)
        if contrast:
            self._found[arrays[0].dtype] = values
        if contrast and values not in (_UNIT, _BYTE, _WORD):
            low, high = values
            text = f"{self._name}: values of type {arrays[0].dtype} from {low:.6g} to {high:.6g} are stretched to 8 bits in all frames"
            warnings.warn(f"{text}; give others with --range LOW:HIGH, in Python range=(LOW, HIGH)", LockonWarning, stacklevel=4)
        return values


def find_range(arrays: list[NDArray[Any]]) -> tuple[ValueRange, bool]:
    """Find the values that become black and white in pictures of one type.

    A usual range is taken where it leaves 32 grey levels: 0..255 for integers up to 255, else 0..65535; for floats 0..1 up to
    2, 0..255 up to 510, else 0..65535. The pictures are stretched otherwise: from the lowest to the highest value but for
    0.1 % at either end, and a quarter of that span more.

    Args:
        arrays: Pictures of bool, integers or floats, at least one.

    Returns:
        The range, and whether the pictures hold more than one value.

    Raises:
        LockonError: Integers above 65535.
    """
    first = arrays[0]
    if first.dtype == np.bool_:
        return _UNIT, True
    values = np.concatenate([_sample(array) for array in arrays])
    if not len(values):
        return _UNIT, False
    low, high = (float(value) for value in np.percentile(values, (_TAIL, 100 - _TAIL)))
    usual = _usual_range(arrays, high)
    if usual == _BYTE and first.dtype.kind != "f" and low >= 0:
        return usual, low < high
    levels = (min(high, usual[1]) - max(low, 0.0)) / usual[1] * 256
    if low == high or (levels >= _LEVELS and max(-low, high - usual[1]) <= _OVERSHOOT * high):
        return usual, low < high
    low, high = low - _MARGIN * (high - low), high + _MARGIN * (high - low)
    if first.dtype.kind != "f":
        low, high = math.floor(low), math.ceil(high)
    return (max(low, 0.0) if values.min() >= 0 else low, high), True


def _usual_range(arrays: list[NDArray[Any]], high: float) -> ValueRange:
    if arrays[0].dtype.kind == "f":  # interpolation overshoots, and a 0..255 picture below 2 is black anyway
        return _UNIT if high <= 2 else _BYTE if high <= 510 else _WORD
    highest = max(int(array.max()) for array in arrays)
    if highest > 65535:
        raise LockonError(
            f"a frame of type {arrays[0].dtype} holds the value {brief(highest)}; expected 8-bit or 16-bit pixels, "
            "give the values for black and white: range=(LOW, HIGH)"
        )
    return _BYTE if highest <= 255 else _WORD


def _sample(array: NDArray[Any]) -> NDArray[np.float64]:
    """Return the finite values of a picture's pixels, alpha left out; borders without data (0) too, where they are below one half."""
    rows, columns = (max(1, size // _SAMPLES) for size in array.shape[:2])
    values = array[::rows, ::columns]
    if values.ndim == 3 and values.shape[2] in (2, 4):
        values = values[..., :-1]
    flat = values.ravel().astype(np.float64)
    flat = flat[np.isfinite(flat)]
    inner = flat[flat != 0]
    return inner if 2 * len(inner) > len(flat) and inner.min() < inner.max() else flat


def _scaled(array: NDArray[Any], values: ValueRange) -> Frame:
    """Convert bool, integers or floats to uint8."""
    low, high = values
    if array.dtype == np.bool_:
        return np.asarray(array * np.uint8(255), dtype=np.uint8)
    if array.dtype.kind != "f" and values in (_BYTE, _WORD):
        kept = np.clip(array, 0, min(int(high), np.iinfo(array.dtype).max))
        return np.asarray(kept >> 8 if values == _WORD else kept, dtype=np.uint8)
    small = array.dtype.itemsize <= (4 if array.dtype.kind == "f" else 2)
    levels = array.astype(np.float32 if small else np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        levels -= low
        levels *= 255.0 / (high - low)
        levels += 0.5
    np.clip(levels, 0, 255, out=levels)
    return np.nan_to_num(levels, copy=False, nan=0.0).astype(np.uint8)


def _is_rgb(frame: object) -> bool:
    return (
        type(frame) is np.ndarray
        and frame.dtype == np.uint8
        and frame.ndim == 3
        and frame.shape[2] == 3
        and frame.size > 0
        and frame.flags.c_contiguous
    )


def _with_channels(array: Frame) -> Frame:
    if array.ndim == 2:
        array = array[..., None]
    if array.shape[2] < 3:
        array = np.repeat(array[..., :1], 3, axis=2)
    rgb: Frame = np.ascontiguousarray(array[..., :3])
    return rgb


def image_array(frame: ArrayLike) -> NDArray[Any]:
    """Return a user's frame as an array (H, W) or (H, W, 1 to 4) of bool, integers or floats.

    Raises:
        LockonError: It is no image; the text says what of it is wrong.
    """
    if frame is None:
        raise LockonError("the frame is None; where OpenCV read it, the video has ended, or the file is missing or no image")
    if isinstance(frame, str | bytes):
        raise LockonError(f"{brief(frame)} is no image but a text; read the file first, or give its path to lockon.track")
    array = as_array(frame, "frame", "give a NumPy array (H, W, 3) of integers or floats")
    shape = array.shape
    if array.ndim not in (2, 3) or array.size == 0 or (array.ndim == 3 and shape[2] > 4):
        hint = "expected (H, W, 3) RGB, (H, W, 4) RGBA or (H, W) grey"
        if array.ndim == 3 and shape[0] in (1, 3, 4):
            hint += "; the channels come first here: give frame.transpose(1, 2, 0), of a tensor frame.permute(1, 2, 0)"
        elif array.ndim == 4 and array.size:
            hint += f"; this is a batch of {shape[0]}: give its frames one by one"
        raise LockonError(f"a frame of shape {shape} is no image; {hint}")
    return array


def check_range(values: ArrayLike) -> ValueRange:
    """Return a user's range as two floats.

    Raises:
        LockonError: Not two finite numbers, the first below the second.
    """
    array = as_array(values, "range", "give two numbers (LOW, HIGH)")
    if array.shape != (2,) or not np.isfinite(array).all() or not array[0] < array[1]:
        raise LockonError(f"range {brief(values)} is none; give two numbers, the values that become black and white: (LOW, HIGH)")
    return float(array[0]), float(array[1])


def parse_range(text: str | None) -> ValueRange | None:
    """Parse a range typed as ``LOW:HIGH``; None stays None.

    >>> parse_range("7000:7500")
    (7000.0, 7500.0)

    Raises:
        LockonError: Not two finite numbers, the first below the second.
    """
    if text is None:
        return None
    try:
        low, high = map(float, text.split(":"))
    except ValueError:
        low = high = math.nan
    if not -math.inf < low < high < math.inf:
        raise LockonError(f"range {brief(text)} is none; type the values that become black and white as LOW:HIGH, for example 7000:7500")
    return low, high


def _is_bgr(color: str) -> bool:
    if not isinstance(color, str) or color not in ("rgb", "bgr"):
        raise unknown_name("color", color if isinstance(color, str) else brief(color), ["rgb", "bgr"])
    return color == "bgr"


__all__ = ["FrameConversion", "ValueRange", "check_range", "find_range", "image_array", "parse_range", "to_rgb"]
