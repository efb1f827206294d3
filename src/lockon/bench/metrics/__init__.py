"""Metrics in NumPy, each under the named convention of the toolkit that it agrees with."""

from lockon.bench.metrics.conventions import CONVENTIONS
from lockon.bench.metrics.one_pass import (
    NORMALIZED_THRESHOLDS,
    PRECISION_THRESHOLDS,
    average_overlap,
    counted_frames,
    normalized_precision,
    normalized_precision_curve,
    over_sequences,
    precision,
    precision_curve,
    success_auc,
    success_curve,
    success_rate,
    success_thresholds,
)

__all__ = [
    "CONVENTIONS",
    "NORMALIZED_THRESHOLDS",
    "PRECISION_THRESHOLDS",
    "average_overlap",
    "counted_frames",
    "normalized_precision",
    "normalized_precision_curve",
    "over_sequences",
    "precision",
    "precision_curve",
    "success_auc",
    "success_curve",
    "success_rate",
    "success_thresholds",
]
