"""Precision, recall and F score of long-term tracking, where targets leave and trackers may report it (VOT-LT).

Lukezic et al., Now you see me: evaluating performance in long-term visual tracking, arXiv:1804.07056, section 3; the metrics
agree with STVIR/pysot ``toolkit/evaluation/f1_benchmark.py``. Of the frames in which a tracker is at least so confident,
precision is the mean overlap; recall divides their overlaps by the number of frames with a target. The confidence that gives the
best F score over all sequences is the tracker's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lockon.bench.metrics.frame_scores import BoolArray, Bounds
from lockon.errors import LockonError
from lockon.ops.regions import polygon_iou, raster_overlap
from lockon.types import FloatArray


@dataclass(frozen=True, slots=True)
class LongTermRun:
    """The run of a tracker on one sequence.

    Attributes:
        overlaps: (T,) in [0, 1], 0 where there is no target or no box.
        confidences: (T,) above 0 where the tracker sees the target at all; NaN counts as 0.
        present: (T,) whether there is a target.
    """

    overlaps: FloatArray
    confidences: FloatArray
    present: BoolArray


@dataclass(frozen=True, slots=True)
class LongTermScores:
    """Metrics of `long_term_scores`.

    Attributes:
        precision: Precision at `confidence`.
        recall: Recall at `confidence`.
        f_score: The best F score.
        confidence: The confidence of the best F score.
        thresholds: (K,) confidences, falling.
        precision_curve: (S, K) precision of each sequence.
        recall_curve: (S, K) recall of each sequence.
        f_curve: (S, K) F score of each sequence.
    """

    precision: float
    recall: float
    f_score: float
    confidence: float
    thresholds: FloatArray
    precision_curve: FloatArray
    recall_curve: FloatArray
    f_curve: FloatArray


def long_term_run(pred: ArrayLike, gt: ArrayLike, confidences: ArrayLike, bounds: Bounds | None = None, rule: str = "pysot") -> LongTermRun:
    """Compare boxes and confidences with ground truth.

    Args:
        pred: (T, 4) predicted x, y, w, h, NaN rows where there is no box.
        gt: (T, 4) ground truth, NaN rows where there is no target.
        confidences: (T,) confidences.
        bounds: (width, height) of the pictures.
        rule: Counting of overlaps, see `lockon.ops.raster`, or "exact".

    Raises:
        LockonError: Arrays that do not belong together, or an unknown rule.
    """
    boxes, truth, scores = (np.asarray(array, dtype=np.float64) for array in (pred, gt, confidences))
    if not boxes.shape[:1] == truth.shape[:1] == scores.shape:
        raise LockonError(f"{len(boxes)} boxes, {len(truth)} frames of truth and confidences of shape {scores.shape}; give one per frame")
    overlaps = polygon_iou(boxes, truth, bounds) if rule == "exact" else raster_overlap(boxes, truth, bounds, rule)
    present: BoolArray = np.logical_not(np.isnan(truth).any(axis=1))
    return LongTermRun(np.nan_to_num(overlaps), scores, present)


def confidence_thresholds(confidences: ArrayLike, count: int = 100) -> FloatArray:
    """Return up to `count` falling thresholds that divide the confidences of all sequences evenly, with infinity at both ends.

    Args:
        confidences: (N,), NaN left out. With fewer than `count` of them, each is a threshold.
        count: Number of thresholds, at least 3.

    Raises:
        LockonError: No confidence, or fewer than 3 thresholds.
    """
    known = np.asarray(confidences, dtype=np.float64).ravel()
    known = np.sort(known[~np.isnan(known)])
    if not len(known) or count < 3:
        raise LockonError(f"{len(known)} confidences and {count} thresholds; expected one or more, and 3 or more")
    step = len(known) // (count - 2)
    if step:
        known = known[np.floor(np.linspace(step - 1, len(known) - step, count - 2) + 0.5).astype(np.int64)]
    return np.concatenate([[np.inf], known[::-1], [-np.inf]])


def precision_recall(run: LongTermRun, thresholds: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Compute precision and recall (K,) of one sequence at each threshold (K,).

    A frame counts if its confidence is at least the threshold; at minus infinity, if it is above 0. Where no frame counts,
    precision is 1 and recall 0. Recall is NaN for a sequence without a target.
    """
    limits, scores = np.asarray(thresholds, dtype=np.float64), np.nan_to_num(run.confidences)
    order = np.argsort(-scores, kind="stable")
    gained = np.concatenate([[0.0], np.cumsum(run.overlaps[order])])
    count = np.searchsorted(-scores[order], -limits, side="right")
    count = np.where(np.isneginf(limits), np.count_nonzero(scores > 0), count)
    present = np.count_nonzero(run.present)
    precision: FloatArray = np.divide(gained[count], count, out=np.ones(len(limits)), where=count > 0)
    return precision, gained[count] / present if present else np.full(len(limits), np.nan)


def long_term_scores(runs: Sequence[LongTermRun], count: int = 100) -> LongTermScores:
    """Compute precision, recall and F score over sequences: curves are averaged, then the best F score of the means is taken.

    Args:
        runs: One run per sequence.
        count: Number of confidence thresholds.

    Raises:
        LockonError: No sequence with a target, or no confidence.
    """
    used = [run for run in runs if run.present.any()]
    if not used:
        raise LockonError(f"none of {len(runs)} sequences has a target; give one or more")
    thresholds = confidence_thresholds(np.concatenate([run.confidences for run in used]), count)
    curves = np.array([precision_recall(run, thresholds) for run in used])  # (S, 2, K)
    mean = curves.mean(axis=0)
    best = int(np.argmax(_f_score(*mean)))
    return LongTermScores(
        precision=float(mean[0, best]),
        recall=float(mean[1, best]),
        f_score=float(_f_score(*mean)[best]),
        confidence=float(thresholds[best]),
        thresholds=thresholds,
        precision_curve=curves[:, 0],
        recall_curve=curves[:, 1],
        f_curve=_f_score(curves[:, 0], curves[:, 1]),
    )


def _f_score(precision: FloatArray, recall: FloatArray) -> FloatArray:
    """Return the harmonic mean, 0 where both are 0."""
    total = precision + recall
    score: FloatArray = np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0)
    return score


__all__ = [
    "LongTermRun",
    "LongTermScores",
    "confidence_thresholds",
    "long_term_run",
    "long_term_scores",
    "precision_recall",
]
