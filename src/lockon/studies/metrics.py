"""What is counted of a run: the metrics of all studies, what they are, and which way is better."""

from __future__ import annotations

from typing import Any

from lockon.bench.report.model import Metric

LOST = 0.1  # IoU up to which a target counts as lost in one pass
TRACKING = ("AUC", "AO", "lost", "R")
RESET = ("A", "R")  # with a new start after failures
VOT = ("A", "R", "AO", "AUC")
PRECISE = ("AO", "SR75", "AUC", "lost")  # without a new start after failures
ALIGNMENT = {"Spearman": "spearman", "Pearson": "pearson", "gap": "gap"}  # and their names in `lockon.analysis.alignment`
REFINEMENT = ("IoU", "SR75", "J", "AO lockon-s", "SR75 lockon-s", "AO csrt", "SR75 csrt")

_METRICS: dict[str, tuple[Any, ...]] = {  # meaning, whether higher is better, digits
    "AUC": ("area under the success curve (PySOT's convention), mean over sequences",),
    "AO": ("average overlap: mean IoU without the first frame, mean over sequences",),
    "lost": (f"percentage of frames with an IoU of at most {LOST}, mean over sequences", False, 1),
    "A": ("accuracy: mean IoU with a new start after each failure, without ten frames after a start", True, 3),
    "R": ("robustness: failures (no overlap) per 100 frames with a new start after each", False, 2),
    "Spearman": (
        "alignment: rank correlation of the candidates' scores, before penalty and window, with their IoU, of candidates with an IoU "
        "above 0.5; mean over sequences",
    ),
    "Pearson": ("alignment: linear correlation of the same",),
    "gap": ("IoU of a frame's best candidate less that of the one with the highest score, mean over sequences", False),
    "IoU": ("overlap of refined boxes with the truth that they were made from by jitter, mean over sequences",),
    "SR75": ("share of frames with an IoU above 0.75, mean over sequences",),
    "J": ("overlap of the masks with the truth within the crop, mean over sequences that have masks",),
    "AO lockon-s": ("average overlap of the boxes of lockon-s after refinement, mean over sequences",),
    "SR75 lockon-s": ("share of these with an IoU above 0.75, mean over sequences",),
    "AO csrt": ("average overlap of the boxes of CSRT after refinement, mean over sequences",),
    "SR75 csrt": ("share of these with an IoU above 0.75, mean over sequences",),
}
METRICS = {name: Metric(name, name, *others) for name, others in _METRICS.items()}

__all__ = ["ALIGNMENT", "LOST", "METRICS", "PRECISE", "REFINEMENT", "RESET", "TRACKING", "VOT"]
