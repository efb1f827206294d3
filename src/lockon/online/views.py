"""Views of the first frame: the few shifted, flipped, blurred, rotated pictures of the target that a learner begins with, as data.

Bhat et al., Unveiling the Power of Deep Tracking, ECCV 2018, and Danelljan et al., ATOM, CVPR 2019, Sec. 3.4. Every view is made from one
patch that is larger than a search crop, then cut to its size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from lockon._config_values import check_field, check_range, check_whole
from lockon.ops.whole_crops import padded_window
from lockon.types import FloatArray

Picture = NDArray[Any]  # (H, W, 3) uint8, or float32 of 0..255


class RandomSource(Protocol):
    """What random numbers are drawn from: a NumPy `Generator`, or recorded numbers."""

    def random(self, size: tuple[int, ...]) -> FloatArray:
        """Return uniform numbers in [0, 1)."""

    def standard_normal(self, size: tuple[int, ...]) -> FloatArray:
        """Return normal numbers of mean 0 and variance 1."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The patch as it is."""

    def __call__(self, patch: Picture) -> Picture:
        """Return the patch."""
        return patch


@dataclass(frozen=True, slots=True)
class Shift:
    """The patch moved.

    Attributes:
        x: To the right, as a share of half the crop's side.
        y: Down, likewise.
    """

    x: float
    y: float

    def __call__(self, patch: Picture) -> Picture:
        """Return the patch; it is moved when it is cut."""
        return patch


@dataclass(frozen=True, slots=True)
class Flip:
    """The patch with left and right exchanged."""

    def __call__(self, patch: Picture) -> Picture:
        """Return the flipped patch."""
        return np.ascontiguousarray(patch[:, ::-1])


@dataclass(frozen=True, slots=True)
class Blur:
    """The patch under a Gaussian of half width ``ceil(2 sigma)``; outside of it all is black.

    Attributes:
        vertical: Standard deviation in pixels, above 0.
        horizontal: Likewise.
    """

    vertical: float
    horizontal: float

    def __call__(self, patch: Picture) -> Picture:
        """Return the blurred patch."""
        rows, columns = _gaussian(self.vertical), _gaussian(self.horizontal)
        return np.asarray(cv2.sepFilter2D(patch, -1, columns, rows, borderType=cv2.BORDER_CONSTANT))


@dataclass(frozen=True, slots=True)
class Rotate:
    """The patch turned about its middle.

    Attributes:
        degrees: Counter-clockwise as one sees it.
    """

    degrees: float

    def __call__(self, patch: Picture) -> Picture:
        """Return the rotated patch; its outermost pixels are repeated."""
        height, width = patch.shape[:2]
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), self.degrees, 1.0)
        return np.asarray(cv2.warpAffine(patch, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE))


Transform = Identity | Shift | Flip | Blur | Rotate


class FirstViews(NamedTuple):
    """The V views of one target.

    Attributes:
        images: (V, S, S, 3) uint8, or float32 of 0..255.
        shifts: (V, 2) x, y by which the target moved, in crop pixels.
    """

    images: Picture
    shifts: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class ViewPlan:
    """Which views a first frame gives, in this order: as it is, shifts, flip, blurs, rotations, copies with channels dropped.

    Attributes:
        shifts: x, y as shares of half the crop's side, -2..2.
        flip: One view is flipped.
        blurs: Standard deviations in pixels, vertical and horizontal, 0.05..100.
        rotations: Degrees.
        dropped: Copies of the first view's features without some of the channels, 0..100.
        drop_rate: Chance that a channel is left out, 0..0.9.
        expansion: Side of the patch that views are cut from, over that of a crop, 1..4.
        random_shift: Flipped, blurred and rotated views are moved by up to half this share of the crop's side, 0..1.

    Raises:
        LockonError: A value outside its range.
    """

    shifts: tuple[tuple[float, float], ...] = ((0.6, 0.6), (0.6, -0.6), (-0.6, 0.6), (-0.6, -0.6))
    flip: bool = True
    blurs: tuple[tuple[float, float], ...] = ((3.0, 1.0), (1.0, 3.0), (2.0, 2.0))
    rotations: tuple[float, ...] = (10.0, -10.0, 45.0, -45.0)
    dropped: int = 2
    drop_rate: float = 0.2
    expansion: float = 2.0
    random_shift: float = 1 / 3

    def __post_init__(self) -> None:
        check_whole(dropped=self.dropped)
        check_range("dropped", self.dropped, 0, 100)
        check_range("drop_rate", self.drop_rate, 0, 0.9)
        check_range("expansion", self.expansion, 1, 4)
        check_range("random_shift", self.random_shift, 0, 1)
        check_field(self, "shifts", all(-2 <= v <= 2 for pair in self.shifts for v in pair), "pairs of numbers from -2 to 2")
        check_field(self, "blurs", all(0.05 <= v <= 100 for pair in self.blurs for v in pair), "pairs of numbers from 0.05 to 100")
        check_field(self, "rotations", all(-360 <= v <= 360 for v in self.rotations), "degrees from -360 to 360")

    @property
    def transforms(self) -> tuple[Transform, ...]:
        """The transforms of the patch; the first is the identity."""
        flips = (Flip(),) if self.flip else ()
        shifts, blurs = (Shift(*pair) for pair in self.shifts), (Blur(*pair) for pair in self.blurs)
        return (Identity(), *shifts, *flips, *blurs, *(Rotate(degrees) for degrees in self.rotations))

    @property
    def count(self) -> int:
        """Samples of a first frame, those with dropped channels among them."""
        return len(self.transforms) + self.dropped

    def patch_size(self, size: int) -> int:
        """Return the side of the patch for crops of `size` pixels; both are even or both odd."""
        patch = int(size * self.expansion)
        return patch + (patch - size) % 2

    def views(self, patch: Picture, size: int, rng: RandomSource) -> FirstViews:
        """Return the views of one target.

        Args:
            patch: (P, P, 3) with the target in its middle, `patch_size` pixels a side.
            size: Side of a view in pixels.
            rng: Two numbers (y, x) are drawn for each flip, blur and rotation, none if `random_shift` is 0.
        """
        transforms = self.transforms
        shifts = [self._shift(transform, size, rng) for transform in transforms]
        images = [cut(transform(patch), size, shift) for transform, shift in zip(transforms, shifts, strict=True)]
        return FirstViews(np.stack(images), np.array(shifts, dtype=np.float64))

    def _shift(self, transform: Transform, size: int, rng: RandomSource) -> tuple[int, int]:
        """Return x, y in whole pixels, towards zero."""
        if isinstance(transform, Shift):
            return int(transform.x * size / 2), int(transform.y * size / 2)
        if isinstance(transform, Identity) or not self.random_shift:
            return 0, 0
        y, x = (rng.random((2,)) - 0.5) * size * self.random_shift
        return int(x), int(y)

    def kept_channels(self, channels: int, rng: RandomSource) -> NDArray[np.float32] | None:
        """Return (dropped, channels) factors of the copies, 0 or 1 / (1 - `drop_rate`); None for no copies."""
        if not self.dropped:
            return None
        kept = rng.random((self.dropped, channels)) >= self.drop_rate
        return np.asarray(kept / (1 - self.drop_rate), dtype=np.float32)


def cut(patch: Picture, size: int, shift: tuple[int, int]) -> Picture:
    """Return the middle (size, size, C) of a patch (P, P, C) whose content is moved by whole pixels `shift` x, y; borders are repeated."""
    corner = tuple(math.floor((side - size) / 2) - by for side, by in zip(patch.shape[1::-1], shift, strict=True))
    return padded_window(patch, corner, (size, size), None)  # type: ignore[arg-type]  # two whole numbers


def _gaussian(sigma: float) -> NDArray[np.float64]:
    """Return the normalised (2 ceil(2 sigma) + 1,) kernel."""
    half = math.ceil(2 * sigma)
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    return np.asarray(kernel / kernel.sum())


__all__ = ["Blur", "FirstViews", "Flip", "Identity", "RandomSource", "Rotate", "Shift", "Transform", "ViewPlan", "cut"]
