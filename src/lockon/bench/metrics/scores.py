"""All metrics of one-pass evaluation of one sequence at once: boxes are checked and compared a single time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lockon.bench.metrics.conventions import CONVENTIONS, get_convention
from lockon.bench.metrics.frame_scores import Bounds
from lockon.bench.metrics.one_pass import (
    NORMALIZED_THRESHOLDS,
    PRECISION_THRESHOLDS,
    check_bounds,
    checked,
    columns,
    count_above,
    count_within,
    fractions,
)
from lockon.types import FloatArray


@dataclass(frozen=True, slots=True)
class OnePassScores:
    """Scores of a tracker on one sequence; fractions in [0, 1], NaN where no frame counts.

    Attributes:
        success: (K,) curve at the convention's thresholds.
        precision: (51,) curve at 0, 1, .. 50 pixels.
        normalized: (51,) curve at 0, .01, .. .5.
        auc: Mean of `success`.
        precision_20: Value of `precision` at 20 pixels.
        normalized_20: Value of `normalized` at 0.2.
        average_overlap: GOT-10k's AO, without the first and the absent frames.
        success_rate_50: GOT-10k's SR at 0.5, over the same frames.
        success_rate_75: GOT-10k's SR at 0.75, over the same frames.
        counted: Number of frames that the curves divide by.
        counted_overlap: Number of frames that AO and SR divide by.
    """

    success: FloatArray
    precision: FloatArray
    normalized: FloatArray
    auc: float
    precision_20: float
    normalized_20: float
    average_overlap: float
    success_rate_50: float
    success_rate_75: float
    counted: int
    counted_overlap: int


def one_pass_scores(
    pred: ArrayLike, gt: ArrayLike, convention: str = "pysot", visible: ArrayLike | None = None, bounds: Bounds | None = None
) -> OnePassScores:
    """Compute all metrics of a sequence, equal to those of the single functions.

    Curves follow `convention`; AO and SR are those of ``got10k`` under every convention, as the other toolkits have none.

    Args:
        pred: (T, 4) predicted x, y, w, h in pixels, NaN rows where there is none.
        gt: (T, 4) ground truth in the same form.
        convention: Name of the toolkit to agree with.
        visible: (T,) bool, False where the target is absent, or None.
        bounds: (width, height) of the frames, for the metrics that clip boxes: AO, SR and the ``got10k`` conventions' curves.

    Raises:
        LockonError: Unknown convention, or arrays of other shapes.
    """
    rule, overlap_rule = get_convention(convention), CONVENTIONS["got10k"]
    check_bounds(bounds)
    p, g, flags = checked(rule, pred, gt, visible)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        overlaps = rule.overlaps(p, g, bounds)
        errors, normalized_errors = rule.errors(p, g)
        shared = rule.overlaps is overlap_rule.overlaps and rule.prepare is overlap_rule.prepare
        plain = overlaps if shared else overlap_rule.overlaps(p if rule.prepare is None else columns(pred, "pred"), g, bounds)
    frames = rule.scored(g, flags)
    overlaps, errors, normalized_errors = overlaps[frames], errors[frames], normalized_errors[frames]
    counted = len(g[0]) if rule.divides_by_all else len(overlaps)
    success = fractions(count_above(overlaps, rule.success_thresholds, inclusive=rule.inclusive), counted)
    precision = fractions(count_within(errors, PRECISION_THRESHOLDS), counted)
    normalized = fractions(count_within(normalized_errors, NORMALIZED_THRESHOLDS), counted)
    plain = plain[overlap_rule.scored(g, flags)]
    return OnePassScores(
        success=success,
        precision=precision,
        normalized=normalized,
        auc=float(success.mean()),
        precision_20=float(precision[20]),
        normalized_20=float(normalized[20]),
        average_overlap=float(fractions(np.maximum(plain, 0).sum(), len(plain))),
        success_rate_50=float(fractions(np.count_nonzero(plain > 0.5), len(plain))),
        success_rate_75=float(fractions(np.count_nonzero(plain > 0.75), len(plain))),
        counted=counted,
        counted_overlap=len(plain),
    )
