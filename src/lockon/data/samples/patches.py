"""The 511-pixel patches of the PySOT family: one object in the middle, with room for every jitter of a 255-pixel search crop.

Coordinates are pixel indices (the first pixel's centre is 0), as in the family's code. With w, h of the target and its context
p = (w + h) / 2, the square of side s = sqrt((w + p)(h + p)) is what a template of 127 pixels shows; a patch shows 511 / 127 of it.
"""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from lockon.data.samples.views import View
from lockon.errors import LockonError
from lockon.ops.crop import mean_color
from lockon.types import FloatArray, Frame

PATCH = 511
EXEMPLAR = 127
CONTEXT = 0.5


def context_side(width: float, height: float) -> float:
    """Return the side of the square around a target that a template shows, in image pixels."""
    context = CONTEXT * (width + height)
    return math.sqrt((width + context) * (height + context))


def cut_patch(image: Frame, box_xyxy: FloatArray, size: int = PATCH) -> Frame:
    """Cut a (size, size, 3) patch of an image with a target in its middle; outside the image is the image's mean colour.

    The corners of the square, centre -/+ s/2, fall on the centres of the first and the last pixel: the factor is 510 / s for 511
    pixels. (`box_in_patch` counts with 511 / s as the family does, 0.2 % more.)

    Args:
        image: (H, W, 3) uint8; or (H, W), a mask, whose outside is 0.
        box_xyxy: (4,) in pixels of the image.
        size: Side of the patch; 127 for what a template shows.
    """
    x1, y1, x2, y2 = (float(value) for value in box_xyxy)
    side = context_side(x2 - x1, y2 - y1) * size / EXEMPLAR
    factor = (size - 1) / side
    corner = np.array([(x1 + x2 - side) / 2, (y1 + y2 - side) / 2])
    matrix = np.column_stack([np.eye(2) * factor, -factor * corner])
    border = mean_color(image).tolist() if image.ndim == 3 else [0.0]
    return cv2.warpAffine(image, matrix, (size, size), borderMode=cv2.BORDER_CONSTANT, borderValue=border)  # type: ignore[return-value]


def box_in_patch(width: float, height: float, size: int = PATCH) -> FloatArray:
    """Return (4,) x1, y1, x2, y2 of a target of `width` x `height` image pixels in its patch; its centre is pixel size // 2."""
    half = np.array([width, height]) * (EXEMPLAR / context_side(width, height) / 2)
    middle = size // 2
    return np.concatenate([middle - half, middle + half])


def as_patch(view: View, *, cropped: bool) -> View:
    """Return the (511, 511, 3) patch of one row of a dataset, with its box in pixel indices.

    Args:
        view: The image, box and mask; the mask of a patch that is cut now has values between 0 and 255 along its rim.
        cropped: Whether the image is a patch already, with the object in the middle.

    Raises:
        LockonError: An image that claims to be a patch and has another size.
    """
    box = box_in_patch(*view.sides)
    if cropped:
        if view.image.shape != (PATCH, PATCH, 3):
            height, width = view.image.shape[:2]
            advice = "cut it again: lockon data crop511"
            raise LockonError(f"{view.id} is a patch of {width}x{height} pixels, expected {PATCH}x{PATCH}; {advice}")
        return replace(view, box=box)

    def cut_mask() -> NDArray[np.uint8] | None:
        white = view.coverage()
        return None if white is None else cut_patch(white, view.box)

    return View(cut_patch(view.image, view.box), box, view.id, None if view.mask is None else cut_mask)


__all__ = ["CONTEXT", "EXEMPLAR", "PATCH", "as_patch", "box_in_patch", "context_side", "cut_patch"]
