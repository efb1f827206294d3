"""Crop rules: which window belongs to a box. One rule object serves training samples, tracking and refining.

A rule is a frozen value. Called with boxes and the size of the output it returns the `Crop`; `border` says what lies outside the image.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from lockon._config_values import check_range
from lockon.errors import LockonError
from lockon.ops.borders import Border, MeanColor, Replicate, Zero
from lockon.ops.crop import Crop
from lockon.ops.inside_frame import InsideMajor, kept_inside
from lockon.ops.stretched_crop import OfficialStretchedCrop, StretchedCrop
from lockon.ops.whole_crops import OSTrackCrop, PatchCrop, PysotCrop
from lockon.types import FloatArray

# Least and largest values; a factor (a crop's side over the target's) outside of them makes no crop of a target.
_RANGES = {"factor": (0.01, 100.0), "context": (0.0, 10.0), "min_side": (0.01, 10_000.0)}


class CropRule(Protocol):
    """A function from boxes to windows, and what lies outside the image."""

    @property
    def border(self) -> Border:
        """What crops show outside the image."""

    def __call__(self, boxes_cxcywh: ArrayLike, size: int, growth: FloatArray | float = 1.0, frame_size: ArrayLike | None = None) -> Crop:
        """Return the crops of `size` pixels around boxes.

        Args:
            boxes_cxcywh: (..., 4) in image pixels.
            size: Side of the output in crop pixels.
            growth: (...) factor on the side, for example while a target is lost.
            frame_size: (2,) or (..., 2) width and height of the frames; only rules that keep windows inside the frame need it.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class _FactorRule:
    """A window whose side is a multiple of the target's; numbers that make no sense are refused."""

    factor: float
    border: Border = field(default_factory=MeanColor)

    def __post_init__(self) -> None:
        for name, limits in _RANGES.items():
            if hasattr(self, name):
                check_range(name, getattr(self, name), *limits)


@dataclass(frozen=True, kw_only=True, slots=True)
class AreaRule(_FactorRule):
    """The window of side ``factor * sqrt(w h)`` at sub-pixel positions (OSTrack, STARK, lockon's own trackers).

    Attributes:
        factor: Crop side over the target's sqrt(w h).
        min_side: Least side in image pixels.
        pixel_centers: The network counts crop pixels from the centre of the first one, not from its corner.
        border: What lies outside the image.
    """

    min_side: float = 10.0
    pixel_centers: bool = False

    def __call__(self, boxes_cxcywh: ArrayLike, size: int, growth: FloatArray | float = 1.0, frame_size: ArrayLike | None = None) -> Crop:
        """Return the crops of `size` pixels around (..., 4) boxes, see `CropRule`."""
        return _grown(Crop.around(boxes_cxcywh, self.factor, size, self.min_side), growth, self.pixel_centers)


@dataclass(frozen=True, kw_only=True, slots=True)
class ContextRule(_FactorRule):
    """The window of side ``factor * sqrt((w + p)(h + p))``, ``p = context (w + h)``, at sub-pixel positions (SiamFC, Eq. 15).

    Attributes:
        factor: 1 for a template crop, search size / template size for a search crop, so that both have one scale.
        context: Margin per sum of the target's sides.
        min_side: Least side in image pixels.
        pixel_centers: The network counts crop pixels from the centre of the first one, not from its corner.
        border: What lies outside the image.
    """

    factor: float = 1.0
    context: float = 0.5
    min_side: float = 1.0
    pixel_centers: bool = False

    def __call__(self, boxes_cxcywh: ArrayLike, size: int, growth: FloatArray | float = 1.0, frame_size: ArrayLike | None = None) -> Crop:
        """Return the crops of `size` pixels around (..., 4) boxes, see `CropRule`."""
        crop = Crop.with_context(boxes_cxcywh, self.factor, size, self.context, self.min_side)
        return _grown(crop, growth, self.pixel_centers)


@dataclass(frozen=True, kw_only=True, slots=True)
class PysotRule(_FactorRule):
    """`ContextRule` with windows of whole pixels, as the official trackers of PySOT's family cut them.

    Attributes:
        factor: As for `ContextRule`.
        context: As for `ContextRule`.
        pixel_centers: The network counts crop pixels from the centre of the first one, not from its corner.
        border: What lies outside the image.
    """

    factor: float = 1.0
    context: float = 0.5
    pixel_centers: bool = True

    def __call__(self, boxes_cxcywh: ArrayLike, size: int, growth: FloatArray | float = 1.0, frame_size: ArrayLike | None = None) -> Crop:
        """Return the crops of `size` pixels around (..., 4) boxes, see `CropRule`."""
        return _grown(PysotCrop.with_context(boxes_cxcywh, self.factor, size, self.context), growth, self.pixel_centers)


@dataclass(frozen=True, kw_only=True, slots=True)
class WholeContextRule(_FactorRule):
    """`PysotRule` whose side is rounded up and counts as that in all coordinates, as TransT's tracker cuts its windows.

    Attributes:
        factor: 1; template and search crops differ in their context.
        context: As for `ContextRule`: 0.5 for the template, 1.5 for a search crop.
        border: What lies outside the image.
    """

    factor: float = 1.0
    context: float = 0.5

    def __call__(self, boxes_cxcywh: ArrayLike, size: int, growth: FloatArray | float = 1.0, frame_size: ArrayLike | None = None) -> Crop:
        """Return the crops of `size` pixels around (..., 4) boxes, see `CropRule`."""
        crop = PysotCrop.with_context(boxes_cxcywh, self.factor, size, self.context)
        return replace(crop, side=np.ceil(np.asarray(crop.side) * growth))


@dataclass(frozen=True, kw_only=True, slots=True)
class OSTrackRule(_FactorRule):
    """The square of side ``ceil(factor * sqrt(w h))`` whole pixels around the box's centre (OSTrack, and how ATOM and DiMP are trained).

    Attributes:
        factor: Crop side over the target's sqrt(w h).
        border: `Zero` for OSTrack, `Replicate` for the training samples of ATOM, DiMP and TransT.
        unrounded: Boxes are mapped from the box's own centre, as OSTrack's tracker does, so that up to half a pixel is dropped; otherwise
            from that of the whole pixels that were cut.
        inside: Keeps windows in the frame (SuperDiMP's training samples), and `unrounded` out of play; None lets them reach outside.
    """

    border: Border = field(default_factory=Zero)
    unrounded: bool = False
    inside: InsideMajor | None = None

    def __call__(self, boxes_cxcywh: ArrayLike, size: int, growth: FloatArray | float = 1.0, frame_size: ArrayLike | None = None) -> Crop:
        """Return the crops of `size` pixels around (..., 4) boxes, see `CropRule`; the first pixel is rounded half to even.

        Raises:
            LockonError: Windows must stay in the frame, and its size is not given.
        """
        boxes = np.asarray(boxes_cxcywh, dtype=np.float64)
        side = np.maximum(np.ceil(self.factor * np.sqrt(np.maximum(boxes[..., 2] * boxes[..., 3], 0)) * growth), 1)
        if self.inside is not None:
            frames = _given(frame_size)
            side = np.maximum(self.inside(side, frames), 1)
            start = kept_inside(np.round(boxes[..., :2] - side[..., None] / 2), frames - side[..., None])
            return PatchCrop(start + side[..., None] / 2, side, size)
        if self.unrounded:
            return OSTrackCrop(boxes[..., :2], side, size)
        start = np.round(boxes[..., :2] - side[..., None] / 2)
        return OSTrackCrop(start + side[..., None] / 2, side, size)


@dataclass(frozen=True, kw_only=True, slots=True)
class PytrackingRule(_FactorRule):
    """The patch that pytracking's online trackers (ATOM, DiMP) cut: whole pixels around the target's pixel, exactly mapped back.

    The published runs divided whole numbers downwards (torch before 1.5), and so does this.

    Attributes:
        factor: Crop side over the target's sqrt(w h).
        inside: Keeps windows in the frame (SuperDiMP, PrDiMP); None lets them reach outside (ATOM, DiMP).
        border: What lies outside the image.
    """

    inside: InsideMajor | None = None
    border: Border = field(default_factory=Replicate)

    def __call__(self, boxes_cxcywh: ArrayLike, size: int, growth: FloatArray | float = 1.0, frame_size: ArrayLike | None = None) -> Crop:
        """Return the crops of `size` pixels around (..., 4) boxes, see `CropRule`.

        Raises:
            LockonError: Windows must stay in the frame, and its size is not given.
        """
        boxes = np.asarray(boxes_cxcywh, dtype=np.float64)
        side: FloatArray = np.asarray(self.factor * np.sqrt(np.maximum(boxes[..., 2] * boxes[..., 3], 0)) * growth)  # (...)
        frames = None
        if self.inside is not None:
            frames = _given(frame_size)
            side = self.inside(side, frames)
        step = np.maximum(np.trunc(side / size - 0.1), 1)  # (...) thinned before it is resampled
        count = np.maximum(np.round(side / step), 2)  # (...) pixels per side that are kept
        pixel = np.trunc(boxes[..., :2] - 0.5)  # (..., 2) the target's pixel
        phase = np.mod(pixel, step[..., None])
        start: FloatArray = (pixel - phase) / step[..., None] - np.floor((count[..., None] - 1) / 2)
        if frames is not None:
            kept = np.ceil((frames - phase) / step[..., None])  # (..., 2) pixels of the thinned frame
            start = kept_inside(start, kept - count[..., None])
        span = count * step
        return PatchCrop(start * step[..., None] + span[..., None] / 2, span, size, None, step, phase)


@dataclass(frozen=True, kw_only=True, slots=True)
class StretchedRule:
    """A multiple of the box on each axis, stretched to a square (Alpha-Refine, Sec. 3.1), at sub-pixel positions.

    Attributes:
        factor: Sides of the window over those of the box, above 1.
        pixel_centers: The network counts crop pixels from the centre of the first one, as the published weights do, not from its corner.

    Raises:
        LockonError: a factor that is not above 1, or above 8.
    """

    factor: float = 2.0
    pixel_centers: bool = False

    def __post_init__(self) -> None:
        check_range("factor", self.factor, 1, 8, above=True)

    def __call__(self, boxes_cxcywh: ArrayLike, size: int) -> StretchedCrop:
        """Return the crops of `size` pixels around (..., 4) boxes."""
        return StretchedCrop.around(boxes_cxcywh, self.factor, size, middle=(size - 1) / 2 if self.pixel_centers else None)


@dataclass(frozen=True, kw_only=True, slots=True)
class OfficialStretchedRule:
    """`StretchedRule` as the published code of Alpha-Refine rounds windows and maps boxes.

    Attributes:
        factor: Sides of the window over those of the box, above 1.

    Raises:
        LockonError: a factor that is not above 1, or above 8.
    """

    factor: float = 2.0

    def __post_init__(self) -> None:
        check_range("factor", self.factor, 1, 8, above=True)

    def __call__(self, boxes_cxcywh: ArrayLike, size: int) -> OfficialStretchedCrop:
        """Return the crops of `size` pixels around (..., 4) boxes."""
        return OfficialStretchedCrop.around(boxes_cxcywh, self.factor, size)


Rule = AreaRule | ContextRule | PysotRule | WholeContextRule | OSTrackRule | PytrackingRule


def _given(frame_size: ArrayLike | None) -> FloatArray:
    if frame_size is None:
        raise LockonError("a crop rule that keeps windows inside the frame needs frame_size=(width, height)")
    return np.asarray(frame_size, dtype=np.float64)


def _grown(crop: Crop, growth: FloatArray | float, pixel_centers: bool) -> Crop:
    middle = (crop.size - 1) / 2 if pixel_centers else None
    return replace(crop, side=np.asarray(crop.side) * growth, middle=middle)


__all__ = [
    "AreaRule",
    "ContextRule",
    "CropRule",
    "InsideMajor",
    "OSTrackRule",
    "OfficialStretchedRule",
    "PysotRule",
    "PytrackingRule",
    "Rule",
    "StretchedRule",
    "WholeContextRule",
]
