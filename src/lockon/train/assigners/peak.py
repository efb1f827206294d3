"""The candidate with the highest predicted score learns the box (OSTrack, Ye et al., ECCV 2022, and its published code)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lockon.errors import LockonError
from lockon.types import Candidates, Prediction, Targets


@dataclass(frozen=True, kw_only=True, slots=True)
class PeakAssigner:
    """Labels one candidate per target: the one that scores highest at the moment, wherever it lies; all others are negative.

    What the scores learn is the business of their own loss, such as `GaussianFocal`, whose target map knows nothing of the peak.
    """

    def __call__(self, candidates: Candidates, boxes: Tensor, present: Tensor, prediction: Prediction | None = None) -> Targets:
        """Label every candidate for every target, see `Assigner`; a target that is absent has no positive.

        Raises:
            LockonError: There is no prediction to follow.
        """
        if prediction is None:
            raise LockonError("a peak-assigner labels what a network predicts: give it the prediction, or take another assigner")
        logits = prediction.logits.detach()  # (B, N)
        peak = logits.argmax(dim=1, keepdim=True)  # (B, 1)
        labels = torch.zeros_like(logits).scatter(1, peak, 1.0) * present[:, None]
        return Targets(labels=labels, boxes=boxes, present=present)


__all__ = ["PeakAssigner"]
