"""The choices of heads that predict sets of points, without torch, so that configurations can name them where torch is absent.

RTrack (Zeng et al., Sec. 3.1.2 and App. A), after RepPoints (Yang et al., ICCV 2019, arXiv 1904.11490). The paper states neither widths
nor norms of the head, and two of its three conversions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from lockon._config_values import check_field
from lockon.ops.grid import Grid


@dataclass(frozen=True, kw_only=True, slots=True)
class MinMax:
    """The box around all points: their least and greatest coordinates."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PartialMinMax:
    """The box around the first points; the others are free.

    Attributes:
        first: How many those are.

    Raises:
        LockonError: If `first` is below 2.
    """

    first: int = 4

    def __post_init__(self) -> None:
        check_field(self, "first", self.first >= 2, "2 or more")


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """The box around the mean of the points; half its sides are their deviation (with Bessel's correction) times a learnt factor each.

    Attributes:
        multiplier: Factor on the gradient of those factors' logarithms.

    Raises:
        LockonError: If `multiplier` is out of its range.
    """

    multiplier: float = 0.01

    def __post_init__(self) -> None:
        check_field(self, "multiplier", 0 <= self.multiplier <= 1, "between 0 and 1")


@dataclass(frozen=True, kw_only=True, slots=True)
class CenterStart:
    """The first points count from the centre of their cell."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GridStart:
    """The first points count from a regular grid around the centre of their cell.

    Attributes:
        reach: Cells from the centre to the outermost points.

    Raises:
        LockonError: If `reach` is not above 0.
    """

    reach: float = 2.0

    def __post_init__(self) -> None:
        check_field(self, "reach", 0 < self.reach < math.inf, "above 0")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrackPointsConfig:
    """Configuration of `heads.track_points`.

    Attributes:
        points: Points per box, a square number: those of a deformable kernel of side 3 (9), 4, 5, 6 or 7 (49).
        widths: Channels after each 3x3 convolution of a tower. RepPoints: three of 256; OSTrack's head: 256, 128, 64, 32 (with
            `norm` "batch").
        norm: Normalization in the towers: "group" or "batch".
        projection: A 1x1 convolution to the first width before both towers.
        start: What the first points count from.
        boxes: How points become a box.
        gradient: Factor on the gradient that the second stage gives to the first points.
        point_offset: Where a cell's centre lies, in cells from its corner: 0.5 is the middle of a patch; RepPoints counts from 0.

    Raises:
        LockonError: If a number is out of its range, or the first points of `boxes` are more than there are.
    """

    points: int = 9
    widths: tuple[int, ...] = (256, 256, 256)
    norm: Literal["group", "batch"] = "group"
    projection: bool = False
    start: CenterStart | GridStart = CenterStart()
    boxes: MinMax | PartialMinMax | Moment = MinMax()
    gradient: float = 0.1
    point_offset: float = 0.5

    def __post_init__(self) -> None:
        side = math.isqrt(max(0, self.points))
        check_field(self, "points", side * side == self.points and 2 <= side <= 16, "a square number from 4 to 256, for example 9")
        check_field(self, "widths", bool(self.widths) and min(self.widths) >= 1, "one or more positive numbers of channels")
        check_field(self, "gradient", 0 <= self.gradient <= 1, "between 0 and 1")
        check_field(self, "point_offset", 0 <= self.point_offset <= 1, "between 0 and 1")
        few = isinstance(self.boxes, PartialMinMax) and self.boxes.first > self.points
        check_field(self, "points", not few, "at least as many as boxes.first")

    def grid(self, cells: int, stride: float) -> Grid:
        """Return the candidate points of a map of `cells` x `cells`, `stride` pixels apart."""
        return Grid(cells, stride, offset=self.point_offset * stride)

    @property
    def side(self) -> int:
        """The side of the deformable kernel."""
        return math.isqrt(self.points)


__all__ = ["CenterStart", "GridStart", "MinMax", "Moment", "PartialMinMax", "TrackPointsConfig"]
