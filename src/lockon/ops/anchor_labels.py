"""Labels of anchors by their overlap with a target: what a classifier that is learnt online should give (Zhou et al., DuML, 2021, Sec. 4).

For NumPy's arrays and torch's tensors. Letters: A shapes of anchors, S, T rows and columns of the grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lockon.ops.array_math import clip_min, counted, integers, like, namespace
from lockon.types import Array


class LabelGrid(NamedTuple):
    """Where the labels lie.

    Attributes:
        rows: S.
        columns: T.
        stride: Pixels of the crop from one label to the next.
        first: Pixel of the first one, counted as the boxes are.
    """

    rows: int
    columns: int
    stride: float
    first: float


def anchor_labels(boxes: Array, shapes: Sequence[Sequence[float]], grid: LabelGrid, *, positive: float, negative: float) -> Array:
    """Return 1 where an anchor is the target, 0 where it is not, -1 where its overlap is neither.

    1 are anchors with an IoU above `positive`, and the one whose IoU is the highest if it is above 0; of equal ones (all that hold a small
    target have one IoU) the nearest to its centre.

    Args:
        boxes: (..., 4) x1, y1, x2, y2 of targets in pixels of the crop; they may lie outside.
        shapes: Width and height of the anchors in pixels.
        grid: The centres of the anchors.
        positive: IoU above which an anchor is 1.
        negative: IoU below which it is 0.

    Returns:
        (..., A, S, T) in the kind and type of `boxes`.
    """
    overlap, far = _overlap(boxes, shapes, grid)  # (..., A, S, T) and (..., S, T)
    module = namespace(boxes)
    flat = overlap.reshape(*overlap.shape[:-3], -1)  # (..., A S T)
    tied = flat == module.amax(flat, -1)[..., None]
    near = module.where(tied, -(far[..., None, :, :] + 0 * overlap).reshape(flat.shape), -np.inf).argmax(-1)  # (...)
    best = (integers(counted(flat.shape[-1], boxes)) == near[..., None]) & (flat > 0)
    ones = (overlap > positive) | best.reshape(overlap.shape)
    return like(ones, boxes) - like(~ones & (overlap >= negative), boxes)


def _overlap(boxes: Array, shapes: Sequence[Sequence[float]], grid: LabelGrid) -> tuple[Array, Array]:
    """Return the (..., A, S, T) IoU of the anchors with the targets, and the (..., S, T) squared distance of their centres in pixels."""
    module, sides = namespace(boxes), like(np.asarray(shapes), boxes)  # (A, 2)
    common = far = None
    for axis, count in ((0, grid.columns), (1, grid.rows)):
        centers = counted(count, boxes) * grid.stride + grid.first  # (T,) or (S,)
        low, high = (centers + sign * sides[:, axis, None] / 2 for sign in (-1, 1))  # (A, T) or (A, S)
        ends = module.minimum(high, boxes[..., axis + 2, None, None]) - module.maximum(low, boxes[..., axis, None, None])
        shared = clip_min(ends, 0.0)  # (..., A, T) or (..., A, S)
        offset = centers - ((boxes[..., axis] + boxes[..., axis + 2]) / 2)[..., None]  # (..., T) or (..., S)
        squares = offset * offset
        common = shared[..., None, :] if common is None else common * shared[..., None]
        far = squares[..., None, :] if far is None else far + squares[..., None]
    areas = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])  # (...)
    both = areas[..., None, None, None] + (sides[:, 0] * sides[:, 1])[:, None, None]  # (..., A, 1, 1)
    return common / clip_min(both - common, 1e-6), far


__all__ = ["LabelGrid", "anchor_labels"]
