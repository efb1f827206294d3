"""A crop is a value: the only link between image and crop coordinates, in training, tracking and export.

`Crop` holds one square window or a batch of them. Coordinates are continuous and measured from the top-left corner of
the top-left pixel, in the image and in the crop alike, so a window of `side` image pixels maps to `size` crop pixels
by the factor size / side and sub-pixel positions survive both ways.

Networks of the PySOT family count crop pixels from the centre of the first pixel: their crop's centre is (size - 1) / 2
(`middle`). Their official trackers also cut windows of whole pixels (`whole`), but map back as if they had not: up to half
a pixel is dropped. Both are reproduced here, so that everything else stays the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

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
        middle: crop coordinate of the centre; None for size / 2. (size - 1) / 2 for boxes that count from the first pixel's centre.
        whole: `extract` cuts a square of whole image pixels as PySOT does (`center` then counts from the first pixel's centre);
            `to_crop` and `to_image` keep to the unrounded centre and side.
    """

    center: FloatArray
    side: FloatArray
    size: int
    middle: float | None = None
    whole: bool = False

    @classmethod
    def around(cls, boxes_cxcywh: ArrayLike, factor: float, size: int, min_side: float = 10.0) -> Crop:
        """The window of side ``factor * sqrt(w h)`` around each (..., 4) cx, cy, w, h box, at least `min_side` image pixels.

        The area rule of the transformer trackers (OSTrack, STARK): the target fills 1 / factor² of the crop whatever its shape.
        """
        boxes = np.asarray(boxes_cxcywh, dtype=np.float64)
        side = factor * np.sqrt(np.maximum(boxes[..., 2] * boxes[..., 3], 0))
        return cls(boxes[..., :2], np.maximum(side, min_side), size)

    @classmethod
    def with_context(cls, boxes_cxcywh: ArrayLike, factor: float, size: int, context: float = 0.5, min_side: float = 1.0) -> Crop:
        """The window of side ``factor * sqrt((w + p)(h + p))``, ``p = context (w + h)``, around each (..., 4) cx, cy, w, h box.

        The rule of SiamFC (Bertinetto et al., 2016, Eq. 15) and all that followed it. A template crop has factor 1, a search crop
        search size / template size, so that both have one scale. At least `min_side` image pixels.
        """
        boxes = np.asarray(boxes_cxcywh, dtype=np.float64)
        w, h = boxes[..., 2], boxes[..., 3]
        margin = context * (w + h)
        side = factor * np.sqrt(np.maximum((w + margin) * (h + margin), 0))
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
        return (boxes - center) * scale + self._middle

    def to_image(self, boxes_xyxy: ArrayLike) -> FloatArray:
        """(..., 4) crop boxes to image boxes; the exact inverse of `to_crop`."""
        boxes = np.asarray(boxes_xyxy, dtype=np.float64)
        scale, center = np.tile(self.scale, 2), np.tile(self.center, 2)  # (..., 4)
        return (boxes - self._middle) / scale + center

    def expand(self) -> Crop:
        """The same windows with one more batch axis, so that (B,) crops meet (B, N, 4) boxes."""
        center = np.asarray(self.center)
        side = np.asarray(self.side)
        side = side[..., None, :] if side.ndim == center.ndim else side[..., None]
        return replace(self, center=center[..., None, :], side=side)

    def __getitem__(self, index: int | slice) -> Crop:
        """The window(s) at `index` of a batch."""
        return replace(self, center=np.asarray(self.center)[index], side=np.asarray(self.side)[index])

    def matrix(self) -> FloatArray:
        """(2, 3) affine matrix for `cv2.warpAffine`, image pixel indices to crop pixel indices. One window only; not for `whole` ones.

        OpenCV puts pixel i's centre at coordinate i, we put it at i + 0.5: hence the two half-pixel terms.
        """
        scale = self.scale  # (2,)
        shift = self.size / 2 - (np.asarray(self.center) - 0.5) * scale - 0.5
        return np.array([[scale[0], 0.0, shift[0]], [0.0, scale[1], shift[1]]])

    def extract(self, image: Frame, fill: ArrayLike = (0, 0, 0), interpolation: int = cv2.INTER_LINEAR) -> Frame:
        """(size, size, C) pixels of one window; outside the image is `fill` (one value per channel)."""
        border = [float(value) for value in np.atleast_1d(np.asarray(fill, dtype=np.float64))]
        if self.whole:
            return self._extract_whole(image, border, interpolation)
        return cv2.warpAffine(  # type: ignore[return-value]
            image, self.matrix(), (self.size, self.size), flags=interpolation, borderMode=cv2.BORDER_CONSTANT, borderValue=border
        )

    @property
    def _middle(self) -> float:
        return self.size / 2 if self.middle is None else self.middle

    def _extract_whole(self, image: Frame, fill: list[float], interpolation: int) -> Frame:
        """PySOT's `get_subwindow`, cutting before it pads: the same bytes without a copy of the whole frame."""
        side = max(round(float(self.side)), 1)  # half to even
        left, top = (math.floor(float(c) - (side + 1) / 2 + 0.5) for c in np.asarray(self.center))
        height, width = image.shape[:2]
        x1, x2 = (min(max(x, 0), width) for x in (left, left + side))
        y1, y2 = (min(max(y, 0), height) for y in (top, top + side))
        # the official padded frame is uint8: a mean is cut, not rounded (the small term: a mean that is whole but for its last bit)
        color = [math.floor(value + 1e-9) for value in fill]
        patch: Frame = np.empty((side, side, *image.shape[2:]), dtype=image.dtype)
        if x2 - x1 < side or y2 - y1 < side:
            patch[:] = color if image.ndim == 3 else color[0]
        patch[y1 - top : y2 - top, x1 - left : x2 - left] = image[y1:y2, x1:x2]
        if side == self.size:
            return patch
        return cv2.resize(patch, (self.size, self.size), interpolation=interpolation)  # type: ignore[return-value]


def mean_color(frame: Frame) -> FloatArray:
    """(3,) mean of each channel: the border colour of crops. `cv2.mean` is far faster than `np.mean` on a frame."""
    return np.asarray(cv2.mean(frame)[: frame.shape[2]])
