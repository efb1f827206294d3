"""What is counted of a run: the names of the figures, what they are, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LOST = 0.1  # IoU up to which a target counts as lost in one pass
Name = Literal[
    "AUC", "AO", "lost", "R", "Spearman", "Pearson", "gap", "IoU", "SR75", "J", "AO lockon-s", "SR75 lockon-s", "AO csrt", "SR75 csrt"
]


@dataclass(frozen=True, slots=True)
class StudyMetric:
    """A figure of a run.

    Attributes:
        text: what it is. rising: whether higher is better. digits: that are shown.
        alignment: its name in the measurement of score against IoU (`lockon.analysis.alignment`); "" for any other figure.
        refiner: whether it is one of refiners, whose own name it has in their measurement.
    """

    text: str
    rising: bool = True
    digits: int = 3
    alignment: str = ""
    refiner: bool = False


FIGURES: dict[Name, StudyMetric] = {
    "AUC": StudyMetric("area under the success curve (PySOT's convention), mean over sequences"),
    "AO": StudyMetric("average overlap: mean IoU without the first frame, mean over sequences"),
    "lost": StudyMetric(f"percentage of frames with an IoU of at most {LOST}, mean over sequences", rising=False, digits=1),
    "R": StudyMetric("robustness: failures (no overlap) per 100 frames with a new start after each", rising=False, digits=2),
    "Spearman": StudyMetric(
        "alignment: rank correlation of the candidates' scores, before penalty and window, with their IoU, of candidates with an IoU "
        "above 0.5; mean over sequences",
        alignment="spearman",
    ),
    "Pearson": StudyMetric("alignment: linear correlation of the same", alignment="pearson"),
    "gap": StudyMetric(
        "IoU of a frame's best candidate less that of the one with the highest score, mean over sequences", rising=False, alignment="gap"
    ),
    "IoU": StudyMetric("overlap of refined boxes with the truth that they were made from by jitter, mean over sequences", refiner=True),
    "SR75": StudyMetric("share of these with an IoU above 0.75, mean over sequences", refiner=True),
    "J": StudyMetric("overlap of the masks with the truth within the crop, mean over sequences that have masks", refiner=True),
    "AO lockon-s": StudyMetric("average overlap of the boxes of lockon-s after refinement, mean over sequences", refiner=True),
    "SR75 lockon-s": StudyMetric("share of these with an IoU above 0.75, mean over sequences", refiner=True),
    "AO csrt": StudyMetric("average overlap of the boxes of CSRT after refinement, mean over sequences", refiner=True),
    "SR75 csrt": StudyMetric("share of these with an IoU above 0.75, mean over sequences", refiner=True),
}
TRACKING: tuple[Name, ...] = tuple(name for name, figure in FIGURES.items() if not figure.alignment and not figure.refiner)
REFINEMENT: tuple[Name, ...] = tuple(name for name, figure in FIGURES.items() if figure.refiner)
ALIGNMENT: tuple[Name, ...] = tuple(name for name, figure in FIGURES.items() if figure.alignment)

__all__ = ["ALIGNMENT", "FIGURES", "LOST", "REFINEMENT", "TRACKING", "Name", "StudyMetric"]
