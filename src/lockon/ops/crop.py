"""A crop is a value: the only link between image and crop coordinates, in training, tracking and export.

`Crop` holds one square window or a batch of them. Coordinates are continuous and measured from the top-left corner of
the top-left pixel, in the image and in the crop alike, so a window of `side` image pixels maps to `size` crop pixels
by the factor size / side and sub-pixel positions survive both ways. Families with integer windows (PySOT) round the
window first and then are crops like any other.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike

from lockon.types import FloatArray, Frame


@dataclass(frozen=True, slots=True)
class Crop:
    """Square windows of an image, resampled to `size` x `size` pixels.

    Attributes:
        center: (..., 2) x, y of the window's centre in image coordinates.
        side: (...) side length in image pixels, > 0; or (..., 2) for separate width and height (aspect augmentation).
        size: side length of the output in crop pixels.
    """

    center: FloatArray
    side: FloatArray
    size: int

    @classmethod
    def around(cls, boxes_cxcywh: ArrayLike, factor: float, size: int, min_side: float = 10.0) -> Crop:
        """The window of side ``factor * sqrt(w h)`` around each (..., 4) cx, cy, w, h box, at least `min_side` image pixels.

        The area rule of the transformer trackers (OSTrack, STARK): the target fills 1 / factor² of the crop whatever its shape.
        """
        boxes = np.asarray(boxes_cxcywh, dtype=np.float64)
        side = factor * np.sqrt(np.maximum(boxes[..., 2] * boxes[..., 3], 0))
        return cls(boxes[..., :2], np.maximum(side, min_side), size)

    @property
    def scale(self) -> FloatArray:
        """Crop pixels per image pixel, shape (..., 2) for x and y."""
        side = np.asarray(self.side, dtype=np.float64)
        if side.ndim < np.ndim(self.center):
            side = np.stack([side, side], axis=-1)
        return np.asarray(self.size / side)

    def to_crop(self, boxes_xyxy: ArrayLike) -> FloatArray:
        """(..., 4) image boxes to crop boxes. For (B, N, 4) boxes use a crop of batch shape (B, 1) (see `expand`)."""
        boxes = np.asarray(boxes_xyxy, dtype=np.float64)
        scale, center = np.tile(self.scale, 2), np.tile(self.center, 2)  # (..., 4)
        return (boxes - center) * scale + self.size / 2

    def to_image(self, boxes_xyxy: ArrayLike) -> FloatArray:
        """(..., 4) crop boxes to image boxes; the exact inverse of `to_crop`."""
        boxes = np.asarray(boxes_xyxy, dtype=np.float64)
        scale, center = np.tile(self.scale, 2), np.tile(self.center, 2)  # (..., 4)
        return (boxes - self.size / 2) / scale + center

    def expand(self) -> Crop:
        """The same windows with one more batch axis, so that (B,) crops meet (B, N, 4) boxes."""
        center = np.asarray(self.center)
        side = np.asarray(self.side)
        side = side[..., None, :] if side.ndim == center.ndim else side[..., None]
        return Crop(center[..., None, :], side, self.size)

    def __getitem__(self, index: int | slice) -> Crop:
        """The window(s) at `index` of a batch."""
        return Crop(np.asarray(self.center)[index], np.asarray(self.side)[index], self.size)

    def matrix(self) -> FloatArray:
        """(2, 3) affine matrix for `cv2.warpAffine`, image pixel indices to crop pixel indices. One window only.

        OpenCV puts pixel i's centre at coordinate i, we put it at i + 0.5: hence the two half-pixel terms.
        """
        scale = self.scale  # (2,)
        shift = self.size / 2 - (np.asarray(self.center) - 0.5) * scale - 0.5
        return np.array([[scale[0], 0.0, shift[0]], [0.0, scale[1], shift[1]]])

    def extract(self, image: Frame, fill: ArrayLike = (0, 0, 0), interpolation: int = cv2.INTER_LINEAR) -> Frame:
        """(size, size, C) pixels of one window; outside the image is `fill` (one value per channel)."""
        border = [float(value) for value in np.atleast_1d(np.asarray(fill, dtype=np.float64))]
        return cv2.warpAffine(  # type: ignore[return-value]
            image, self.matrix(), (self.size, self.size), flags=interpolation, borderMode=cv2.BORDER_CONSTANT, borderValue=border
        )


def mean_color(frame: Frame) -> FloatArray:
    """(3,) mean of each channel: the border colour of crops. `cv2.mean` is far faster than `np.mean` on a frame."""
    return np.asarray(cv2.mean(frame)[: frame.shape[2]])
