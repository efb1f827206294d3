"""Crops of whole pixels around a box that is a little wrong, as pytracking and the trackers built on it make them in training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from lockon._config_values import check_range
from lockon.data.samples.placement import BoxJitter, PlacedCrop
from lockon.data.samples.views import View
from lockon.ops.boxes import xyxy_to_cxcywh
from lockon.ops.crop_rules import OSTrackRule
from lockon.types import FloatArray


@dataclass(frozen=True, kw_only=True, slots=True)
class MeanSideJitter:
    """`BoxJitter` whose range of the centre is in units of the mean side of the jittered box (TransT's published training).

    Attributes:
        scale: Standard deviation of the logarithm of each side.
        offset: Range of the centre, in units of the mean of the jittered box's width and height.

    Raises:
        LockonError: A number that is negative or not finite.
    """

    scale: float = 0.0
    offset: float = 0.0

    def __post_init__(self) -> None:
        for name in ("scale", "offset"):
            check_range(name, getattr(self, name), 0)

    def __call__(self, rng: Generator, box_cxcywh: FloatArray) -> FloatArray:
        """Return (4,) cx, cy, w, h: the sides times e to normal numbers, the centre moved by uniform ones."""
        size = box_cxcywh[2:] * np.exp(self.scale * rng.standard_normal(2))
        return np.concatenate([box_cxcywh[:2] + (rng.random(2) - 0.5) * self.offset * size.mean(), size])


Jitter = BoxJitter | MeanSideJitter


@dataclass(frozen=True, slots=True)
class WholeWindow:
    """Crops of whole pixels around a box that is a little wrong; the target's box may reach outside the crop.

    Attributes:
        rule: The window around the wrong box.
        size: Side of the crop in pixels.
        jitter: By how much the box is wrong.
        official: Boxes are those of the published code: relative to the wrong box's centre, as if the window had not been rounded to
            whole pixels, which is at (size - 1) / 2. Otherwise boxes are exact.
    """

    rule: OSTrackRule
    size: int
    jitter: Jitter
    official: bool = True

    def __call__(self, rng: Generator, view: View) -> PlacedCrop:
        """Return the crop around a view's target."""
        given = self.jitter(rng, xyxy_to_cxcywh(view.box))  # (4,)
        crop = self.rule(given, self.size)
        if not self.official:
            return PlacedCrop(crop, crop.to_crop(view.box), border=self.rule.border)
        box = (view.box - np.tile(given[:2], 2)) * np.tile(crop.scale, 2) + (self.size - 1) / 2  # (4,)
        return PlacedCrop(crop, box, indices=True, border=self.rule.border)


__all__ = ["Jitter", "MeanSideJitter", "WholeWindow"]
