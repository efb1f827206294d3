"""Crops of whole pixels around a box that is a little wrong, as pytracking and the trackers built on it make them in training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from lockon.data.samples.placement import BoxJitter, PlacedCrop
from lockon.data.samples.views import View
from lockon.ops.boxes import xyxy_to_cxcywh
from lockon.ops.crop_rules import OSTrackRule
from lockon.types import FloatArray


@dataclass(frozen=True, kw_only=True, slots=True)
class MeanSideJitter(BoxJitter):
    """`BoxJitter` whose `offset` is in units of the mean of the jittered box's width and height (TransT's published training)."""

    def unit(self, size: FloatArray) -> float:
        """Return the mean of the (2,) sides."""
        return float(size.mean())


@dataclass(frozen=True, slots=True)
class WholeWindow:
    """Crops of whole pixels around a box that is a little wrong; the target's box may reach outside the crop.

    Attributes:
        rule: The window around the wrong box.
        size: Side of the crop in pixels.
        jitter: By how much the box is wrong.
        official: Boxes are those of the published code: relative to the wrong box's centre, as if the window had not been rounded to
            whole pixels, which is at (size - 1) / 2. Otherwise boxes are exact, as they must be where the rule moves windows.
    """

    rule: OSTrackRule
    size: int
    jitter: BoxJitter
    official: bool = True

    def __call__(self, rng: Generator, view: View) -> PlacedCrop:
        """Return the crop around a view's target."""
        given = self.jitter(rng, xyxy_to_cxcywh(view.box))  # (4,)
        crop = self.rule(given, self.size, frame_size=view.image.shape[1::-1])
        if not self.official:
            return PlacedCrop(crop, crop.to_crop(view.box), border=self.rule.border)
        box = (view.box - np.tile(given[:2], 2)) * np.tile(crop.scale, 2) + (self.size - 1) / 2  # (4,)
        return PlacedCrop(crop, box, indices=True, border=self.rule.border)


__all__ = ["MeanSideJitter", "WholeWindow"]
