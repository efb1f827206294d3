"""The named conventions: what one toolkit makes of the same boxes, frame by frame.

"AUC" is not one number. Toolkits differ in which frames count, in the pixel that is a box's centre, in thresholds and in
how sequences are averaged; every metric takes one of the names below and follows that toolkit, odd cases included.

=============  =============================================  ================================  =====================
name           frames that count                              a frame without ground truth      over sequences
=============  =============================================  ================================  =====================
``pysot``      all; absent ones are misses                    overlap: miss; centre error: hit  mean
``got10k``     all but the first and the absent ones          does not count                    frames pooled
``got10k-otb`` all                                            does not count                    mean
=============  =============================================  ================================  =====================

Sources: STVIR/pysot ``toolkit/utils/statistics.py``, ``toolkit/evaluation/ope_benchmark.py``; got-10k/toolkit
``utils/metrics.py``, ``experiments/got10k.py``, ``experiments/otb.py``, ``experiments/lasot.py``. All three count an
overlap strictly above the threshold, a centre error up to and including it, and put a centre at ``x + (w - 1) / 2``.
One difference is ours: a NaN prediction is a miss in every convention (the got10k toolkit's means would turn NaN).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lockon.errors import unknown_name

FloatArray = NDArray[np.floating[Any]]
BoolArray = NDArray[np.bool_]

MISS = -1.0  # overlap of a frame that counts and cannot be hit
HIT = -1.0  # centre error of a frame that is a hit at every threshold


@dataclass(frozen=True, slots=True)
class Convention:
    """How one toolkit scores; boxes are (T, 4) x, y, w, h.

    Attributes:
        name: as users type it.
        success_thresholds: of the success curve.
        pooled: whether frames of all sequences are pooled; otherwise the mean over sequences is taken.
        scored: (gt, visible or None) -> (T,) frames whose overlap and errors are looked at.
        counted: (gt, visible or None) -> number of frames to divide by.
        overlaps: (pred, gt, bounds or None) -> (T,) IoU, `MISS` where it cannot be.
        center_errors: (pred, gt) -> (T,) pixels; `HIT` for a hit at any threshold.
        normalized_errors: (pred, gt) -> (T,) centre errors in units of the ground truth's size.
    """

    name: str
    success_thresholds: FloatArray
    pooled: bool
    scored: Callable[[FloatArray, BoolArray | None], BoolArray]
    counted: Callable[[FloatArray, BoolArray | None], int]
    overlaps: Callable[[FloatArray, FloatArray, tuple[float, float] | None], FloatArray]
    center_errors: Callable[[FloatArray, FloatArray], FloatArray]
    normalized_errors: Callable[[FloatArray, FloatArray], FloatArray]


def _centers(boxes: FloatArray) -> FloatArray:
    return boxes[:, :2] + (boxes[:, 2:] - 1) / 2


def _intersection(a: FloatArray, b: FloatArray) -> FloatArray:
    low, high = np.maximum(a[:, :2], b[:, :2]), np.minimum(a[:, :2] + a[:, 2:], b[:, :2] + b[:, 2:])
    area: FloatArray = np.prod(np.maximum(high - low, 0), axis=1)
    return area


def _pysot_scored(gt: FloatArray, visible: BoolArray | None) -> BoolArray:
    return np.ones(len(gt), dtype=np.bool_) if visible is None else visible


def _pysot_counted(gt: FloatArray, visible: BoolArray | None) -> int:
    return len(gt)


def _pysot_overlaps(pred: FloatArray, gt: FloatArray, bounds: tuple[float, float] | None) -> FloatArray:
    inter = _intersection(pred, gt)
    union = np.prod(pred[:, 2:], axis=1) + np.prod(gt[:, 2:], axis=1) - inter
    iou = np.clip(inter / union, 0, 1)
    return np.where(np.all(gt[:, 2:] > 0, axis=1) & ~np.isnan(iou), iou, MISS)


def _pysot_distances(pred: FloatArray, gt: FloatArray, unit: FloatArray | float) -> FloatArray:
    """Distances of centres in `unit`; a ground-truth centre that is not positive in both coordinates is a hit."""
    target = _centers(gt) / unit
    distance: FloatArray = np.sqrt(np.sum((target - _centers(pred) / unit) ** 2, axis=1))
    return np.where(np.all(target > 0, axis=1), distance, HIT)


def _pysot_center_errors(pred: FloatArray, gt: FloatArray) -> FloatArray:
    return _pysot_distances(pred, gt, 1.0)


def _pysot_normalized_errors(pred: FloatArray, gt: FloatArray) -> FloatArray:
    return _pysot_distances(pred, gt, gt[:, 2:] + 1e-16)


def _annotated(gt: FloatArray, visible: BoolArray | None) -> BoolArray:
    known: BoolArray = np.logical_not(np.any(np.isnan(gt), axis=1))
    return known if visible is None else known & visible


def _all_but_first(gt: FloatArray, visible: BoolArray | None) -> BoolArray:
    return _annotated(gt, visible) & (np.arange(len(gt)) > 0)


def _clip_got10k(boxes: FloatArray, bounds: tuple[float, float]) -> FloatArray:
    """The toolkit's clipping: the corner moves in and the size stays, up to the far border."""
    limit = np.asarray(bounds, dtype=np.float64)
    corner = np.clip(boxes[:, :2], 0, limit)
    return np.concatenate([corner, np.clip(boxes[:, 2:], 0, limit - corner)], axis=1)


def _got10k_overlaps(pred: FloatArray, gt: FloatArray, bounds: tuple[float, float] | None) -> FloatArray:
    if bounds is not None:
        pred, gt = _clip_got10k(pred, bounds), _clip_got10k(gt, bounds)
    inter = _intersection(pred, gt)
    union = np.prod(pred[:, 2:], axis=1) + np.prod(gt[:, 2:], axis=1) - inter
    iou = np.clip(inter / (union + np.finfo(np.float64).eps), 0, 1)
    return np.where(np.isnan(iou), MISS, iou)


def _got10k_center_errors(pred: FloatArray, gt: FloatArray) -> FloatArray:
    distance: FloatArray = np.sqrt(np.sum((_centers(pred) - _centers(gt)) ** 2, axis=1))
    return distance


def _got10k_normalized_errors(pred: FloatArray, gt: FloatArray) -> FloatArray:
    offset = (_centers(pred) - _centers(gt)) / np.maximum(gt[:, 2:], 1)
    distance: FloatArray = np.sqrt(np.sum(offset**2, axis=1))
    return distance


def _got10k(name: str, *, bins: int, pooled: bool, scored: Callable[[FloatArray, BoolArray | None], BoolArray]) -> Convention:
    return Convention(
        name=name,
        success_thresholds=np.linspace(0, 1, bins),
        pooled=pooled,
        scored=scored,
        counted=lambda gt, visible: int(scored(gt, visible).sum()),
        overlaps=_got10k_overlaps,
        center_errors=_got10k_center_errors,
        normalized_errors=_got10k_normalized_errors,
    )


_PYSOT = Convention(
    name="pysot",
    success_thresholds=np.arange(0, 1.05, 0.05),  # 21; the toolkit's floats, which a strict comparison can tell from k / 20
    pooled=False,
    scored=_pysot_scored,
    counted=_pysot_counted,
    overlaps=_pysot_overlaps,
    center_errors=_pysot_center_errors,
    normalized_errors=_pysot_normalized_errors,
)

CONVENTIONS: dict[str, Convention] = {
    "pysot": _PYSOT,
    "got10k": _got10k("got10k", bins=101, pooled=True, scored=_all_but_first),
    "got10k-otb": _got10k("got10k-otb", bins=21, pooled=False, scored=_annotated),
}


def get_convention(name: str) -> Convention:
    """The convention of that name.

    Raises:
        LockonError: no such convention.
    """
    if name not in CONVENTIONS:
        raise unknown_name("convention", name, CONVENTIONS)
    return CONVENTIONS[name]


__all__ = ["CONVENTIONS", "Convention", "get_convention"]
