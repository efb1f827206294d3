"""Metrics of one-pass evaluation: success, precision, normalised precision, average overlap, success rate.

Every function takes the boxes of one sequence, ``pred`` and ``gt`` (T, 4) x, y, w, h in pixels (NaN rows: no box, no
annotation), and

    convention   name of the toolkit to agree with, see `lockon.bench.metrics.conventions`
    visible      (T,) bool, False where the target is absent; None when it is always there or unknown
    bounds       (width, height) of the frames; the ``got10k`` conventions clip boxes to it, ``pysot`` does not

and returns fractions in [0, 1], or NaN for a sequence in which no frame counts. `over_sequences` averages the values of
many sequences as the toolkit does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lockon.bench.metrics.conventions import BoolArray, Convention, FloatArray, get_convention
from lockon.errors import LockonError

PRECISION_THRESHOLDS = np.arange(0, 51, 1)  # pixels
NORMALIZED_THRESHOLDS = np.arange(0, 51, 1) / 100  # in units of the target's size


def success_thresholds(convention: str = "pysot") -> FloatArray:
    """IoU thresholds of the success curve: 21 for ``pysot`` and ``got10k-otb``, 101 for ``got10k``."""
    thresholds: FloatArray = get_convention(convention).success_thresholds.copy()
    return thresholds


def success_curve(
    pred: ArrayLike,
    gt: ArrayLike,
    convention: str = "pysot",
    visible: ArrayLike | None = None,
    bounds: tuple[float, float] | None = None,
) -> FloatArray:
    """Fraction of frames whose IoU is above each of `success_thresholds`."""
    rule = get_convention(convention)
    overlaps, frames = _overlaps(rule, pred, gt, visible, bounds)
    return _fractions(overlaps[:, None] > rule.success_thresholds, frames)


def success_auc(
    pred: ArrayLike,
    gt: ArrayLike,
    convention: str = "pysot",
    visible: ArrayLike | None = None,
    bounds: tuple[float, float] | None = None,
) -> float:
    """Area under the success curve: the mean of its values."""
    return float(np.mean(success_curve(pred, gt, convention, visible, bounds)))


def average_overlap(
    pred: ArrayLike,
    gt: ArrayLike,
    convention: str = "got10k",
    visible: ArrayLike | None = None,
    bounds: tuple[float, float] | None = None,
) -> float:
    """Mean IoU, a miss being 0 (Huang et al., GOT-10k, section 4.1; the PySOT toolkit has no such figure: its frames are used)."""
    overlaps, frames = _overlaps(get_convention(convention), pred, gt, visible, bounds)
    return float(np.maximum(overlaps, 0).sum() / frames) if frames else float("nan")


def success_rate(  # noqa: PLR0917 - the documented order of the public API
    pred: ArrayLike,
    gt: ArrayLike,
    threshold: float = 0.5,
    convention: str = "got10k",
    visible: ArrayLike | None = None,
    bounds: tuple[float, float] | None = None,
) -> float:
    """Fraction of frames whose IoU is above `threshold`."""
    overlaps, frames = _overlaps(get_convention(convention), pred, gt, visible, bounds)
    return float(_fractions(overlaps > threshold, frames))


def precision_curve(pred: ArrayLike, gt: ArrayLike, convention: str = "pysot", visible: ArrayLike | None = None) -> FloatArray:
    """Fraction of frames whose centre is at most 0, 1, .. 50 pixels off (`PRECISION_THRESHOLDS`)."""
    errors, frames = _errors(get_convention(convention), pred, gt, visible, normalized=False)
    return _fractions(errors[:, None] <= PRECISION_THRESHOLDS, frames)


def precision(pred: ArrayLike, gt: ArrayLike, threshold: float = 20, convention: str = "pysot", visible: ArrayLike | None = None) -> float:
    """Fraction of frames whose centre is at most `threshold` pixels off."""
    errors, frames = _errors(get_convention(convention), pred, gt, visible, normalized=False)
    return float(_fractions(errors <= threshold, frames))


def normalized_precision_curve(pred: ArrayLike, gt: ArrayLike, convention: str = "pysot", visible: ArrayLike | None = None) -> FloatArray:
    """Fraction of frames whose centre error in units of the target's width and height is at most 0, .01, .. .5."""
    errors, frames = _errors(get_convention(convention), pred, gt, visible, normalized=True)
    return _fractions(errors[:, None] <= NORMALIZED_THRESHOLDS, frames)


def normalized_precision(
    pred: ArrayLike, gt: ArrayLike, threshold: float = 0.2, convention: str = "pysot", visible: ArrayLike | None = None
) -> float:
    """The normalised precision curve at one threshold (Mueller et al., TrackingNet, section 5; the PySOT toolkit reports 0.2)."""
    errors, frames = _errors(get_convention(convention), pred, gt, visible, normalized=True)
    return float(_fractions(errors <= threshold, frames))


def counted_frames(gt: ArrayLike, convention: str = "pysot", visible: ArrayLike | None = None) -> int:
    """Number of frames that the metrics of a sequence divide by."""
    boxes = _boxes(gt, "gt")
    return get_convention(convention).counted(boxes, _flags(visible, len(boxes)))


def over_sequences(values: ArrayLike, frames: ArrayLike, convention: str = "pysot") -> Any:
    """A metric of many sequences from the metric of each.

    Args:
        values: (S,) or (S, K) one value or curve per sequence.
        frames: (S,) `counted_frames` of each sequence.
        convention: ``got10k`` pools the frames of all sequences, the others take the mean over sequences.

    Returns:
        float for (S,), array (K,) for (S, K). Sequences in which no frame counts are left out.

    Raises:
        LockonError: no sequence, or different numbers of values and frames.
    """
    table, counts = np.asarray(values, dtype=np.float64), np.asarray(frames, dtype=np.float64)
    if table.ndim not in (1, 2) or counts.shape != table.shape[:1] or not len(counts):
        raise LockonError(f"values of shape {table.shape} and frames of shape {counts.shape}; expected (S,) or (S, K) and (S,), S above 0")
    used = counts > 0
    if not used.any():
        return np.full(table.shape[1:], np.nan)[()]
    weights = counts[used] if get_convention(convention).pooled else np.ones(int(used.sum()))
    result = np.average(table[used], axis=0, weights=weights)
    return float(result) if table.ndim == 1 else result


def _overlaps(
    rule: Convention, pred: ArrayLike, gt: ArrayLike, visible: ArrayLike | None, bounds: tuple[float, float] | None
) -> tuple[FloatArray, int]:
    """IoU of the frames that are looked at, and the number of frames to divide by."""
    p, g, v = _checked(pred, gt, visible)
    if bounds is not None and (len(bounds) != 2 or not all(side > 0 for side in bounds)):
        raise LockonError(f"bounds {bounds!r}; expected (width, height) of the frames in pixels")
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        overlaps = rule.overlaps(p, g, bounds)
    return overlaps[rule.scored(g, v)], rule.counted(g, v)


def _errors(rule: Convention, pred: ArrayLike, gt: ArrayLike, visible: ArrayLike | None, *, normalized: bool) -> tuple[FloatArray, int]:
    """Centre errors of the frames that are looked at (NaN is above every threshold), and the number of frames to divide by."""
    p, g, v = _checked(pred, gt, visible)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        errors = (rule.normalized_errors if normalized else rule.center_errors)(p, g)
    return errors[rule.scored(g, v)], rule.counted(g, v)


def _fractions(hits: BoolArray, frames: int) -> FloatArray:
    """(T, K) or (T,) hits to (K,) or () fractions of `frames`."""
    count: FloatArray = np.sum(hits, axis=0, dtype=np.float64)
    return count / frames if frames else np.full(count.shape, np.nan)


def _checked(pred: ArrayLike, gt: ArrayLike, visible: ArrayLike | None) -> tuple[FloatArray, FloatArray, BoolArray | None]:
    p, g = _boxes(pred, "pred"), _boxes(gt, "gt")
    if p.shape != g.shape:
        raise LockonError(f"{len(p)} predicted boxes for {len(g)} frames of ground truth; give one row per frame")
    return p, g, _flags(visible, len(g))


def _boxes(boxes: ArrayLike, name: str) -> FloatArray:
    array = np.asarray(boxes, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 4 or not len(array):
        raise LockonError(f"{name} has the shape {array.shape}; expected (T, 4): x, y, w, h per frame")
    return array


def _flags(visible: ArrayLike | None, frames: int) -> BoolArray | None:
    if visible is None:
        return None
    flags = np.asarray(visible)
    if flags.shape != (frames,):
        raise LockonError(f"visible has the shape {flags.shape}; expected ({frames},), one flag per frame")
    return flags.astype(np.bool_)
