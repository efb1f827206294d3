"""Polygon functions on arrays of shape (..., 2 N), x1, y1, x2, y2, .. of N corners in order: areas and exact overlaps.

All functions work on many polygons at once, and take boxes (..., 4) x, y, w, h in place of polygons. A polygon may be convex or
not, run clockwise or counter-clockwise, and touch or cross itself: what is inside follows the even-odd rule (a ray from there
crosses the outline an odd number of times), so both lobes of a bow tie are inside.

The exact area of an intersection is an integral over y of the length of its cross-section. That length is linear between
neighbouring heights of corners and crossings, so its value half-way, times the height of the strip, is exact.
The rasterised overlap of the VOT challenges is in `lockon.ops.raster`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from lockon.errors import LockonError
from lockon.ops.raster import raster_overlap
from lockon.types import FloatArray

Bounds = tuple[float, float]
_BLOCK = 2_000_000  # numbers in the largest temporary array


def box_to_polygon(boxes: ArrayLike) -> FloatArray:
    """Convert (..., 4) x, y, w, h to (..., 8): the corners top left, top right, bottom right, bottom left.

    >>> box_to_polygon([10, 20, 4, 6]).tolist()
    [10.0, 20.0, 14.0, 20.0, 14.0, 26.0, 10.0, 26.0]
    """
    x, y, w, h = np.moveaxis(_rows(boxes, 4), -1, 0)
    return np.stack([x, y, x + w, y, x + w, y + h, x, y + h], axis=-1)


def polygon_to_box(polygons: ArrayLike) -> FloatArray:
    """Convert (..., 2 N) corners to (..., 4) x, y, w, h: the smallest upright box around them.

    >>> polygon_to_box([2, 0, 4, 2, 2, 4, 0, 2]).tolist()
    [0.0, 0.0, 4.0, 4.0]
    """
    points = _points(polygons)
    low, high = points.min(axis=-2), points.max(axis=-2)
    return np.concatenate([low, high - low], axis=-1)


def polygon_to_box_of_equal_area(quads: ArrayLike) -> FloatArray:
    """Convert (..., 8) rotated boxes to (..., 4) upright boxes x, y, w, h, as Siamese trackers are started on VOT.

    The box has the centre of the corners, the proportions of the smallest upright box around them, and the area of the product
    of two neighbouring sides; then each side is one pixel longer (STVIR/pysot ``pysot/utils/bbox.py``,
    get_axis_aligned_bbox). The centre is that of a box covering x to x + w; a quad without extent gives 1 x 1 pixel.

    >>> polygon_to_box_of_equal_area([0, 0, 4, 0, 4, 9, 0, 9]).tolist()
    [-0.5, -0.5, 5.0, 10.0]
    """
    points = _points(_rows(quads, 8))
    center, around = points.mean(axis=-2), polygon_to_box(quads)[..., 2:]
    sides = np.linalg.norm(points[..., 1:3, :] - points[..., :2, :], axis=-1)  # (..., 2)
    extent = np.prod(around, axis=-1)
    scale = np.sqrt(np.divide(np.prod(sides, axis=-1), extent, out=np.zeros_like(extent), where=extent > 0))
    size = around * scale[..., None] + 1
    return np.concatenate([center - size / 2, size], axis=-1)


def polygon_area(polygons: ArrayLike, bounds: Bounds | None = None) -> FloatArray:
    """Compute the (...,) area inside each polygon (..., 2 N), and inside [0, width] x [0, height] with bounds. NaN for NaN.

    >>> float(polygon_area([0, 0, 4, 0, 4, 3, 0, 3]))
    12.0
    """
    points = _points(polygons)
    flat = points.reshape(math.prod(points.shape[:-2]), *points.shape[-2:])
    area: FloatArray = _areas(flat, flat, _limits(bounds))[0].reshape(points.shape[:-2])
    return area


def polygon_iou(a: ArrayLike, b: ArrayLike, bounds: Bounds | None = None) -> FloatArray:
    """Compute the exact intersection over union of polygons (..., 2 N) and (..., 2 M), broadcast.

    Args:
        a: Corners, or boxes x, y, w, h.
        b: As `a`.
        bounds: (width, height); what lies outside [0, width] x [0, height] is cut off both.

    Returns:
        (...,) in [0, 1]; 0 where the union has no area, NaN where a corner is not finite.

    Raises:
        LockonError: Rows that are no corners, shapes that do not broadcast, or bounds that are not above 0.

    >>> float(polygon_iou([0, 0, 2, 0, 2, 2, 0, 2], [1, 0, 2, 2]))
    0.3333333333333333
    """
    first, second = _points(a), _points(b)
    try:
        shape = np.broadcast_shapes(first.shape[:-2], second.shape[:-2])
    except ValueError:
        raise LockonError(f"polygons of shapes {np.shape(a)} and {np.shape(b)}; expected the same number of rows in both") from None
    flat = [
        np.broadcast_to(points, (*shape, *points.shape[-2:])).reshape(math.prod(shape), *points.shape[-2:]) for points in (first, second)
    ]
    area, other, inter = _areas(flat[0], flat[1], _limits(bounds))
    union = area + other - inter
    iou = np.divide(inter, union, out=np.where(np.isnan(union), np.nan, 0.0), where=union > 0)
    clipped: FloatArray = np.clip(iou, 0, 1).reshape(shape)
    return clipped


def _areas(a: FloatArray, b: FloatArray, limits: FloatArray | None) -> FloatArray:
    """Map (T, N, 2) and (T, M, 2) to (3, T): area of each and of the intersection, cut off at limits (width, height)."""
    edges = a.shape[1] + b.shape[1]
    frames = max(1, _BLOCK // edges**3)  # there are about edges**2 heights, and each has a crossing per edge
    blocks = [_areas_of_block(a[start : start + frames], b[start : start + frames], limits) for start in range(0, len(a), frames)]
    return np.concatenate(blocks, axis=1) if blocks else np.zeros((3, 0))


def _areas_of_block(a: FloatArray, b: FloatArray, limits: FloatArray | None) -> FloatArray:
    known = np.logical_and(np.isfinite(a).all(axis=(1, 2)), np.isfinite(b).all(axis=(1, 2)))
    edges = np.concatenate([_edges(np.where(known[:, None, None], points, 0)) for points in (a, b)], axis=1)  # (T, E, 4)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        heights = _heights(edges, limits)  # (T, K), rising
        middle, step = (heights[:, 1:] + heights[:, :-1]) / 2, np.diff(heights, axis=1)
        x = _crossings(edges, middle)  # (T, K - 1, E)
    if limits is not None:
        x = np.clip(x, 0, limits[0])
    first, second = np.sort(x[..., : a.shape[1]], axis=2), np.sort(x[..., a.shape[1] :], axis=2)
    lengths = np.stack([_length(first), _length(second), _common_length(first, second)])
    return np.where(known, np.sum(lengths * step, axis=2), np.nan)


def _edges(points: FloatArray) -> FloatArray:
    """Map (T, N, 2) to (T, N, 4): x, y, dx, dy of each edge."""
    return np.concatenate([points, np.roll(points, -1, axis=1) - points], axis=2)


def _heights(edges: FloatArray, limits: FloatArray | None) -> FloatArray:
    """Return (T, K) y between which no edge begins, ends, crosses another or crosses a limit of x; rising."""
    x, y, dx, dy = np.moveaxis(edges, -1, 0)  # (T, E) each
    i, j = np.triu_indices(edges.shape[1], k=1)
    along = ((x[:, j] - x[:, i]) * dy[:, j] - (y[:, j] - y[:, i]) * dx[:, j]) / (dx[:, i] * dy[:, j] - dy[:, i] * dx[:, j])
    heights = [y, y[:, i] + along * dy[:, i]]
    low, high = y.min(axis=1, keepdims=True), y.max(axis=1, keepdims=True)
    if limits is not None:
        heights += [y - x / dx * dy, y + (limits[0] - x) / dx * dy]
        low, high = np.clip(low, 0, limits[1]), np.clip(high, 0, limits[1])
    every = np.concatenate(heights, axis=1)
    rising: FloatArray = np.sort(np.clip(np.where(np.isfinite(every), every, low), low, high), axis=1)
    return rising


def _crossings(edges: FloatArray, heights: FloatArray) -> FloatArray:
    """Return (T, K, E) x where each edge has each height (T, K); the frame's largest x where it has not."""
    x, y, dx, dy = np.moveaxis(edges[:, None], -1, 0)  # (T, 1, E) each
    level = heights[..., None]
    crossed = (y <= level) != (y + dy <= level)
    crossings: FloatArray = np.where(crossed, x + (level - y) / dy * dx, x.max(axis=2, keepdims=True))
    return crossings


def _length(x: FloatArray) -> FloatArray:
    """Map (..., E) sorted crossings to (...,) length inside: from the first to the second, from the third to the fourth, and so on."""
    inside: FloatArray = (x[..., 1::2] - x[..., : x.shape[-1] // 2 * 2 : 2]).sum(axis=-1)
    return inside


def _common_length(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return the (...,) length inside both of two sets of sorted crossings (..., E) and (..., F)."""
    starts = np.maximum(a[..., : a.shape[-1] // 2 * 2 : 2, None], b[..., None, : b.shape[-1] // 2 * 2 : 2])
    inside: FloatArray = np.maximum(np.minimum(a[..., 1::2, None], b[..., None, 1::2]) - starts, 0).sum(axis=(-2, -1))
    return inside


def _limits(bounds: Bounds | None) -> FloatArray | None:
    if bounds is None:
        return None
    limits = np.asarray(bounds, dtype=np.float64)
    if limits.shape != (2,) or not (limits > 0).all():
        raise LockonError(f"bounds {bounds!r}; expected (width, height) of the frames in pixels")
    return limits


def _rows(rows: ArrayLike, columns: int | None = None) -> FloatArray:
    """Return a float array whose last axis has `columns` numbers; without `columns` an even number of 4 or more."""
    array = np.asarray(rows, dtype=np.float64)
    count = array.shape[-1] if array.ndim else 0
    if count != columns if columns is not None else count % 2 or count < 4:
        expected = "x1, y1, x2, y2, .. of 3 corners or more, or x, y, w, h" if columns is None else f"{columns} numbers per row"
        raise LockonError(f"rows of shape {array.shape}; expected {expected}")
    return array


def _points(polygons: ArrayLike) -> FloatArray:
    """Map (..., 2 N), or (..., 4) boxes, to (..., N, 2)."""
    rows = _rows(polygons)
    if rows.shape[-1] == 4:
        rows = box_to_polygon(rows)
    return rows.reshape(*rows.shape[:-1], rows.shape[-1] // 2, 2)


__all__ = ["box_to_polygon", "polygon_area", "polygon_iou", "polygon_to_box", "polygon_to_box_of_equal_area", "raster_overlap"]
