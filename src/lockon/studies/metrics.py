"""What is counted of a run: the metrics of all studies, what they are, and which way is better."""

from __future__ import annotations

from typing import Literal

from lockon.bench.report.model import Metric

LOST = 0.1  # IoU up to which a target counts as lost in one pass
Name = Literal[
    "AUC", "AO", "lost", "R", "Spearman", "Pearson", "gap", "IoU", "SR75", "J", "AO lockon-s", "SR75 lockon-s", "AO csrt", "SR75 csrt"
]
TRACKING: tuple[Name, ...] = ("AUC", "AO", "lost", "R")
ALIGNMENT: dict[Name, str] = {"Spearman": "spearman", "Pearson": "pearson", "gap": "gap"}  # and their names in `lockon.analysis.alignment`
REFINEMENT: tuple[Name, ...] = ("IoU", "SR75", "J", "AO lockon-s", "SR75 lockon-s", "AO csrt", "SR75 csrt")


def _metric(name: Name, meaning: str, *, rising: bool = True, digits: int = 3) -> tuple[Name, Metric]:
    return name, Metric(name, name, meaning, rising, digits)


METRICS: dict[Name, Metric] = dict(
    [
        _metric("AUC", "area under the success curve (PySOT's convention), mean over sequences"),
        _metric("AO", "average overlap: mean IoU without the first frame, mean over sequences"),
        _metric("lost", f"percentage of frames with an IoU of at most {LOST}, mean over sequences", rising=False, digits=1),
        _metric("R", "robustness: failures (no overlap) per 100 frames with a new start after each", rising=False, digits=2),
        _metric(
            "Spearman",
            "alignment: rank correlation of the candidates' scores, before penalty and window, with their IoU, of candidates with an IoU "
            "above 0.5; mean over sequences",
        ),
        _metric("Pearson", "alignment: linear correlation of the same"),
        _metric("gap", "IoU of a frame's best candidate less that of the one with the highest score, mean over sequences", rising=False),
        _metric("IoU", "overlap of refined boxes with the truth that they were made from by jitter, mean over sequences"),
        _metric("SR75", "share of these with an IoU above 0.75, mean over sequences"),
        _metric("J", "overlap of the masks with the truth within the crop, mean over sequences that have masks"),
        _metric("AO lockon-s", "average overlap of the boxes of lockon-s after refinement, mean over sequences"),
        _metric("SR75 lockon-s", "share of these with an IoU above 0.75, mean over sequences"),
        _metric("AO csrt", "average overlap of the boxes of CSRT after refinement, mean over sequences"),
        _metric("SR75 csrt", "share of these with an IoU above 0.75, mean over sequences"),
    ]
)

__all__ = ["ALIGNMENT", "LOST", "METRICS", "REFINEMENT", "TRACKING", "Name"]
