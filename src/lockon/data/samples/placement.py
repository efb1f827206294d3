"""Where a crop lies around a target in training: the rule of the tracker, made a little wrong at random.

A crop rule maps a box and a size to a window, `rule(box_cxcywh, size)`: the same object that the tracker crops with can be given here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lockon._config_values import check_range
from lockon.data.samples.views import View
from lockon.ops.borders import Border, Zero
from lockon.ops.boxes import xyxy_to_cxcywh
from lockon.ops.crop import Crop, mean_color
from lockon.ops.stretched_crop import StretchedCrop
from lockon.types import FloatArray, Frame

SquareRule = Callable[[FloatArray, int], Crop]
"""((4,) cx, cy, w, h of a box, side of the crop in pixels) -> a square window."""
WindowRule = Callable[[FloatArray, int], "Crop | StretchedCrop"]
"""The same for windows of any shape."""

_FLAT = 1.7  # half extents of a crop inside its image, of 2: with no more than 15 % of each side outside no backdrop is shown


class Placement(Protocol):
    """Places the crop of a view at random."""

    def __call__(self, rng: Generator, view: View) -> TurnedCrop | PlacedCrop:
        """Return the crop around a view's target, whose pixels are not taken yet."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WindowJitter:
    """Size of a crop, and how its window is moved, scaled, stretched and turned around a target.

    Attributes:
        size: Side of the crop in pixels.
        factor: Side of the crop in units of the target's sqrt(w h).
        shift: Largest shift of the target from the crop's centre, as a fraction of the crop's side.
        near: Chance that a shift is small (Gaussian, a fifth of `shift`), as between neighbouring frames.
        scale: Standard deviation of the logarithm of the window's scale, cut at twice that.
        aspect: Standard deviation of the logarithm of the window's width to height.
        rotation: Standard deviation of the rotation in degrees, cut at 15.
    """

    size: int
    factor: float
    shift: float = 0.0
    near: float = 0.0
    scale: float = 0.0
    aspect: float = 0.0
    rotation: float = 0.0


@dataclass(frozen=True, slots=True)
class MovedWindow:
    """Moves, scales, stretches and turns the window of a rule, so that the target is anywhere in the crop.

    Attributes:
        rule: The window without jitter.
        jitter: By how much.
    """

    rule: SquareRule
    jitter: WindowJitter

    def __call__(self, rng: Generator, view: View) -> TurnedCrop:
        """Return the crop around a view's target."""
        crop = self._window(rng, view)
        angle = math.radians(float(np.clip(rng.normal(0, self.jitter.rotation), -15, 15)))
        cos, sin = math.cos(angle), math.sin(angle)
        # rotate about the target's centre, in crop pixels; the extent of a rotated target is that of its inscribed ellipse
        box = crop.to_crop(view.box)
        center, (bw, bh) = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
        half = np.array([math.hypot(bw * cos, bh * sin), math.hypot(bw * sin, bh * cos)]) / 2
        turn = np.array([[cos, -sin], [sin, cos]])
        spin = np.column_stack([turn, (center - 0.5) - turn @ (center - 0.5)])
        matrix = spin @ np.vstack([crop.matrix(), [0, 0, 1]])
        return TurnedCrop(crop, matrix, np.concatenate([center - half, center + half]))

    def _window(self, rng: Generator, view: View) -> Crop:
        c = self.jitter
        window = self.rule(xyxy_to_cxcywh(view.box), c.size)
        zoom = np.clip(rng.normal(0, c.scale), -2 * c.scale, 2 * c.scale)
        stretch = rng.normal(0, c.aspect) / 2
        side = float(window.side) * math.exp(zoom) * np.exp(np.array([stretch, -stretch]))  # (2,)
        near = c.near > 0 and rng.random() < c.near
        offset = np.clip(rng.normal(0, c.shift / 5, 2), -c.shift, c.shift) if near else rng.uniform(-c.shift, c.shift, 2)
        return Crop(window.center + offset * side, side, c.size)


@dataclass(frozen=True, slots=True)
class TurnedCrop:
    """A square crop that may be rotated.

    Attributes:
        crop: The window before the rotation.
        matrix: (2, 3) image pixel indices to crop pixel indices.
        box: (4,) xyxy of the target in crop pixels.
        indices: Whether the box counts from the centre of the first pixel.
    """

    crop: Crop
    matrix: FloatArray
    box: FloatArray
    indices: bool = False

    def extract(self, image: Frame, backdrop: Frame | None) -> Frame:
        """Return the (S, S, 3) pixels; outside the image is the backdrop, or the image's mean colour."""
        matrix, size = self.matrix, self.crop.size
        step = int(np.min(self.crop.side) / size)
        if step >= 2:  # warpAffine has no area filter: large crops would alias
            small = cv2.resize(image, None, fx=1 / step, fy=1 / step, interpolation=cv2.INTER_AREA)
            rx, ry = image.shape[1] / small.shape[1], image.shape[0] / small.shape[0]
            matrix = matrix @ np.array([[rx, 0, rx / 2 - 0.5], [0, ry, ry / 2 - 0.5], [0, 0, 1]])
            image = small  # type: ignore[assignment]
        height, width = image.shape[:2]
        reach = np.abs(np.linalg.inv(matrix[:, :2])).sum(1) * size / 2  # half extent of the crop in image pixels
        middle = np.linalg.solve(matrix[:, :2], np.full(2, size / 2) - matrix[:, 2])
        inside = np.minimum(middle + reach, [width, height]) - np.maximum(middle - reach, 0)
        if backdrop is None or bool((inside > _FLAT * reach).all()):
            border = mean_color(image).tolist()
            return cv2.warpAffine(image, matrix, (size, size), borderMode=cv2.BORDER_CONSTANT, borderValue=border)  # type: ignore[return-value]
        canvas = cv2.resize(backdrop, (size, size), interpolation=cv2.INTER_AREA)
        return cv2.warpAffine(image, matrix, (size, size), dst=canvas, borderMode=cv2.BORDER_TRANSPARENT)  # type: ignore[return-value]

    def extract_mask(self, coverage: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Return the (S, S) mask of (H, W) coverage from 0 to 255."""
        size = (self.crop.size, self.crop.size)
        warped = cv2.warpAffine(coverage, self.matrix, size, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
        return np.asarray(warped > 127)


@dataclass(frozen=True, kw_only=True, slots=True)
class BoxJitter:
    """How a box is made a little wrong (Yan et al., Alpha-Refine, CVPR 2021, Eq. 2-4; Danelljan et al., ATOM, CVPR 2019).

    Attributes:
        scale: Standard deviation of the logarithm of each side.
        offset: Range of the centre, in units of the root of the jittered box's area.

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
        return np.concatenate([box_cxcywh[:2] + (rng.random(2) - 0.5) * (self.offset * self.unit(size)), size])

    def unit(self, size: FloatArray) -> float:
        """Return what `offset` counts in, for the (2,) sides of the jittered box."""
        return float(np.sqrt(size[0] * size[1]))


@dataclass(frozen=True, slots=True)
class MovedBox:
    """Crops around a box that is a little wrong, by a rule; the target's box is clipped to the crop.

    Attributes:
        rule: The window around the wrong box.
        size: Side of the crop in pixels.
        jitter: By how much the box is wrong.
        indices: Whether the rule's coordinates count from the centre of the first pixel.
    """

    rule: WindowRule
    size: int
    jitter: BoxJitter
    indices: bool = False

    def __call__(self, rng: Generator, view: View) -> PlacedCrop:
        """Return the crop around a view's target."""
        crop = self.rule(self.jitter(rng, xyxy_to_cxcywh(view.box)), self.size)
        return PlacedCrop(crop, np.clip(crop.to_crop(view.box), 0, self.size), self.indices)


@dataclass(frozen=True, slots=True)
class PlacedCrop:
    """A window of a crop rule.

    Attributes:
        crop: The window.
        box: (4,) xyxy of the target in crop pixels.
        indices: Whether the box counts from the centre of the first pixel.
        border: What lies outside the image; a stretched window knows colours alone.
    """

    crop: Crop | StretchedCrop
    box: FloatArray
    indices: bool = False
    border: Border = field(default_factory=Zero)

    def extract(self, image: Frame, backdrop: Frame | None) -> Frame:
        """Return the (S, S, 3) pixels; outside the image is the backdrop, or what the border says."""
        color = self.border.color(image)
        pixels = self.crop.extract(image, color)  # type: ignore[arg-type]  # a stretched window has a colour
        if backdrop is None:
            return pixels
        inside = self.extract_mask(np.full(image.shape[:2], 255, np.uint8))
        canvas = cv2.resize(backdrop, (self.crop.size, self.crop.size), interpolation=cv2.INTER_AREA)
        return np.where(inside[..., None], pixels, canvas).astype(np.uint8)

    def extract_mask(self, coverage: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Return the (S, S) mask of (H, W) coverage from 0 to 255."""
        return np.asarray(self.crop.extract(coverage) > 127)


__all__ = [
    "BoxJitter",
    "MovedBox",
    "MovedWindow",
    "PlacedCrop",
    "Placement",
    "SquareRule",
    "TurnedCrop",
    "WindowJitter",
    "WindowRule",
]
