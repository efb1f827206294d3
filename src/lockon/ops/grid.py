"""The regular grids of candidate points and anchor boxes that dense heads predict on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lockon.errors import LockonError
from lockon.types import FloatArray


@dataclass(frozen=True, slots=True)
class Grid:
    """A square grid of `size` x `size` points, `stride` search-crop pixels apart.

    Attributes:
        size: Points per side; N = size².
        stride: Distance of neighbours in crop pixels.
        offset: Coordinate of the first point in crop pixels; None centres the grid in a crop of size * stride pixels.
    """

    size: int
    stride: float
    offset: float | None = None

    def points(self) -> FloatArray:
        """Return the (N, 2) x, y in crop pixels, row by row.

        >>> Grid(2, 16).points().tolist()
        [[8.0, 8.0], [24.0, 8.0], [8.0, 24.0], [24.0, 24.0]]
        """
        first = self.stride / 2 if self.offset is None else self.offset
        axis = first + self.stride * np.arange(self.size, dtype=np.float32)
        x, y = np.meshgrid(axis, axis)
        return np.stack([x.ravel(), y.ravel()], axis=-1)


@dataclass(frozen=True, slots=True)
class AnchorGrid:
    """A grid with anchor boxes of several shapes on every point (Li et al., SiamRPN, CVPR 2018, Sec. 3.2).

    Sides are cut to whole pixels before scaling, w = int(sqrt(base² / ratio)) and h = int(w * ratio), which is part of the
    published trackers: five of these shapes are 104x32, 88x40, 64x64, 40x80 and 32x96 pixels.

    Attributes:
        grid: The points that anchors are centred on.
        ratios: Height / width.
        scales: Factors on the truncated sides; anchors are ordered by ratio, then scale.
        base: Side in pixels of the square of scale 1; None takes the grid's stride.
    """

    grid: Grid
    ratios: tuple[float, ...] = (0.33, 0.5, 1.0, 2.0, 3.0)
    scales: tuple[float, ...] = (8.0,)
    base: float | None = None

    @property
    def anchors(self) -> int:
        """The number of anchors per point, A."""
        return len(self.ratios) * len(self.scales)

    def shapes(self) -> FloatArray:
        """Return the (A, 2) width and height of the anchors in crop pixels.

        >>> AnchorGrid(Grid(25, 8, 31)).shapes()[0].tolist()
        [104.0, 32.0]
        """
        area = (self.grid.stride if self.base is None else self.base) ** 2
        widths = [int(math.sqrt(area / ratio)) for ratio in self.ratios]
        whole = [(width, int(width * ratio)) for width, ratio in zip(widths, self.ratios, strict=True)]
        return np.array([(w * scale, h * scale) for w, h in whole for scale in self.scales], dtype=np.float32)

    def boxes(self) -> FloatArray:
        """Return the (N, 4) cx, cy, w, h in crop pixels, N = A * size²: anchor by anchor, then row by row."""
        points, shapes = self.grid.points(), self.shapes()
        return np.concatenate([np.tile(points, (len(shapes), 1)), np.repeat(shapes, len(points), axis=0)], axis=1)


def unpadded_grid(search_size: int, *, template_size: int = 127, stride: int = 8, base: int = 8) -> Grid:
    """Return the grid of an unpadded Siamese network's output map, centred in the search crop.

    Coordinates count from the centre of the first pixel, as the published trackers do: the middle of 255 pixels is 127.

    Args:
        search_size: Side of the search crop in pixels.
        template_size: Side of the template crop in pixels.
        stride: Stride of the features in pixels.
        base: Points per side by which the map exceeds (search_size - template_size) / stride + 1: 8 for networks that use the
            middle of the template alone, 0 for those that use all of it.

    Raises:
        LockonError: A search size that the stride does not reach from the template size.

    >>> unpadded_grid(255)
    Grid(size=25, stride=8, offset=31.0)
    """
    steps, rest = divmod(search_size - template_size, stride)
    size = steps + 1 + base
    if rest or size < 1:
        possible = f"{template_size} plus a multiple of {stride}, for example search_size={template_size + 16 * stride}"
        raise LockonError(f"search_size={search_size} given, expected {possible}")
    return Grid(size, stride, offset=(search_size - 1 - (size - 1) * stride) / 2)
