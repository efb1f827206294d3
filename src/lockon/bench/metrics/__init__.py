"""Metrics in NumPy, each under the named convention of the toolkit that it agrees with."""

from lockon.bench.metrics.conventions import (
    CONVENTIONS,
)
from lockon.bench.metrics.correlation import average_ranks, pearson, spearman
from lockon.bench.metrics.long_term import (
    LongTermRun,
    LongTermScores,
    confidence_thresholds,
    long_term_run,
    long_term_scores,
    precision_recall,
)
from lockon.bench.metrics.masks import (
    mask_overlap,
)
from lockon.bench.metrics.multi_start import (
    MultiStart,
    MultiStartScores,
    frames_before_failure,
    multi_start_scores,
)
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
from lockon.bench.metrics.reset import (
    EAO_RANGES,
    AccuracyRobustness,
    ResetRun,
    accuracy_robustness,
    expected_average_overlap,
    expected_overlap_curve,
    frame_overlaps,
    reset_run,
)
from lockon.bench.metrics.scores import (
    OnePassScores,
    one_pass_scores,
)
from lockon.bench.metrics.statistics import (
    Interval,
    PairedDifference,
    bootstrap_interval,
    by_attribute,
    latency_percentiles,
    paired_difference,
)

__all__ = [
    "CONVENTIONS",
    "EAO_RANGES",
    "NORMALIZED_THRESHOLDS",
    "PRECISION_THRESHOLDS",
    "AccuracyRobustness",
    "Interval",
    "LongTermRun",
    "LongTermScores",
    "MultiStart",
    "MultiStartScores",
    "OnePassScores",
    "PairedDifference",
    "ResetRun",
    "accuracy_robustness",
    "average_overlap",
    "average_ranks",
    "bootstrap_interval",
    "by_attribute",
    "confidence_thresholds",
    "counted_frames",
    "expected_average_overlap",
    "expected_overlap_curve",
    "frame_overlaps",
    "frames_before_failure",
    "latency_percentiles",
    "long_term_run",
    "long_term_scores",
    "mask_overlap",
    "multi_start_scores",
    "normalized_precision",
    "normalized_precision_curve",
    "one_pass_scores",
    "over_sequences",
    "paired_difference",
    "pearson",
    "precision",
    "precision_curve",
    "precision_recall",
    "reset_run",
    "spearman",
    "success_auc",
    "success_curve",
    "success_rate",
    "success_thresholds",
]
