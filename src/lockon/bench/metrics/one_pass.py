"""Metrics of one-pass evaluation: success, precision, normalised precision, average overlap, success rate.

Every function takes the boxes of one sequence, ``pred`` and ``gt`` (T, 4) x, y, w, h in pixels (NaN rows: no box, no
annotation), and

    convention   name of the toolkit to agree with, see `lockon.bench.metrics.conventions`
    visible      (T,) bool, False where the target is absent; None when it is always there or unknown
    bounds       (width, height) of the frames; the ``got10k`` conventions clip boxes to it, the others do not

and returns fractions in [0, 1], or NaN for a sequence in which no frame counts. `over_sequences` averages the values of
many sequences as the toolkit does. `lockon.bench.metrics.scores` computes all metrics of a sequence at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockon.bench.metrics.conventions import Convention, get_convention
from lockon.bench.metrics.frame_scores import BoolArray, Bounds
from lockon.errors import LockonError
from lockon.types import FloatArray

PRECISION_THRESHOLDS = np.arange(0.0, 51.0)  # pixels
NORMALIZED_THRESHOLDS = np.arange(0, 51, 1) / 100  # in units of the target's size


def success_thresholds(convention: str = "pysot") -> FloatArray:
    """Return the IoU thresholds of the success curve: 101 for ``got10k``, 21 for the others."""
    thresholds: FloatArray = get_convention(convention).success_thresholds.copy()
    return thresholds


def success_curve(
    pred: ArrayLike, gt: ArrayLike, convention: str = "pysot", visible: ArrayLike | None = None, bounds: Bounds | None = None
) -> FloatArray:
    """Compute the fraction of frames whose IoU is above each of `success_thresholds` (``lorat``: or equal to it)."""
    rule = get_convention(convention)
    overlaps, boxes, flags = _overlaps(rule, pred, gt, visible, bounds)
    return fractions(count_above(overlaps, rule.success_thresholds, inclusive=rule.inclusive), rule.counted(boxes, flags))


def success_auc(
    pred: ArrayLike, gt: ArrayLike, convention: str = "pysot", visible: ArrayLike | None = None, bounds: Bounds | None = None
) -> float:
    """Compute the area under the success curve: the mean of its values.

    >>> round(success_auc([[0, 0, 10, 10], [0, 0, 10, 10]], [[0, 0, 10, 10], [5, 0, 10, 10]]), 4)
    0.6429
    """
    return float(np.mean(success_curve(pred, gt, convention, visible, bounds)))


def average_overlap(
    pred: ArrayLike, gt: ArrayLike, convention: str = "got10k", visible: ArrayLike | None = None, bounds: Bounds | None = None
) -> float:
    """Compute the mean IoU, a miss being 0 (Huang et al., GOT-10k, section 4.1).

    ``pytracking`` and ``ostrack`` average over the frames with a box in the ground truth. The PySOT toolkit has no such metric:
    the frames of its other metrics are used.
    """
    rule = get_convention(convention)
    overlaps, boxes, flags = _overlaps(rule, pred, gt, visible, bounds)
    frames = rule.averaged_over(boxes, flags)
    return float(np.maximum(overlaps, 0).sum() / frames) if frames else float("nan")


def success_rate(  # noqa: PLR0917 - the documented order of the public API
    pred: ArrayLike,
    gt: ArrayLike,
    threshold: float = 0.5,
    convention: str = "got10k",
    visible: ArrayLike | None = None,
    bounds: Bounds | None = None,
) -> float:
    """Compute the fraction of frames whose IoU is above `threshold` (``lorat``: or equal to it)."""
    rule = get_convention(convention)
    overlaps, boxes, flags = _overlaps(rule, pred, gt, visible, bounds)
    hits = (overlaps >= threshold) if rule.inclusive else (overlaps > threshold)
    return float(fractions(np.count_nonzero(hits), rule.counted(boxes, flags)))


def precision_curve(pred: ArrayLike, gt: ArrayLike, convention: str = "pysot", visible: ArrayLike | None = None) -> FloatArray:
    """Compute the fraction of frames whose centre error is at most 0, 1, .. 50 pixels (`PRECISION_THRESHOLDS`)."""
    errors, frames = _errors(get_convention(convention), pred, gt, visible, normalized=False)
    return fractions(count_within(errors, PRECISION_THRESHOLDS), frames)


def precision(pred: ArrayLike, gt: ArrayLike, threshold: float = 20, convention: str = "pysot", visible: ArrayLike | None = None) -> float:
    """Compute the fraction of frames whose centre error is at most `threshold` pixels."""
    errors, frames = _errors(get_convention(convention), pred, gt, visible, normalized=False)
    return float(fractions(np.count_nonzero(errors <= threshold), frames))


def normalized_precision_curve(pred: ArrayLike, gt: ArrayLike, convention: str = "pysot", visible: ArrayLike | None = None) -> FloatArray:
    """Compute the fraction of frames whose centre error in units of the target's width and height is at most 0, .01, .. .5."""
    errors, frames = _errors(get_convention(convention), pred, gt, visible, normalized=True)
    return fractions(count_within(errors, NORMALIZED_THRESHOLDS), frames)


def normalized_precision(
    pred: ArrayLike, gt: ArrayLike, threshold: float = 0.2, convention: str = "pysot", visible: ArrayLike | None = None
) -> float:
    """Compute the normalised precision curve at one threshold (Mueller et al., TrackingNet, section 5; the PySOT toolkit reports 0.2)."""
    errors, frames = _errors(get_convention(convention), pred, gt, visible, normalized=True)
    return float(fractions(np.count_nonzero(errors <= threshold), frames))


def counted_frames(gt: ArrayLike, convention: str = "pysot", visible: ArrayLike | None = None) -> int:
    """Return the number of frames that the metrics of a sequence divide by."""
    boxes = columns(gt, "gt")
    return get_convention(convention).counted(boxes, flags_of(visible, boxes.shape[1]))


def over_sequences(values: ArrayLike, frames: ArrayLike, convention: str = "pysot") -> Any:
    """Compute a metric of many sequences from the metric of each.

    Args:
        values: (S,) or (S, K) one value or curve per sequence.
        frames: (S,) `counted_frames` of each sequence.
        convention: ``got10k`` pools the frames of all sequences, the others take the mean over sequences.

    Returns:
        Float for (S,), array (K,) for (S, K). Sequences in which no frame counts are left out.

    Raises:
        LockonError: No sequence, or different numbers of values and frames.
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
    rule: Convention, pred: ArrayLike, gt: ArrayLike, visible: ArrayLike | None, bounds: Bounds | None
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Return the IoU of the scored frames; ground truth (4, T) and flags as arrays."""
    p, g, flags = checked(rule, pred, gt, visible)
    check_bounds(bounds)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        overlaps = rule.overlaps(p, g, bounds)
    return overlaps[rule.scored(g, flags)], g, flags


def _errors(rule: Convention, pred: ArrayLike, gt: ArrayLike, visible: ArrayLike | None, *, normalized: bool) -> tuple[FloatArray, int]:
    """Return the centre errors of the scored frames (NaN is above every threshold), and the number of frames to divide by."""
    p, g, flags = checked(rule, pred, gt, visible)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        errors = rule.errors(p, g)[normalized]
    return errors[rule.scored(g, flags)], rule.counted(g, flags)


def count_above(values: FloatArray, thresholds: FloatArray, *, inclusive: bool = False) -> NDArray[np.intp]:
    """Count (K,) values (T,), none of them NaN, above each threshold, or equal to it if `inclusive`.

    Sorting once costs less than T * K comparisons.
    """
    return len(values) - np.searchsorted(np.sort(values), thresholds, side="left" if inclusive else "right")


def count_within(values: FloatArray, thresholds: FloatArray) -> NDArray[np.intp]:
    """Count (K,) values (T,) up to and including each threshold; NaN is within none."""
    return np.searchsorted(np.sort(values), thresholds, side="right")


def fractions(counts: ArrayLike, frames: int) -> FloatArray:
    """Return (K,) or () counts as fractions of `frames`; NaN without frames."""
    values: FloatArray = np.asarray(counts, dtype=np.float64)
    return values / frames if frames else np.full(values.shape, np.nan)


def checked(rule: Convention, pred: ArrayLike, gt: ArrayLike, visible: ArrayLike | None) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Return boxes as (4, T) columns, prepared as the convention does, and (T,) flags.

    Args:
        rule: The convention.
        pred: (T, 4) predicted boxes.
        gt: (T, 4) ground truth.
        visible: (T,) bool, or None.

    Raises:
        LockonError: Other shapes, or different numbers of frames.
    """
    p, g = columns(pred, "pred"), columns(gt, "gt")
    if p.shape != g.shape:
        raise LockonError(f"{p.shape[1]} predicted boxes for {g.shape[1]} frames of ground truth; give one row per frame")
    flags = flags_of(visible, g.shape[1])
    return (p if rule.prepare is None else rule.prepare(p, g)), g, flags


def check_bounds(bounds: Bounds | None) -> None:
    """Raise LockonError for bounds that are no (width, height)."""
    if bounds is not None and (len(bounds) != 2 or not all(side > 0 for side in bounds)):
        raise LockonError(f"bounds {bounds!r}; expected (width, height) of the frames in pixels")


def columns(boxes: ArrayLike, name: str) -> FloatArray:
    """Return (T, 4) boxes as a new (4, T) float64 array.

    Args:
        boxes: The boxes.
        name: Their name in messages.

    Raises:
        LockonError: Another shape, or no rows.
    """
    array = np.asarray(boxes, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 4 or not len(array):
        raise LockonError(f"{name} has the shape {array.shape}; expected (T, 4): x, y, w, h per frame")
    return np.array(array.T, order="C")


def flags_of(visible: ArrayLike | None, frames: int) -> BoolArray:
    """Return (T,) bool.

    Args:
        visible: (T,) flags; None for True in all frames.
        frames: T.

    Raises:
        LockonError: Not one flag per frame.
    """
    flags = np.ones(frames) if visible is None else np.asarray(visible)
    if flags.shape != (frames,):
        raise LockonError(f"visible has the shape {flags.shape}; expected ({frames},), one flag per frame")
    return flags.astype(np.bool_)
