"""The crop of a refiner: a multiple of a box's width and height, each axis stretched for itself to one square.

Yan et al., Alpha-Refine, CVPR 2021, Sec. 3.1: twice the box on both axes, so that the box is always the middle half of the crop whatever
its shape. Coordinates are those of `lockon.ops.crop`: continuous, from the top-left corner of the top-left pixel.

`OfficialStretchedCrop` repeats the published code to the byte, to measure what was published: it cuts windows of whole pixels and maps
boxes as if it had not, to the crop with a middle of 127.5, half a pixel aside, and back from the unrounded window with a middle of 128.
Networks that were trained with such boxes count crop pixels from the centre of the first one; `middle` says so without the rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockon.ops.crop import Crop
from lockon.ops.whole_crops import short_window
from lockon.types import FloatArray, Frame

MIN_SIDE = 1.0  # image pixels
C = TypeVar("C", bound="StretchedCrop")


@dataclass(frozen=True, slots=True)
class StretchedCrop:
    """Windows around boxes, resampled to `size` x `size` pixels; one or a batch. Boxes must be finite.

    Attributes:
        boxes: (..., 4) cx, cy, w, h in image pixels.
        factor: Sides of the window over those of the box.
        size: Side of the output in crop pixels.
        middle: Crop coordinate of the centre; None for size / 2. (size - 1) / 2 for boxes that count from the first pixel's centre.
    """

    boxes: FloatArray
    factor: float = 2.0
    size: int = 256
    middle: float | None = None

    @classmethod
    def around(cls: type[C], boxes_cxcywh: ArrayLike, factor: float = 2.0, size: int = 256, *, middle: float | None = None) -> C:
        """Return the window of `factor` w x `factor` h around each (..., 4) cx, cy, w, h box, at least 1 image pixel per side."""
        return cls(np.asarray(boxes_cxcywh, dtype=np.float64), factor, size, middle)

    @property
    def sides(self) -> FloatArray:
        """Return (..., 2) width and height of the windows in image pixels."""
        return np.asarray(np.maximum(self.factor * self.boxes[..., 2:], MIN_SIDE))

    @property
    def scale(self) -> FloatArray:
        """Return (..., 2) crop pixels per image pixel."""
        return np.asarray(self.size / self.sides)

    def windows(self) -> FloatArray:
        """Return (..., 4) x1, y1, x2, y2 of the windows that `extract` takes its pixels from."""
        start = self.boxes[..., :2] - self.sides / 2
        return np.concatenate([start, start + self.sides], axis=-1)

    def to_crop(self, boxes_xyxy: ArrayLike) -> FloatArray:
        """Convert (..., 4) image boxes to crop boxes, not clipped. For (B, N, 4) boxes use `expand`."""
        return self._crop(self.middle).to_crop(boxes_xyxy)

    def to_image(self, boxes_xyxy: ArrayLike) -> FloatArray:
        """Convert (..., 4) crop boxes to image boxes."""
        return self._crop(self.middle).to_image(boxes_xyxy)

    def expand(self: C) -> C:
        """Return the same windows with one more batch axis, so that (B,) crops meet (B, N, 4) boxes."""
        return replace(self, boxes=self.boxes[..., None, :])

    def __getitem__(self: C, index: int | slice) -> C:
        """Return the window or windows at `index` of a batch."""
        return replace(self, boxes=self.boxes[index])

    def extract(self, image: Frame, border_color: ArrayLike = (0, 0, 0), interpolation: int = cv2.INTER_LINEAR) -> Frame:
        """Return the (size, size, C) pixels of one window; outside the image is `border_color`, one value per channel."""
        return self._crop().extract(image, border_color, interpolation)

    def paste(self, patch: ArrayLike, size: tuple[int, int]) -> NDArray[np.float32]:
        """Put what lies in the crop, for example probabilities of a mask, back in the frame; one window.

        Args:
            patch: (size, size) values at the pixels of the crop.
            size: Width and height of the frame in pixels.

        Returns:
            (H, W) float32, 0 outside the window.
        """
        values = np.ascontiguousarray(patch, dtype=np.float32)
        frame = np.zeros((size[1], size[0]), dtype=np.float32)
        part = _visible(self.windows(), size)
        if part is not None:
            rows, columns = part
            frame[rows, columns] = self._resampled(values, rows, columns)
        return frame

    def _resampled(self, values: NDArray[np.float32], rows: slice, columns: slice) -> NDArray[np.float32]:
        """Return the crop's `values` at the frame's `rows` and `columns`."""
        matrix = self._crop().matrix()  # numbers of pixels, frame to crop; from now on of this part of the frame
        matrix[:, 2] += matrix[:, :2] @ (columns.start, rows.start)
        extent = (columns.stop - columns.start, rows.stop - rows.start)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpAffine(values, matrix, extent, flags=flags, borderMode=cv2.BORDER_CONSTANT), dtype=np.float32)

    def _crop(self, middle: float | None = None) -> Crop:
        return Crop(self.boxes[..., :2], self.sides, self.size, middle=middle)


@dataclass(frozen=True, slots=True)
class OfficialStretchedCrop(StretchedCrop):
    """The published code's windows of whole pixels and its maps of boxes, of which `to_image` is not the inverse of `to_crop`.

    `middle` is not used.
    """

    @property
    def sides(self) -> FloatArray:
        """Return (..., 2) width and height of the windows in whole image pixels."""
        return np.asarray(np.ceil(np.maximum(self.factor * self.boxes[..., 2:], MIN_SIDE)))

    def windows(self) -> FloatArray:
        """Return (..., 4) x1, y1, x2, y2 of the windows in whole pixels."""
        start = np.round(self.boxes[..., :2] - self.sides / 2)  # half to even, as Python's round
        return np.concatenate([start, start + self.sides], axis=-1)

    def to_crop(self, boxes_xyxy: ArrayLike) -> FloatArray:
        """Convert (..., 4) image boxes to crop boxes, with a middle half a pixel aside."""
        return self._crop((self.size - 1) / 2).to_crop(boxes_xyxy)

    def to_image(self, boxes_xyxy: ArrayLike) -> FloatArray:
        """Convert (..., 4) crop boxes to image boxes, as if the window were neither rounded nor of a whole side."""
        corner = self.boxes[..., :2] - self.factor / 2 * self.boxes[..., 2:]
        return np.asarray(np.tile(corner, 2) + np.asarray(boxes_xyxy, dtype=np.float64) / np.tile(self.scale, 2))

    def extract(self, image: Frame, border_color: ArrayLike = (0, 0, 0), interpolation: int = cv2.INTER_LINEAR) -> Frame:
        """Return the (size, size, C) pixels of one window; outside the image is `border_color`, one value per channel."""
        x1, y1, x2, y2 = (int(value) for value in self.windows())
        patch = short_window(image, (x1, y1), (x2 - x1, y2 - y1), border_color)
        return cv2.resize(patch, (self.size, self.size), interpolation=interpolation)  # type: ignore[return-value]

    def _resampled(self, values: NDArray[np.float32], rows: slice, columns: slice) -> NDArray[np.float32]:
        """Return the crop's `values` at the frame's `rows` and `columns`."""
        x1, y1, x2, y2 = (int(value) for value in self.windows())
        whole = cv2.resize(values, (x2 - x1, y2 - y1), interpolation=cv2.INTER_LINEAR)
        return np.asarray(whole[rows.start - y1 : rows.stop - y1, columns.start - x1 : columns.stop - x1], dtype=np.float32)


def _visible(window: FloatArray, size: tuple[int, int]) -> tuple[slice, slice] | None:
    """Return the rows and columns of a frame of width and height `size` that a window (4,) x1, y1, x2, y2 covers; None for none."""
    (x1, y1, x2, y2), (width, height) = window, size
    left, right = (int(np.clip(edge, 0, width)) for edge in (math.floor(x1), math.ceil(x2)))
    top, bottom = (int(np.clip(edge, 0, height)) for edge in (math.floor(y1), math.ceil(y2)))
    return None if left >= right or top >= bottom else (slice(top, bottom), slice(left, right))


__all__ = ["OfficialStretchedCrop", "StretchedCrop"]
