"""What is counted of a run: the names of the figures, what they are, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LOST = 0.1  # IoU up to which a target counts as lost in one pass
Name = Literal["AUC", "AO", "lost", "R", "Spearman", "Pearson", "gap"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a run.

    Attributes:
        text: what it is. rising: whether higher is better. digits: that are shown.
        alignment: its name in the measurement of score against IoU (`lockon.bench.alignment`); "" for a figure of tracking.
    """

    text: str
    rising: bool = True
    digits: int = 3
    alignment: str = ""


FIGURES: dict[Name, Figure] = {
    "AUC": Figure("area under the success curve (PySOT's convention), mean over sequences"),
    "AO": Figure("average overlap: mean IoU without the first frame, mean over sequences"),
    "lost": Figure(f"percentage of frames with an IoU of at most {LOST}, mean over sequences", rising=False, digits=1),
    "R": Figure("robustness: failures (no overlap) per 100 frames with a new start after each", rising=False, digits=2),
    "Spearman": Figure(
        "alignment: rank correlation of the candidates' scores, before penalty and window, with their IoU, of candidates with an IoU "
        "above 0.5; mean over sequences",
        alignment="spearman",
    ),
    "Pearson": Figure("alignment: linear correlation of the same", alignment="pearson"),
    "gap": Figure(
        "IoU of a frame's best candidate less that of the one with the highest score, mean over sequences", rising=False, alignment="gap"
    ),
}
TRACKING: tuple[Name, ...] = tuple(name for name, figure in FIGURES.items() if not figure.alignment)
ALIGNMENT: tuple[Name, ...] = tuple(name for name, figure in FIGURES.items() if figure.alignment)

__all__ = ["ALIGNMENT", "FIGURES", "LOST", "TRACKING", "Figure", "Name"]
