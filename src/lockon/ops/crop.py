"""A crop is a value: the only link between image and crop coordinates, in training, tracking and export.

`Crop` holds one square window or a batch of them. Coordinates are continuous and measured from the top-left corner of
the top-left pixel, in the image and in the crop alike, so a window of `side` image pixels maps to `size` crop pixels
by the factor size / side and sub-pixel positions survive both ways.

Networks of the PySOT family count crop pixels from the centre of the first pixel: their crop's centre is (size - 1) / 2
(`middle`). Windows of whole pixels, as the official trackers cut them, are crops of their own (`lockon.ops.whole_crops`). Which window
belongs to a box is decided by a rule (`lockon.ops.crop_rules`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import ArrayLike

from lockon.types import FloatArray, Frame

C = TypeVar("C", bound="Crop")


@dataclass(frozen=True, slots=True)
class Crop:
    """Square windows of an image, resampled to `size` x `size` pixels.

    Attributes:
        center: (..., 2) x, y of the window's centre in image coordinates.
        side: (...) side length in image pixels, > 0; or (..., 2) for separate width and height (aspect augmentation).
        size: Side length of the output in crop pixels.
        middle: Crop coordinate of the centre; None for size / 2. (size - 1) / 2 for boxes that count from the first pixel's centre.
    """

    center: FloatArray
    side: FloatArray
    size: int
    middle: float | None = None

    @classmethod
    def around(cls: type[C], boxes_cxcywh: ArrayLike, factor: float, size: int, min_side: float = 10.0) -> C:
        """Return the window of side ``factor * sqrt(w h)`` around each (..., 4) cx, cy, w, h box, at least `min_side` image pixels.

        The area rule of the transformer trackers (OSTrack, STARK): the target fills 1 / factor² of the crop whatever its shape.
        """
        boxes = np.asarray(boxes_cxcywh, dtype=np.float64)
        side = factor * np.sqrt(np.maximum(boxes[..., 2] * boxes[..., 3], 0))
        return cls(boxes[..., :2], np.maximum(side, min_side), size)

    @classmethod
    def with_context(cls: type[C], boxes_cxcywh: ArrayLike, factor: float, size: int, context: float = 0.5, min_side: float = 1.0) -> C:
        """Return the window of side ``factor * sqrt((w + p)(h + p))``, ``p = context (w + h)``, around each (..., 4) cx, cy, w, h box.

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
        """Return crop pixels per image pixel, shape (..., 2) for x and y."""
        side = np.asarray(self.side, dtype=np.float64)
        if side.ndim < np.ndim(self.center):
            side = np.stack([side, side], axis=-1)
        return np.asarray(self.size / side)

    def to_crop(self, boxes_xyxy: ArrayLike) -> FloatArray:
        """Convert (..., 4) image boxes to crop boxes. For (B, N, 4) boxes use a crop of batch shape (B, 1) (see `expand`)."""
        boxes = np.asarray(boxes_xyxy, dtype=np.float64)
        scale, center = np.tile(self.scale, 2), np.tile(self.center, 2)  # (..., 4)
        return (boxes - center) * scale + self._middle

    def to_image(self, boxes_xyxy: ArrayLike) -> FloatArray:
        """Convert (..., 4) crop boxes to image boxes; the exact inverse of `to_crop`."""
        boxes = np.asarray(boxes_xyxy, dtype=np.float64)
        scale, center = np.tile(self.scale, 2), np.tile(self.center, 2)  # (..., 4)
        return (boxes - self._middle) / scale + center

    def expand(self: C) -> C:
        """Return the same windows with one more batch axis, so that (B,) crops meet (B, N, 4) boxes."""
        center = np.asarray(self.center)
        side = np.asarray(self.side)
        side = side[..., None, :] if side.ndim == center.ndim else side[..., None]
        return replace(self, center=center[..., None, :], side=side)

    def __getitem__(self: C, index: int | slice) -> C:
        """Return the window or windows at `index` of a batch."""
        return replace(self, center=np.asarray(self.center)[index], side=np.asarray(self.side)[index])

    def matrix(self) -> FloatArray:
        """Return the (2, 3) affine matrix for `cv2.warpAffine`, image pixel indices to crop pixel indices, of one window.

        OpenCV puts pixel i's centre at coordinate i, we put it at i + 0.5: hence the two half-pixel terms.
        """
        scale = self.scale  # (2,)
        shift = self.size / 2 - (np.asarray(self.center) - 0.5) * scale - 0.5
        return np.array([[scale[0], 0.0, shift[0]], [0.0, scale[1], shift[1]]])

    def extract(self, image: Frame, border_color: ArrayLike | None = (0, 0, 0), interpolation: int = cv2.INTER_LINEAR) -> Frame:
        """Return the (size, size, C) pixels of one window.

        Args:
            image: (H, W, C) or (H, W).
            border_color: One value per channel for what lies outside the image; None repeats the image's outermost pixels.
            interpolation: Of OpenCV.
        """
        mode, value = border_mode(border_color)
        return cv2.warpAffine(  # type: ignore[return-value]
            image, self.matrix(), (self.size, self.size), flags=interpolation, borderMode=mode, borderValue=value
        )

    def patch_placement(self, first: FloatArray, frame_size: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
        """Return where a patch of crop pixels lies in the frame: (2,) frame pixels per patch pixel and (2,) the place of its first pixel.

        Args:
            first: (2,) x, y of the first patch pixel in the crop, both counted from pixel centres.
            frame_size: Width and height of the frame in pixels.
        """
        scale = 1 / self.scale  # (2,) frame pixels per crop pixel
        # centres are measured from the frame's corner, warpAffine counts from the centre of its first pixel
        return scale, np.asarray(self.center) - 0.5 + (first - (self.size - 1) / 2) * scale

    @property
    def _middle(self) -> float:
        return self.size / 2 if self.middle is None else self.middle


def border_mode(border_color: ArrayLike | None) -> tuple[int, list[float]]:
    """Return OpenCV's border mode and value for a border colour, one value per channel; None repeats the outermost pixels."""
    if border_color is None:
        return cv2.BORDER_REPLICATE, [0.0]
    return cv2.BORDER_CONSTANT, [float(value) for value in np.atleast_1d(np.asarray(border_color, dtype=np.float64))]


def mean_color(frame: Frame) -> FloatArray:
    """Return the (3,) mean of each channel, the border colour of crops. `cv2.mean` is far faster than `np.mean` on a frame."""
    return np.asarray(cv2.mean(frame)[: frame.shape[2]])
