"""The loss of a branch that says how good a candidate's box is: SiamLA (Nie et al.), Sec. III-D, Eq. 10.

Positives learn the IoU of their own box; as many random points off the target learn that there is nothing. The printed equation has
the classification's scores and a minus in front of a loss that is positive; read here: the branch's own output, and no minus.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from lockon._config_values import check_field
from lockon.ops.torch.boxes import point_sides
from lockon.train.losses.base import Loss, LossInput, Scalars
from lockon.train.losses.cross_entropy import mean_of


@dataclass(frozen=True, kw_only=True)
class LocalizationQuality(Loss):
    """Quality is the IoU of the candidate's own box, and nothing at random points off the target (Eq. 10).

    Attributes:
        negatives: Random points outside the box per positive of an image; paper: 1; 0: none.
        negative_target: What they learn: "zero", or the "iou" of their own box, which is about 0.
        boundary: Points that the assigner marked as boundary learn it too.

    Raises:
        LockonError: If `negatives` is below 0.
    """

    negatives: float = 1.0
    negative_target: Literal["zero", "iou"] = "zero"
    boundary: bool = True

    def __post_init__(self) -> None:
        Loss.__post_init__(self)
        check_field(self, "negatives", 0 <= self.negatives < math.inf, "0 or more")

    def __call__(self, x: LossInput) -> Scalars:
        """Compute `localization_loss`; nothing for networks without a quality branch."""
        if x.prediction.quality is None:
            return {}
        outside = ~(point_sides(x.candidates.points, x.targets.boxes) > 0).all(-1)  # (B, N)
        return localization_loss(x.prediction.quality, x.overlap, x.regressed(self.boundary).members, outside, self)


def localization_loss(
    logits: Tensor,
    overlap: Tensor,
    positive: Tensor,
    outside: Tensor,
    config: LocalizationQuality,
    *,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Compute the mean binary cross entropy over the positives of the batch and the negatives drawn for each image.

    Args:
        logits: (B, N) of the branch.
        overlap: (B, N) IoU of each candidate's own box; gets no gradient.
        positive: (B, N) bool.
        outside: (B, N) bool, points that may be drawn; a positive among them is not.
        config: How many are drawn, and what they learn.
        generator: Source of random numbers, on the logits' device; None is torch's own.

    Returns:
        Scalar with gradient to `logits`; 0 for a batch without positives.
    """
    targets = overlap.detach()
    drawn = draw_negatives(positive, outside & ~positive, config.negatives, generator)
    if config.negative_target == "zero":
        targets = torch.where(drawn, 0.0, targets)
    return mean_of(F.binary_cross_entropy_with_logits(logits, targets, reduction="none"), positive | drawn)


def draw_negatives(positive: Tensor, candidates: Tensor, ratio: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Draw of each image's `candidates` (B, N) bool a random `ratio` times as many as it has positives, or all if there are fewer."""
    wanted = (positive.sum(1, keepdim=True) * ratio).round()  # (B, 1)
    draw = torch.rand(positive.shape, generator=generator, device=positive.device)
    rank = torch.where(candidates, draw, 2.0).argsort(1).argsort(1)  # (B, N) candidates first, in random order
    return candidates & (rank < wanted)


__all__ = ["LocalizationQuality", "draw_negatives", "localization_loss"]
