"""One positive per sample: the candidate that overlaps or lies best.

RTrack's baseline (Zeng et al., Sec. 3.1.2-3.1.3): "the feature bin with the highest score is considered as the unique positive sample".
It may be read as the highest predicted score, which decides in tracking too (`lockon.train.assigners.peak`), or as the highest IoU.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from lockon.train.assigners.overlaps import LabelBoxes, OwnBoxes, center_distance, overlaps, smallest
from lockon.types import Candidates, Prediction, Targets


@dataclass(frozen=True, kw_only=True, slots=True)
class TopIoU:
    """The candidate whose box overlaps most with the target; of equal ones the one nearest to the centre.

    Attributes:
        boxes: Whose boxes.
    """

    boxes: LabelBoxes = OwnBoxes()

    def __call__(self, candidates: Candidates, boxes: Tensor, prediction: Prediction | None) -> Tensor:
        """Return (B, N) bool, which it is.

        Raises:
            LockonError: Without a prediction, or such boxes.
        """
        return smallest(-overlaps(self.boxes, candidates, boxes, prediction), 1, center_distance(candidates.points, boxes))


@dataclass(frozen=True, kw_only=True, slots=True)
class NearestPoint:
    """The candidate nearest to the target's centre; of equal ones the first."""

    def __call__(self, candidates: Candidates, boxes: Tensor, prediction: Prediction | None) -> Tensor:
        """Return (B, N) bool, which it is."""
        return smallest(center_distance(candidates.points, boxes), 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class OneToOneAssigner:
    """Labels one candidate positive, all others negative. A negative pair has no positive.

    Attributes:
        by: Which one.
    """

    by: TopIoU | NearestPoint = TopIoU()

    def __call__(self, candidates: Candidates, boxes: Tensor, present: Tensor, prediction: Prediction | None = None) -> Targets:
        """Label every candidate for every target, see `Assigner`.

        Raises:
            LockonError: If the choice needs what is not there.
        """
        chosen = self.by(candidates, boxes, prediction) & present[:, None]  # (B, N)
        return Targets(labels=chosen.to(boxes.dtype), boxes=boxes, present=present)


__all__ = ["NearestPoint", "OneToOneAssigner", "TopIoU"]
