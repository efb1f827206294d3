"""Classification ranking: positives above hard negatives.

Tang and Ling, "Ranking-Based Siamese Visual Tracking" (RBO), CVPR 2022, Sec. 3.2, Eq. 6-8: the mean probability of the positives is to
exceed that of the hard negatives by a margin. What the paper says and what its authors' code does differ in places: each choice is a
field, and the part that is named after the paper makes all of them as printed. Computed for the whole batch together: sorting takes the
place of the loop over images. Letters: B images, N candidates, K ranked negatives of the image that has most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from lockon._config_values import check_field
from lockon.train.losses.base import Loss, LossInput

HardNegatives: TypeAlias = Literal["top", "threshold"]
WithoutPositives: TypeAlias = Literal["one", "skip"]


@dataclass(frozen=True, kw_only=True)
class ClassificationRanking(Loss):
    """Ranking of positives above hard negatives (CR, Eq. 6-8), as the authors' code has it unless a choice is made otherwise.

    Attributes:
        alpha: The margin.
        beta: Sharpness.
        threshold: Negatives above this probability are hard.
        fewest: In an image without positives at least this many of the most probable negatives are taken.
        all_negatives: Negatives that were not sampled are ranked too.
        hard_negatives: Which of an image with a hard negative and n positives: the n most probable ("top"), or all hard ones
            ("threshold").
        without_positives: An image without positives is compared with probability "one", or left out: "skip".

    Raises:
        LockonError: If a number is out of its range.
    """

    weight: float = 0.5
    alpha: float = 0.5
    beta: float = 4.0
    threshold: float = 0.5
    fewest: int = 8
    all_negatives: bool = False
    hard_negatives: HardNegatives = "top"
    without_positives: WithoutPositives = "one"

    def __post_init__(self) -> None:
        Loss.__post_init__(self)
        check_field(self, "alpha", math.isfinite(self.alpha), "finite")
        check_field(self, "beta", 0 < self.beta < math.inf, "above 0")
        check_field(self, "threshold", 0 <= self.threshold < 1, "at least 0 and below 1")
        check_field(self, "fewest", self.fewest >= 1, "at least 1")

    def __call__(self, x: LossInput) -> Tensor:
        """Compute `classification_ranking`."""
        return classification_ranking(x.probability, x.ranked_labels(self.all_negatives), self)


@dataclass(frozen=True, kw_only=True)
class PaperClassificationRanking(ClassificationRanking):
    """Ranking of positives above hard negatives, as the paper prints it."""

    hard_negatives: ClassVar[HardNegatives] = "threshold"  # type: ignore[misc]  # no longer a field
    without_positives: ClassVar[WithoutPositives] = "skip"  # type: ignore[misc]  # no longer a field


def classification_ranking(probability: Tensor, labels: Tensor, config: ClassificationRanking) -> Tensor:
    """Compute the mean over images of ln(1 + exp(beta (P- - P+ + alpha))) / beta.

    P+ is the mean probability of an image's positives, P- that of its hard negatives, weighted by the softmax of those very
    probabilities. Images without a negative above `config.threshold` are left out; if all are, the loss is 0, with zero gradient.
    Which of several negatives of the same probability are taken is not defined; the value does not depend on it.

    Args:
        probability: (B, N) foreground probabilities.
        labels: (B, N) above 0 positive, 0 negative, below 0 ignored.
        config: Margin, sharpness, and which negatives are ranked.

    Returns:
        Scalar with gradient to `probability`, through the softmax weights too.
    """
    positive, negative = labels > 0, labels == 0
    positives = positive.sum(1)  # (B,)
    hard = (negative & (probability > config.threshold)).sum(1)  # (B,)
    if config.hard_negatives == "top":
        wanted = torch.where(positives > 0, positives, hard.clamp(min=config.fewest))
    else:
        wanted = torch.where(positives > 0, hard, hard.clamp(min=config.fewest))
    wanted = torch.minimum(wanted, negative.sum(1))  # (B,)
    most = int(wanted.amax()) if len(wanted) else 0
    ranked = torch.where(negative, probability, -1.0).topk(most, dim=1).values  # (B, K)
    kept = torch.arange(most, device=ranked.device) < wanted[:, None]  # (B, K)
    ranked = torch.where(kept, ranked, 0.0)
    weight = ranked.exp() * kept
    weight = weight / weight.sum(1, keepdim=True).clamp(min=1)  # the sum is at least 1 where anything is kept: no 0/0 elsewhere
    below = (weight * ranked).sum(1)  # (B,) P-
    above = torch.where(positive, probability, 0.0).sum(1) / positives.clamp(min=1)
    above = torch.where(positives > 0, above, 1.0)  # (B,) P+
    loss = F.softplus(config.beta * (below - above + config.alpha)) / config.beta
    used = hard > 0
    if config.without_positives == "skip":
        used = used & (positives > 0)
    return torch.where(used, loss, 0.0).sum() / used.sum().clamp(min=1)


__all__ = ["ClassificationRanking", "PaperClassificationRanking", "classification_ranking"]
