"""The labels of score maps that a filter should give in frames where the target is to be found: parts of a sample's settings.

Boxes count from the corner of the crop. Letters: T frames, S scores per side, A shapes of anchors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lockon._config_values import check_field, check_range
from lockon.ops.anchor_labels import LabelGrid, anchor_labels
from lockon.ops.gaussian_labels import gaussian_density, gaussian_label
from lockon.types import FloatArray


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cells:
    """Where the scores lie.

    Attributes:
        stride: Pixels of the crop from one cell of the features to the next.
        first: Pixel of the first cell that counts; as many are left out at the other end.

    Raises:
        LockonError: A stride that is not above 0, or a first cell before the crop.
    """

    stride: float = 16.0
    first: float = 8.0

    def __post_init__(self) -> None:
        check_range("stride", self.stride, 0, 1000, above=True)
        check_range("first", self.first, 0, 10_000)

    def cells(self, size: int) -> int:
        """Return how many cells that count a crop of `size` pixels has per side."""
        return round((size - 2 * self.first) / self.stride) + 1


@dataclass(frozen=True, kw_only=True, slots=True)
class GaussianLabel(_Cells):
    """1 at the target's centre, falling off as a Gaussian (DiMP; DuML's online regression).

    Attributes:
        sigma: Standard deviation in cells.
        odd: The filter has an odd side, and so as many scores as cells; with an even one there is one more per side.

    Raises:
        LockonError: A deviation that is not above 0.
    """

    sigma: float = 0.9
    odd: bool = False

    def __post_init__(self) -> None:
        _Cells.__post_init__(self)
        check_range("sigma", self.sigma, 0, above=True)

    def __call__(self, boxes_xyxy: FloatArray, size: int) -> FloatArray:
        """Return the (T, S, S) maps of targets (T, 4) in crops of `size` pixels."""
        return gaussian_label(_centers(boxes_xyxy), self.side(size), sigma=self.sigma, stride=self.stride, first=self._origin)

    def side(self, size: int) -> int:
        """Return how many scores a crop of `size` pixels has per side."""
        return self.cells(size) + (not self.odd)

    @property
    def _origin(self) -> float:
        """The pixel of the first score; an even filter's lies half a cell before that of the features."""
        return self.first if self.odd else self.first - self.stride / 2


@dataclass(frozen=True, kw_only=True, slots=True)
class DensityLabel(GaussianLabel):
    """`GaussianLabel` whose maps sum to 1, densities of the target's centre (PrDiMP)."""

    def __call__(self, boxes_xyxy: FloatArray, size: int) -> FloatArray:
        """Return the (T, S, S) maps of targets (T, 4) in crops of `size` pixels."""
        return gaussian_density(_centers(boxes_xyxy), self.side(size), sigma=self.sigma, stride=self.stride, first=self._origin)


@dataclass(frozen=True, kw_only=True, slots=True)
class AnchorLabel(_Cells):
    """1 and 0 by the overlap of anchors, -1 where it is neither (DuML's online classification), see `lockon.ops.anchor_labels`.

    Attributes:
        shapes: Width and height of the anchors in pixels, one filter each; the filters have an odd side.
        positive: IoU above which an anchor is 1, 0..1.
        negative: IoU below which it is 0, 0..1.

    Raises:
        LockonError: A number out of its range, or no shape.
    """

    shapes: tuple[tuple[float, float], ...] = ((64.0, 64.0),)
    positive: float = 0.8
    negative: float = 0.3

    def __post_init__(self) -> None:
        _Cells.__post_init__(self)
        for name in ("positive", "negative"):
            check_range(name, getattr(self, name), 0, 1)
        fits = len(self.shapes) > 0 and all(0 < side < np.inf for shape in self.shapes for side in shape)
        check_field(self, "shapes", fits, "pairs of a width and a height above 0")

    def __call__(self, boxes_xyxy: FloatArray, size: int) -> FloatArray:
        """Return the (T, A, S, S) maps of targets (T, 4) in crops of `size` pixels; (T, S, S) of one shape."""
        side = self.cells(size)
        grid = LabelGrid(side, side, self.stride, self.first)
        found: FloatArray = anchor_labels(
            np.asarray(boxes_xyxy, dtype=np.float64), self.shapes, grid, positive=self.positive, negative=self.negative
        )
        return found[:, 0] if len(self.shapes) == 1 else found


ScoreLabel = GaussianLabel | DensityLabel | AnchorLabel


def _centers(boxes_xyxy: FloatArray) -> FloatArray:
    """Return the (T, 2) centres of boxes (T, 4)."""
    return (boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]) / 2


__all__ = ["AnchorLabel", "DensityLabel", "GaussianLabel", "ScoreLabel"]
