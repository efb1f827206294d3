"""A mask head's patch back into the picture: where it lies, the binary mask, its rotated rectangle and its box.

SiamMask (Wang et al., CVPR 2019, arXiv 1812.05050, Sec. 3.2-3.3): each cell of the score map predicts the mask of one window
of the search crop, as large as a template crop. The crop knows where its patch lies in the frame (`Crop.patch_placement`).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockon._config_values import check_range
from lockon.errors import LockonError
from lockon.ops.crop import Crop
from lockon.types import FloatArray

Mask = NDArray[np.bool_]
MAX_AREA = 1e9  # pixels², of a part of a mask that a configuration can ask for


@dataclass(frozen=True, kw_only=True, slots=True)
class MaskConfig:
    """How a patch of mask probabilities becomes a mask of the frame.

    Attributes:
        threshold: Pixels with a probability above it are the target, 0..1. SiamMask's is low: generous masks score better on
            rotated boxes, while 0.5 fits outlines better.
        stride: Distance of neighbouring cells in search-crop pixels, 0.1..1000.
        offset: Search-crop coordinate of the first patch pixel of cell (0, 0), both counted from pixel centres; -10,000..10,000.
    """

    threshold: float = 0.15
    stride: float = 8.0
    offset: float = -32.0

    def __post_init__(self) -> None:
        check_range("threshold", self.threshold, 0, 1)
        check_range("stride", self.stride, 0.1, 1000)
        check_range("offset", self.offset, -10_000, 10_000)


def paste_patch(patch: ArrayLike, crop: Crop, row: int, col: int, *, size: tuple[int, int], config: MaskConfig | None = None) -> Mask:
    """Return the binary mask of a frame from one cell's patch.

    Args:
        patch: (P, P) probabilities in 0..1, at the scale of the search crop.
        crop: The search window, one.
        row: Row of the chosen candidate's cell in the score map.
        col: Column of that cell.
        size: Width and height of the frame in pixels.
        config: Threshold and geometry; None for the defaults.

    Returns:
        (H, W) bool; False wherever the patch does not reach.

    Raises:
        LockonError: A patch that is not square, or several crops.
    """
    config = config or MaskConfig()
    probabilities = np.ascontiguousarray(patch, dtype=np.float32)
    if probabilities.ndim != 2 or probabilities.shape[0] != probabilities.shape[1] or np.shape(crop.center) != (2,):
        raise LockonError(
            f"patch of shape {probabilities.shape} and crops of shape {np.shape(crop.center)[:-1]}; "
            "expected one (P, P) patch and one crop: index both before the call"
        )
    cell = np.array([col, row], dtype=np.float64)
    scale, shift = crop.patch_placement(config.offset + config.stride * cell, size)  # (2,) frame pixels per patch pixel, (2,)
    matrix = np.array([[scale[0], 0.0, shift[0]], [0.0, scale[1], shift[1]]])
    pasted = cv2.warpAffine(probabilities, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0.0)
    return np.asarray(pasted > config.threshold)


def mask_polygon(mask: Mask, min_area: float = 100.0) -> FloatArray | None:
    """Return the smallest rotated rectangle around the largest connected outline of a mask, as SiamMask reports it on VOT.

    Args:
        mask: (H, W) bool.
        min_area: Outlines whose area is not above it (in pixels²) do not count.

    Returns:
        (4, 2) corners x, y counted from the centre of the first pixel (add 0.5 for the coordinates of lockon's boxes), or None
        where nothing is large enough; PySOT then reports the corners of the box.
    """
    outline = _largest_outline(mask, min_area)
    return None if outline is None else np.asarray(cv2.boxPoints(cv2.minAreaRect(outline)), dtype=np.float64)


def mask_box(mask: Mask, min_area: float = 100.0) -> FloatArray | None:
    """Return (4,) x, y, w, h of the upright box around the largest connected outline of a mask (H, W) bool, or None as `mask_polygon`.

    >>> mask = np.zeros((30, 40), dtype=bool)
    >>> mask[5:25, 10:22] = True
    >>> mask_box(mask).tolist()
    [10.0, 5.0, 12.0, 20.0]
    """
    outline = _largest_outline(mask, min_area)
    return None if outline is None else np.asarray(cv2.boundingRect(outline), dtype=np.float64)


def _largest_outline(mask: Mask, min_area: float) -> NDArray[np.int32] | None:
    """Return the (K, 1, 2) outer contour with the largest area (through the centres of its pixels), if that is above `min_area`."""
    found = cv2.findContours(np.asarray(mask, dtype=np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outlines = found[-2]  # OpenCV 3 returns the image before it
    largest = max(outlines, key=cv2.contourArea, default=None)
    if largest is None or cv2.contourArea(largest) <= min_area:
        return None
    return np.asarray(largest, dtype=np.int32)
