"""Overlap of regions counted in pixels, as the VOT challenges do, in the variants of three programs.

Toolkits draw both regions into a grid and count pixels. The rules, in our own words:

- A row of pixels crosses an edge if its y lies between the ends, both included; the x of a crossing is cut to an integer
  towards 0. Corners are rounded before.
- Crossings, sorted, are taken in pairs, leaving out the first of two equal ones; the pixels of a pair, ends included, are
  inside. So a region of w x h covers up to (w + 1) x (h + 1) pixels, and an exact overlap differs by about 1 / w + 1 / h.

===============  ============================================  =====================================  =====================
rule             program                                       where the last two crossings are equal  bounds (W, H) keep
===============  ============================================  =====================================  =====================
``pysot``        STVIR/pysot, ``toolkit/utils/region.c``       nothing is inside                      pixels 0 .. W, 0 .. H
``trax``         votchallenge/trax 4, ``region.c``             that pixel is inside                   pixels 0 .. W, 0 .. H
``vot-toolkit``  votchallenge/toolkit 0.9, ``region``          that pixel is inside                   0 .. W - 1, 0 .. H - 1
===============  ============================================  =====================================  =====================

``pysot`` and ``trax`` hold coordinates as 32-bit floats, round them, halves away from 0, relative to the integer corner of
what both regions cover, and score 0 if the integer boxes around the regions do not overlap. ``vot-toolkit`` rounds halves to
even, and scores 1 if both regions lie in one row or column of pixels. A box has corners at x + w for ``pysot``, at x + w - 1 for
the other two. Polygons agree with all three programs, and boxes that are in part inside the bounds; not taken over is that
``vot-toolkit`` loses columns of boxes with negative corners when no bounds are given.

Pixels are never drawn here: the spans of the two regions in each row are compared as intervals, all rows of all frames at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockon.errors import LockonError, unknown_name
from lockon.types import FloatArray

RULES = ("pysot", "trax", "vot-toolkit")
Bounds = tuple[float, float]
_ROWS = 100_000  # rows of pixels at a time, to keep temporary arrays small


def raster_overlap(a: ArrayLike, b: ArrayLike, bounds: Bounds | None = None, rule: str = "pysot") -> FloatArray:
    """Compute the rasterised overlap of regions, frame by frame.

    Args:
        a: (T, 2 N) corners x1, y1, .. or (T, 4) boxes x, y, w, h.
        b: As `a`, of either kind.
        bounds: (width, height), or None for no limit. The PySOT toolkit passes the size of the picture for accuracy and that less one
            for expected average overlap.
        rule: The program to agree with, of `RULES`.

    Returns:
        (T,) pixels in both by pixels in either, in [0, 1]; 0 where neither has a pixel, NaN where a coordinate is not finite.

    Raises:
        LockonError: Rows that are no regions, different numbers of frames, bounds that are not above 0, or an unknown rule.
    """
    if rule not in RULES:
        raise unknown_name("rule of rasterisation", rule, RULES)
    if bounds is not None and (len(bounds) != 2 or not all(side > 0 for side in bounds)):
        raise LockonError(f"bounds {bounds!r}; expected (width, height) of the frames in pixels")
    p, q = _corners(a, rule), _corners(b, rule)
    if len(p) != len(q):
        raise LockonError(f"{len(p)} regions and {len(q)} regions; give one row per frame in both")
    result = np.full(len(p), np.nan)
    known = np.flatnonzero(np.isfinite(p).all(axis=(1, 2)) & np.isfinite(q).all(axis=(1, 2)))
    p, q = p[known], q[known]
    low, size, scores = (_toolkit_grid if rule == "vot-toolkit" else _trax_grid)(p, q, bounds)
    result[known] = scores
    for block in _blocks(np.flatnonzero(np.isnan(scores)), size[:, 1]):
        first, second = _round_half_up(p[block] - low[block, None]), _round_half_up(q[block] - low[block, None])
        result[known[block]] = _count(first, second, size[block], points=rule != "pysot")
    return result


def _corners(regions: ArrayLike, rule: str) -> FloatArray:
    """Map (T, 2 N) or (T, 4) to (T, N, 2), in the type of numbers that the program uses and rounded if it rounds first."""
    rows = np.asarray(regions, dtype=np.float32)
    if rows.ndim != 2 or rows.shape[1] % 2 or rows.shape[1] < 4:
        raise LockonError(f"regions of shape {rows.shape}; expected (T, 2 N) corners x1, y1, x2, y2, .. or (T, 4) boxes x, y, w, h")
    if rule == "vot-toolkit":
        rows = np.rint(rows).astype(np.float64)
    if rows.shape[1] == 4:
        x, y, w, h = rows.T
        if rule == "trax":
            w, h = w - 1, h - 1
        elif rule == "vot-toolkit":
            w, h = np.maximum(w - 1, 0), np.maximum(h - 1, 0)
        rows = np.stack([x, y, x + w, y, x + w, y + h, x, y + h], axis=1)
    return rows.reshape(len(rows), rows.shape[1] // 2, 2)


def _trax_grid(p: FloatArray, q: FloatArray, bounds: Bounds | None) -> tuple[FloatArray, NDArray[np.int64], FloatArray]:
    """Return first pixel (T, 2) and size (T, 2) of each grid, and (T,) scores, NaN where pixels have to be counted."""
    around = []
    for points in (p, q):
        low, high = np.floor(points.min(axis=1)), np.ceil(points.max(axis=1))
        if bounds is not None:
            low, high = np.maximum(low, 0), np.minimum(high, np.asarray(bounds, dtype=np.float32))
        around.append((low, high))
    (low_p, high_p), (low_q, high_q) = around
    low = np.minimum(low_p, low_q)
    size = np.floor(np.maximum(high_p, high_q) - low).astype(np.int64) + 1
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.prod(high_p - low_p, axis=1) / np.prod(high_q - low_q, axis=1)
    meet = np.all((low_p < high_q) & (low_q < high_p) & (size >= 1), axis=1) & (ratio >= 1e-10) & (ratio <= 1e10)
    return low, size, np.where(meet, np.nan, 0.0)


def _toolkit_grid(p: FloatArray, q: FloatArray, bounds: Bounds | None) -> tuple[FloatArray, NDArray[np.int64], FloatArray]:
    """Return what `_trax_grid` does; p and q are integers here."""
    low, high = np.minimum(p.min(axis=1), q.min(axis=1)), np.maximum(p.max(axis=1), q.max(axis=1))
    scores = np.where((low >= high).any(axis=1), 1.0, np.nan)
    if bounds is not None:
        low, high = np.maximum(low, 0), np.minimum(high, np.asarray(bounds, dtype=np.float64) - 1)
        scores = np.where(np.isnan(scores) & (low >= high).any(axis=1), 0.0, scores)
    return low, (high - low).astype(np.int64) + 1, scores


def _round_half_up(points: FloatArray) -> FloatArray:
    """Round to the nearest integers, halves away from 0, as float64."""
    wide = points.astype(np.float64)
    rounded: FloatArray = np.copysign(np.floor(np.abs(wide) + 0.5), wide)
    return rounded


def _blocks(frames: NDArray[np.intp], heights: NDArray[np.int64]) -> list[NDArray[np.intp]]:
    """Split the frames into groups of about `_ROWS` rows of pixels."""
    group = np.cumsum(heights[frames]) // _ROWS
    return np.split(frames, np.flatnonzero(np.diff(group)) + 1) if len(frames) else []


def _count(p: FloatArray, q: FloatArray, size: NDArray[np.int64], *, points: bool) -> FloatArray:
    """Compute the (T,) overlap of (T, N, 2) and (T, M, 2) integer corners in grids of `size` (T, 2)."""
    heights = size[:, 1]
    frame = np.repeat(np.arange(len(size)), heights)
    row = np.arange(len(frame)) - np.repeat(np.cumsum(heights) - heights, heights)  # 0 .. height - 1 in each frame
    first, second = (_spans(region, frame, row, size[frame, 0], points=points) for region in (p, q))
    both = _pixels(np.maximum(first[0][:, None], second[0]), np.minimum(first[1][:, None], second[1]))
    inter, area, other = (
        np.bincount(frame, weights=pixels, minlength=len(size))
        for pixels in (both.sum(axis=(0, 1)), _pixels(*first).sum(axis=0), _pixels(*second).sum(axis=0))
    )
    union = area + other - inter
    overlap: FloatArray = np.divide(inter, union, out=np.zeros(len(size)), where=union > 0)
    return overlap


def _pixels(starts: FloatArray, ends: FloatArray) -> FloatArray:
    """Count the pixels from starts to ends, both included."""
    return np.maximum(ends - starts + 1, 0)


def _spans(
    region: FloatArray, frame: NDArray[np.intp], row: NDArray[np.intp], width: NDArray[np.int64], *, points: bool
) -> tuple[FloatArray, FloatArray]:
    """Return first and last pixel, (N - 1, R) each, of the disjoint spans in each of R rows; an empty span ends before it starts.

    `points`: whether a row that meets the region in one point has a pixel there.
    """
    nodes = _nodes(region, frame, row, level=points)
    starts, ends = np.zeros((len(nodes) - 1, len(row))), np.full((len(nodes) - 1, len(row)), -1.0)
    at = np.zeros(len(row), dtype=np.int64)  # current node of each row
    filled = np.full(len(row), -1.0)  # last pixel so far
    for k in range(len(nodes) - 1):
        here = (at == k) & (nodes[k + 1] < np.inf)
        pair = here & (nodes[k] != nodes[k + 1])
        if points:
            is_last = nodes[k + 2] == np.inf if k + 2 < len(nodes) else np.ones(len(row), dtype=np.bool_)
            pair |= here & is_last
        at += here.astype(np.int64) + pair
        starts[k] = np.where(pair, np.maximum(nodes[k], filled + 1), 0)
        ends[k] = np.where(pair, np.minimum(nodes[k + 1], width - 1), -1)
        filled = np.where(pair, np.maximum(ends[k], filled), filled)
    return starts, ends


def _nodes(region: FloatArray, frame: NDArray[np.intp], row: NDArray[np.intp], *, level: bool) -> FloatArray:
    """Return (N, R) x where the outline crosses each row, rising, infinite at the end; `level`: whether edges along the row count."""
    x, y = region[..., 0].T[:, frame], region[..., 1].T[:, frame]
    x_before, y_before = np.roll(x, 1, axis=0), np.roll(y, 1, axis=0)
    flat = y == y_before
    crossed = (np.minimum(y, y_before) <= row) & (row <= np.maximum(y, y_before)) & (level | ~flat)
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = np.trunc(x + (row - y) / (y_before - y) * (x_before - x))
    return np.sort(np.where(crossed, np.where(flat, x, crossing), np.inf), axis=0)


__all__ = ["RULES", "raster_overlap"]
