"""Box refinement by gradient ascent on a box network's score, from several boxes at once (ATOM, Sec. 3.2; PrDiMP, Sec. 4.2). NumPy.

Danelljan et al., CVPR 2019 (arXiv 1811.07628) and CVPR 2020 (arXiv 2003.12565). In which coordinates steps are taken, and how their length
changes, are parts. Boxes of B targets, R each, are moved together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockon._config_values import check_range
from lockon.online.views import RandomSource
from lockon.ops.boxes import xywh_to_xyxy
from lockon.types import FloatArray

# (B, R, 4) x1, y1, x2, y2 -> (B, R) scores and (B, R, 4) their derivatives by those coordinates
BoxScore = Callable[[FloatArray], tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]]
LEAST_SHARE = 3  # a start box's sides are at least this share of the shorter side


@dataclass(frozen=True, slots=True)
class DefaultSpace:
    """Steps on x, y, w, h in pixels, times the box's own width and height: the same share of any target (ATOM, DiMP)."""

    def encode(self, boxes_xywh: FloatArray, first: FloatArray) -> FloatArray:
        """Return the boxes as they are."""
        return boxes_xywh

    def decode(self, points: FloatArray, first: FloatArray) -> FloatArray:
        """Return the boxes as they are."""
        return points

    def direction(self, gradients: FloatArray, boxes_xywh: FloatArray, first: FloatArray) -> FloatArray:
        """Return (B, R, 4) steps of length 1, see `RelativeSpace.direction`."""
        return gradients * boxes_xywh[..., [2, 3, 2, 3]]


@dataclass(frozen=True, slots=True)
class RelativeSpace:
    """Steps on the centre in units of the first box's sides, and on the logarithm of the sides (PrDiMP, SuperDiMP)."""

    def encode(self, boxes_xywh: FloatArray, first: FloatArray) -> FloatArray:
        """Convert boxes to points.

        Args:
            boxes_xywh: (..., 4) in pixels, with sides above 0.
            first: (..., 2) width and height that centres are measured in.

        Returns:
            (..., 4) cx / first width, cy / first height, log w, log h.
        """
        sizes = boxes_xywh[..., 2:]
        return np.concatenate([(boxes_xywh[..., :2] + sizes / 2) / first, np.log(sizes)], axis=-1)

    def decode(self, points: FloatArray, first: FloatArray) -> FloatArray:
        """Convert points back to (..., 4) x, y, w, h, see `encode`."""
        sizes = np.exp(points[..., 2:])
        return np.concatenate([points[..., :2] * first - sizes / 2, sizes], axis=-1)

    def direction(self, gradients: FloatArray, boxes_xywh: FloatArray, first: FloatArray) -> FloatArray:
        """Return (B, R, 4) derivatives by the coordinates of this space: steps of length 1.

        Args:
            gradients: (B, R, 4) derivatives of the score by x, y, w, h.
            boxes_xywh: (B, R, 4) where they were taken.
            first: (B, 1, 2) as `encode` takes it.
        """
        corner = gradients[..., :2]
        return np.concatenate([corner * first, (gradients[..., 2:] - corner / 2) * boxes_xywh[..., 2:]], axis=-1)


@dataclass(frozen=True, kw_only=True, slots=True)
class EveryStep:
    """Each step is `factor` times as long as the one before (DiMP).

    Attributes:
        factor: 0..1; 1 for steps of one length.
    """

    factor: float = 1.0

    def __post_init__(self) -> None:
        check_range("factor", self.factor, 0, 1)

    def __call__(self, risen: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], FloatArray]:
        """Return which boxes (B, R) step on, and the factor of their later steps; it does not matter whose score has `risen`."""
        return np.ones_like(risen), np.full(risen.shape, self.factor)


@dataclass(frozen=True, kw_only=True, slots=True)
class BackAfterFall:
    """A box whose score did not rise goes back to where it stepped from, and its later steps are `factor` times as long (ATOM).

    Attributes:
        factor: 0..1.
    """

    factor: float = 0.5

    def __post_init__(self) -> None:
        check_range("factor", self.factor, 0, 1)

    def __call__(self, risen: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], FloatArray]:
        """Return which boxes (B, R) step on: those whose score has `risen`; and the factor of their later steps."""
        return risen, np.where(risen, 1.0, self.factor)


class Ascended(NamedTuple):
    """Boxes after some steps.

    Attributes:
        boxes: (B, R, 4) x, y, w, h after the last step.
        scores: (B, R) before it: the network is not asked again.
        trail: (steps, B, R, 4) boxes before each step.
        trail_scores: (steps, B, R) their scores.
    """

    boxes: FloatArray
    scores: FloatArray
    trail: FloatArray
    trail_scores: FloatArray


@dataclass(frozen=True, kw_only=True, slots=True)
class BoxAscent:
    """A number of steps uphill.

    Attributes:
        steps: How many, 1..100.
        length: Of a step, on the position and on the size of a box; above 0.
        space: In which coordinates.
        decay: How the length changes.

    Raises:
        LockonError: A value outside its range.
    """

    steps: int = 5
    length: tuple[float, float] = (1.0, 1.0)
    space: DefaultSpace | RelativeSpace = field(default_factory=DefaultSpace)
    decay: EveryStep | BackAfterFall = field(default_factory=EveryStep)

    def __post_init__(self) -> None:
        check_range("steps", self.steps, 1, 100)
        for value in self.length:
            check_range("length", value, 0, 1000, above=True)

    def __call__(self, score: BoxScore, boxes_xywh: ArrayLike) -> Ascended:
        """Move boxes uphill.

        Args:
            score: The network's.
            boxes_xywh: (B, R, 4) in pixels of the crop; relative steps are measured in the sides of the first of each target.
        """
        boxes: FloatArray = np.asarray(boxes_xywh, dtype=np.float64)
        first = boxes[:, :1, 2:]  # (B, 1, 2)
        lengths = np.repeat(np.asarray(self.length), 2) * np.ones((*boxes.shape[:2], 1))  # (B, R, 4)
        point = origin = self.space.encode(boxes, first)
        last = np.full(boxes.shape[:2], -np.inf)
        trail, trail_scores = [], []
        for _ in range(self.steps):
            scores, slopes = (np.asarray(values, dtype=np.float64) for values in score(xywh_to_xyxy(boxes)))
            trail.append(boxes)
            trail_scores.append(scores)
            onward, factor = self.decay(scores > last)
            step = self.space.direction(_by_xywh(slopes), boxes, first) * lengths
            origin, point = np.where(onward[..., None], point, origin), np.where(onward[..., None], point + step, origin)
            lengths = lengths * factor[..., None]
            last = np.where(onward, scores, -np.inf)  # who went back steps on from there
            boxes = self.space.decode(point, first)
        return Ascended(boxes, scores, np.stack(trail), np.stack(trail_scores))


def _by_xywh(slopes: FloatArray) -> FloatArray:
    """Convert derivatives by x1, y1, x2, y2 to those by x, y, w, h, of which the first two move both corners."""
    return np.concatenate([slopes[..., :2] + slopes[..., 2:], slopes[..., 2:]], axis=-1)


@dataclass(frozen=True, kw_only=True, slots=True)
class RandomBoxes:
    """Start boxes: the given one, and others around it.

    Attributes:
        count: Number of the others, 0..100.
        position: Range of their centre, as a share of sqrt(w h), 0..10.
        size: Range of their sides, as a share of sqrt(w h), 0..10; no side is shorter than a third of the given box's shorter one.

    Raises:
        LockonError: A value outside its range.
    """

    count: int = 9
    position: float = 0.1
    size: float = 0.5

    def __post_init__(self) -> None:
        check_range("count", self.count, 0, 100)
        check_range("position", self.position, 0, 10)
        check_range("size", self.size, 0, 10)

    def draw(self, rng: RandomSource) -> FloatArray:
        """Draw the (count, 4) numbers in 0..1 that `__call__` takes."""
        return rng.random((self.count, 4))

    def __call__(self, boxes_xywh: ArrayLike, numbers: ArrayLike) -> FloatArray:
        """Return (B, 1 + count, 4) x, y, w, h.

        Args:
            boxes_xywh: (B, 4) given boxes.
            numbers: (B, count, 4) in 0..1.
        """
        boxes = np.asarray(boxes_xywh, dtype=np.float64)[:, None]  # (B, 1, 4)
        shift = np.asarray(numbers, dtype=np.float64) - 0.5  # (B, count, 4)
        unit = np.sqrt(boxes[..., 2:].prod(-1, keepdims=True))  # (B, 1, 1)
        least = boxes[..., 2:].min(-1, keepdims=True) / LEAST_SHARE
        sizes = np.maximum(boxes[..., 2:] + shift[..., 2:] * self.size * unit, least)  # (B, count, 2)
        centers = boxes[..., :2] + boxes[..., 2:] / 2 + shift[..., :2] * self.position * unit
        return np.concatenate([boxes, np.concatenate([centers - sizes / 2, sizes], axis=-1)], axis=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class BestMean:
    """The mean of the boxes with the best scores, of those whose shape is plausible.

    Attributes:
        count: How many are averaged, 1..100; all there are if fewer.
        max_aspect: Longer over shorter side that a box may have, 1..1000.
        smallest: Sides are at least as long, in pixels of the crop, 0..1000.

    Raises:
        LockonError: A value outside its range.
    """

    count: int = 3
    max_aspect: float = 6.0
    smallest: float = 1.0

    def __post_init__(self) -> None:
        check_range("count", self.count, 1, 100)
        check_range("max_aspect", self.max_aspect, 1, 1000)
        check_range("smallest", self.smallest, 0, 1000)

    def __call__(self, boxes_xywh: FloatArray, scores: FloatArray) -> tuple[FloatArray, float] | None:
        """Return one box (4,) of (R, 4) x, y, w, h and (R,) scores, with the mean of their scores; None where no box is plausible."""
        boxes = boxes_xywh.copy()
        with np.errstate(invalid="ignore", divide="ignore"):
            boxes[:, 2:] = np.maximum(boxes[:, 2:], self.smallest)
            aspect = boxes[:, 2] / boxes[:, 3]
            sound = np.isfinite(boxes).all(1) & np.isfinite(scores) & (aspect < self.max_aspect) & (aspect > 1 / self.max_aspect)
        if not sound.any():
            return None
        boxes, scores = boxes[sound], scores[sound]
        best = np.argsort(-scores, kind="stable")[: self.count]
        return boxes[best].mean(0), float(scores[best].mean())


__all__ = [
    "Ascended",
    "BackAfterFall",
    "BestMean",
    "BoxAscent",
    "BoxScore",
    "DefaultSpace",
    "EveryStep",
    "RandomBoxes",
    "RelativeSpace",
]
