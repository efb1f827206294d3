"""`ScoreVote`: a box rule in which the boxes that overlap the best one vote by their scores; a part of a localizer, for any dense head.

Zhou et al., Higher Performance Visual Tracking with Dual-Modal Localization (DuML), 2021, Sec. 3.3, Eq. 4-5.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lockon._config_values import check_range
from lockon.localizers.ranked import Ranked
from lockon.ops.boxes import iou_xyxy
from lockon.types import FloatArray


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreVote:
    """The mean of all boxes near the best candidate's box b*, weighted by ``score * exp(-(1 - IoU)^2 / sigma) * o^quality``.

    Boxes of all places and anchors vote, once: b* is not found again from the mean. ``score`` is the foreground score before penalty and
    window, those below 0 count as 0; IoU is that with b*, and o the probability that the predicted quality stands for, 1 for heads
    without one. The size is smoothed over time after the vote, as that of every box rule.

    Attributes:
        sigma: How far the votes reach, above 0 up to 100; with 0.0025 an IoU of 0.95 leaves a box 0.37 of its vote, one of 0.9 0.018.
        epsilon: IoU with b* above which a box has a vote, 0..1.
        quality: Exponent on the predicted quality, 0..100; 0 leaves it out.

    Raises:
        LockonError: A value outside its range.
    """

    sigma: float = 0.0025
    epsilon: float = 0.01
    quality: float = 1.0

    def __post_init__(self) -> None:
        check_range("sigma", self.sigma, 0, 100, above=True)
        check_range("epsilon", self.epsilon, 0, 1)
        check_range("quality", self.quality, 0, 100)

    def __call__(self, ranked: Ranked, best: NDArray[np.intp]) -> FloatArray:
        """Return the (B, 4) means cx, cy, w, h in image pixels; b* where no box has a vote."""
        shares = self.shares(ranked, best)  # (B, N)
        boxes = np.where(shares[..., None] > 0, ranked.candidates, 0)  # (B, N, 4); one without a vote may be no number
        means = (shares[:, None] @ boxes)[:, 0]  # (B, 4)
        return np.where(shares.any(axis=1, keepdims=True), means, ranked.candidates[np.arange(len(best)), best])

    def shares(self, ranked: Ranked, best: NDArray[np.intp]) -> FloatArray:
        """Return the (B, N) share of each candidate in its target's vote, which sum to 1; all 0 where no box has a vote."""
        overlap = iou_xyxy(ranked.boxes, ranked.boxes[np.arange(len(best)), best][:, None])  # (B, N); of crop pixels as of image pixels
        votes = np.maximum(ranked.foreground, 0) * np.exp(-((1 - overlap) ** 2) / self.sigma)
        if ranked.quality is not None:
            votes = votes * ranked.quality**self.quality
        votes = np.where((overlap > self.epsilon) & np.isfinite(votes), votes, 0)  # (B, N)
        most = votes.max(axis=1, keepdims=True)  # (B, 1)
        votes = votes / np.where(most > 0, most, 1)  # so that no sum overflows
        return np.asarray(votes / np.maximum(votes.sum(axis=1, keepdims=True), 1))  # the sum is at least 1 where anything has a vote


__all__ = ["ScoreVote"]
