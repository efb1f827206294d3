"""Which window of a frame an online tracker searches, and how places in it are mapped to the frame."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lockon.ops.crop import Crop
from lockon.ops.crop_rules import PytrackingRule
from lockon.types import FloatArray


@dataclass(frozen=True, kw_only=True, slots=True)
class AsCut:
    """Places are mapped by the window that was cut (DiMP)."""

    def first(self, boxes_cxcywh: FloatArray) -> FloatArray:
        """Return (n, 4) boxes around which first-frame patches are cut: at the nearest pixel, half to even."""
        return np.concatenate([_nearest_pixel(boxes_cxcywh[:, :2]), boxes_cxcywh[:, 2:]], axis=1)

    def __call__(self, crops: Crop, boxes_cxcywh: FloatArray, side: FloatArray) -> Crop:
        """Return the windows that places are mapped by, of B crops as they were cut."""
        return crops


@dataclass(frozen=True, kw_only=True, slots=True)
class NearestPixel:
    """Places are mapped as if the window were centred on the nearest pixel and its side not rounded: up to a pixel is dropped (ATOM)."""

    def first(self, boxes_cxcywh: FloatArray) -> FloatArray:
        """Return (n, 4) boxes around which first-frame patches are cut: as they are."""
        return boxes_cxcywh

    def __call__(self, crops: Crop, boxes_cxcywh: FloatArray, side: FloatArray) -> Crop:
        """Return the windows that places are mapped by.

        Args:
            crops: B crops as they were cut.
            boxes_cxcywh: (B, 4) in image pixels around which they were cut.
            side: (B,) sides before they were rounded.
        """
        return Crop(_nearest_pixel(boxes_cxcywh[:, :2]), side, crops.size)


Placement = AsCut | NearestPixel


def first_window(rule: PytrackingRule, boxes_cxcywh: FloatArray, size: int) -> Crop:
    """Return the windows of `size` pixels in which first-frame boxes (n, 4) are given: around the nearest pixel, of unrounded side."""
    side = rule.factor * np.sqrt(boxes_cxcywh[:, 2] * boxes_cxcywh[:, 3])
    return Crop(_nearest_pixel(boxes_cxcywh[:, :2]), side, size)


def first_patches(rule: PytrackingRule, placement: Placement, boxes_cxcywh: FloatArray, sizes: tuple[int, int]) -> Crop:
    """Return the windows of the patches that first-frame views are cut from; they may reach outside of the frame.

    Args:
        rule: Of search crops.
        placement: Of search crops.
        boxes_cxcywh: (n, 4) in image pixels.
        sizes: Sides of a search crop and of a patch in pixels.
    """
    crop, patch = sizes
    return replace(rule, inside=None)(placement.first(boxes_cxcywh), patch, growth=patch / crop)  # the factor itself has a limit


def _nearest_pixel(centers: FloatArray) -> FloatArray:
    """Return (n, 2) centres moved to the middle of the nearest pixel, half to even."""
    return np.asarray(np.round(centers - 0.5) + 0.5)


__all__ = ["AsCut", "NearestPixel", "Placement", "first_patches", "first_window"]
