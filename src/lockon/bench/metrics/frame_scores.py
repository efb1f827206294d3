"""Scores of single frames: overlaps and centre errors of boxes, toolkit by toolkit.

Boxes are columns here: (4, T) rows x, y, w, h, contiguous, so that each step runs over all frames at once. Callers silence
NumPy's warnings: NaN and division by zero are part of the data. `lockon.bench.metrics.conventions` assigns them to toolkits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lockon.types import FloatArray

BoolArray = NDArray[np.bool_]
Bounds = tuple[float, float]

MISS = -1.0  # overlap of a frame that counts and cannot be hit
HIT = -1.0  # centre error of a frame that is a hit at every threshold


def _inter_union(pred: FloatArray, gt: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the (T,) areas of intersection and union."""
    size = pred[:2] + pred[2:]
    np.minimum(size, gt[:2] + gt[2:], out=size)
    size -= np.maximum(pred[:2], gt[:2])
    np.maximum(size, 0, out=size)
    inter = size[0] * size[1]
    union = pred[2] * pred[3]
    union += gt[2] * gt[3]
    union -= inter
    return inter, union


def _iou(pred: FloatArray, gt: FloatArray, epsilon: float = 0.0) -> FloatArray:
    """Return the (T,) IoU in [0, 1], NaN becoming `MISS`."""
    inter, union = _inter_union(pred, gt)
    if epsilon:
        union += epsilon
    inter /= union
    np.minimum(inter, 1, out=inter)
    np.maximum(inter, 0, out=inter)
    return np.fmax(inter, MISS, out=inter)


def _length(offset: FloatArray) -> FloatArray:
    """Map (2, T) to its (T,) Euclidean length; the argument is overwritten."""
    offset *= offset
    squared: FloatArray = offset[0] + offset[1]
    return np.sqrt(squared, out=squared)


def _centers(boxes: FloatArray) -> FloatArray:
    """Return the (2, T) centres at ``x + (w - 1) / 2``, as pysot, pytracking and got10k compute them."""
    centers = boxes[2:] - 1
    centers *= 0.5
    centers += boxes[:2]
    return centers


def has_size(gt: FloatArray) -> BoolArray:
    """Return (T,) whether width and height are above 0; False for NaN."""
    sized: BoolArray = (gt[2] > 0) & (gt[3] > 0)
    return sized


def is_positive(gt: FloatArray) -> BoolArray:
    """Return (T,) whether x, y, width and height are above 0; False for NaN."""
    inside: BoolArray = (gt[0] > 0) & (gt[1] > 0)
    return inside & has_size(gt)


def pysot_overlaps(pred: FloatArray, gt: FloatArray, bounds: Bounds | None) -> FloatArray:
    """Return the IoU; a frame whose ground truth has no size is a miss."""
    return np.where(has_size(gt), _iou(pred, gt), MISS)


def pysot_errors(pred: FloatArray, gt: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return centre errors: a ground-truth centre that is not positive in both coordinates is a hit."""
    a, b, unit = _centers(pred), _centers(gt), gt[2:] + 1e-16
    a_units, b_units = a / unit, b / unit
    positive, positive_units = (b[0] > 0) & (b[1] > 0), (b_units[0] > 0) & (b_units[1] > 0)
    return np.where(positive, _length(b - a), HIT), np.where(positive_units, _length(b_units - a_units), HIT)


def pytracking_overlaps(pred: FloatArray, gt: FloatArray, bounds: Bounds | None) -> FloatArray:
    """Return the IoU; ground truth that touches the left or upper border at 0, or has no size, is a miss."""
    return np.where(is_positive(gt), _iou(pred, gt), MISS)


def pytracking_errors(pred: FloatArray, gt: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return centre errors: where the ground truth is no positive box, the error is a miss and the normalised one a hit."""
    return _void_errors(pred, gt, is_positive(gt))


def ostrack_errors(pred: FloatArray, gt: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return centre errors: where the ground truth has no size, the error is a miss and the normalised one a hit."""
    return _void_errors(pred, gt, has_size(gt))


def _void_errors(pred: FloatArray, gt: FloatArray, valid: BoolArray) -> tuple[FloatArray, FloatArray]:
    a, b = _centers(pred), _centers(gt)
    return np.where(valid, _length(b - a), np.inf), np.where(valid, _length(b / gt[2:] - a / gt[2:]), HIT)


def pytracking_prepare(pred: FloatArray, gt: FloatArray) -> FloatArray:
    """Replace the first box by the ground truth's, and a box without width or height by the one before it."""
    repeats = ((pred[2] == 0) | (pred[3] == 0)) & ~np.isnan(gt).any(axis=0)
    repeats[0] = False
    if repeats.any():
        pred = pred[:, np.maximum.accumulate(np.where(repeats, 0, np.arange(len(repeats))))]
    pred = pred.copy()
    pred[:, 0] = gt[:, 0]
    return pred


def lorat_overlaps(pred: FloatArray, gt: FloatArray, bounds: Bounds | None) -> FloatArray:
    """Return the IoU; an overlap of 0 is below the threshold 0, which counts from equality on."""
    iou = _iou(pred, gt)
    return np.where(iou > 0, iou, MISS)


def lorat_errors(pred: FloatArray, gt: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the errors of centres at ``x + w / 2``."""
    offset = pred[:2] + pred[2:] / 2
    offset -= gt[:2] + gt[2:] / 2
    return _length(offset.copy()), _length(offset / gt[2:])


def got10k_overlaps(pred: FloatArray, gt: FloatArray, bounds: Bounds | None) -> FloatArray:
    """Return the IoU of boxes clipped to the picture; exactly 0 where a union is empty."""
    if bounds is not None:
        pred, gt = _got10k_clip(pred, bounds), _got10k_clip(gt, bounds)
    return _iou(pred, gt, np.finfo(np.float64).eps)


def _got10k_clip(boxes: FloatArray, bounds: Bounds) -> FloatArray:
    """Clip as the toolkit does: the corner moves in and the size stays, up to the far border."""
    limit = np.asarray(bounds, dtype=np.float64)[:, None]
    corner = np.clip(boxes[:2], 0, limit)
    return np.concatenate([corner, np.clip(boxes[2:], 0, limit - corner)])


def got10k_errors(pred: FloatArray, gt: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the errors; the normalising size of the ground truth is at least 1 pixel."""
    offset = _centers(pred)
    offset -= _centers(gt)
    normalized = offset / np.maximum(gt[2:], 1)
    return _length(offset), _length(normalized)
