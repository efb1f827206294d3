"""Crops of whole image pixels, as the official trackers cut them; each family rounds in its own way, and all else stays the same.

`PysotCrop` cuts the rounded window of PySOT's family but maps boxes as if it had not: up to half a pixel is dropped. `PatchCrop` is the
window that was really cut, as pytracking's trackers keep it: boxes are mapped exactly. So is `OSTrackCrop`, of shorter images.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike

from lockon.ops.crop import Crop, border_mode
from lockon.types import FloatArray, Frame


@dataclass(frozen=True, slots=True)
class PysotCrop(Crop):
    """Windows of whole pixels as PySOT's ``get_subwindow`` cuts them; `center` counts from the first pixel's centre.

    `to_crop` and `to_image` keep to the unrounded centre and side.
    """

    def extract(self, image: Frame, border_color: ArrayLike | None = (0, 0, 0), interpolation: int = cv2.INTER_LINEAR) -> Frame:
        """Return the (size, size, C) pixels of one window, cut before it is padded: the same bytes without a copy of the whole frame."""
        side = max(round(float(self.side)), 1)  # half to even
        left, top = (math.floor(float(c) - (side + 1) / 2 + 0.5) for c in np.asarray(self.center))
        # the official padded frame is uint8: a mean is cut, not rounded (the small term: a mean that is whole but for its last bit)
        color = None if border_color is None else [math.floor(value + 1e-9) for value in border_mode(border_color)[1]]
        patch = padded_window(image, (left, top), (side, side), color)
        if side == self.size:
            return patch
        return cv2.resize(patch, (self.size, self.size), interpolation=interpolation)  # type: ignore[return-value]

    def patch_placement(self, first: FloatArray, frame_size: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
        """Return where a patch lies in the frame as PySOT's tracker has it, see `Crop.patch_placement`.

        It takes a rounded side, ignores that the window began at a whole pixel, and shrinks the patch by (W - 1) / W.
        """
        side = np.round(np.asarray(self.side, dtype=np.float64))  # half to even, as Python's round
        scale = side / self.size  # frame pixels per patch pixel
        corner = np.asarray(self.center) - side / 2 + first * scale
        whole = np.asarray(frame_size, dtype=np.float64)
        shrunk = (whole - 1) / whole * scale
        return shrunk, shrunk / scale * corner


@dataclass(frozen=True, slots=True)
class PatchCrop(Crop):
    """Windows that begin and end at whole pixels (`center` and `side` are theirs), thinned before they are resampled.

    Attributes:
        step: Every how many pixels of the frame one is kept, from 1; windows much larger than the output alias otherwise. One number
            for all windows, or (...).
        phase: x, y of the pixels that are kept, 0 to `step` - 1; (2,) for all windows, or (..., 2).
    """

    step: int | FloatArray = 1
    phase: FloatArray | tuple[int, int] = (0, 0)

    def __getitem__(self, index: int | slice) -> PatchCrop:
        """Return the window or windows at `index` of a batch."""
        step = self.step if np.ndim(self.step) == 0 else np.asarray(self.step)[index]
        phase = self.phase if np.ndim(self.phase) == 1 else np.asarray(self.phase)[index]
        center, side = np.asarray(self.center)[index], np.asarray(self.side)[index]
        return PatchCrop(center, side, self.size, self.middle, step, phase)

    def extract(self, image: Frame, border_color: ArrayLike | None = None, interpolation: int = cv2.INTER_LINEAR) -> Frame:
        """Return the (size, size, C) pixels of one window."""
        step, phase = int(self.step), [int(value) for value in np.asarray(self.phase)]
        sides = np.broadcast_to(np.asarray(self.side, dtype=np.float64), (2,))
        left, top = (round(float(value)) // step for value in np.asarray(self.center) - sides / 2)
        width, height = (round(float(value)) // step for value in sides)
        thinned = image[phase[1] :: step, phase[0] :: step]
        color = None if border_color is None else border_mode(border_color)[1]
        patch = padded_window(thinned, (left, top), (width, height), color)
        if (width, height) == (self.size, self.size):
            return patch
        return cv2.resize(patch, (self.size, self.size), interpolation=interpolation)  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class OSTrackCrop(Crop):
    """Windows of whole pixels that OSTrack's ``sample_target`` cuts, with its shorter images; `side` is theirs.

    Boxes are mapped exactly where `center` is theirs as well. Another one within half a pixel cuts the same pixels.
    """

    def extract(self, image: Frame, border_color: ArrayLike | None = (0, 0, 0), interpolation: int = cv2.INTER_LINEAR) -> Frame:
        """Return the (size, size, C) pixels of one window."""
        side = round(float(self.side))
        left, top = (round(float(value)) for value in self.center - side / 2)
        patch = short_window(image, (left, top), (side, side), border_color)
        return cv2.resize(patch, (self.size, self.size), interpolation=interpolation)  # type: ignore[return-value]


def short_window(image: Frame, corner: tuple[int, int], sides: tuple[int, int], color: ArrayLike | None) -> Frame:
    """Return what `padded_window` does, but the image's last column and row count as outside where the window reaches them or beyond.

    So do the published codes of ATOM, DiMP, OSTrack and Alpha-Refine, which pad by one pixel too much.
    """
    height, width = image.shape[:2]
    short = image[: height - (corner[1] + sides[1] >= height), : width - (corner[0] + sides[0] >= width)]
    return padded_window(short, corner, sides, color)


def padded_window(image: Frame, corner: tuple[int, int], sides: tuple[int, int], color: ArrayLike | None) -> Frame:
    """Return (h, w, C) whole pixels of an image from `corner` (x, y) on, wherever that lies.

    Args:
        image: (H, W, C) or (H, W).
        corner: x, y of the first pixel; may be negative.
        sides: Width and height in pixels.
        color: One value per channel for what lies outside; None repeats the image's outermost pixels.
    """
    (left, top), (wide, high), (height, width) = corner, sides, image.shape[:2]
    if color is None:
        rows, columns = np.clip(np.arange(top, top + high), 0, height - 1), np.clip(np.arange(left, left + wide), 0, width - 1)
        return np.ascontiguousarray(image[rows[:, None], columns])
    x1, x2 = (min(max(x, 0), width) for x in (left, left + wide))
    y1, y2 = (min(max(y, 0), height) for y in (top, top + high))
    patch: Frame = np.empty((high, wide, *image.shape[2:]), dtype=image.dtype)
    if x2 - x1 < wide or y2 - y1 < high:
        patch[:] = color if image.ndim == 3 else np.atleast_1d(np.asarray(color))[0]
    patch[y1 - top : y2 - top, x1 - left : x2 - left] = image[y1:y2, x1:x2]
    return patch


__all__ = ["OSTrackCrop", "PatchCrop", "PysotCrop", "padded_window", "short_window"]
