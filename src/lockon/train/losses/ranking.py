"""Ranking losses: positives above hard negatives, and better boxes above worse ones.

Tang and Ling, "Ranking-Based Siamese Visual Tracking" (RBO), CVPR 2022:

- `classification_ranking`, Sec. 3.2, Eq. 6-8: the mean probability of the positives is to exceed that of the hard negatives by a margin.
- `iou_ranking`, Sec. 3.3, Eq. 9-10: among positives, order by probability and order by IoU of the predicted box are to agree.

What the paper says and what its authors' code does differ in several places: each choice is a field, and the parts that are named after
the paper make all of them as printed. Everything is computed for the whole batch together: sorting takes the place of the loops over
images and pairs.
Letters: B images, N candidates, P positives and K ranked negatives of the image that has most.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from lockon.ops.torch.boxes import iou
from lockon.train.losses.base import Loss, LossInput, Scalars


@dataclass(frozen=True, kw_only=True)
class ClassificationRanking(Loss):
    """Ranking of positives above hard negatives (CR, Eq. 6-8), as the authors' code has it.

    Attributes:
        alpha: The margin.
        beta: Sharpness.
        threshold: Negatives above this probability are hard.
        hard_negatives: Of an image with a hard negative and n positives, "top" takes the n most probable negatives, "threshold" all
            hard ones.
        without_positives: An image without positives is compared with probability "one", or left out: "skip".
        fewest: In such an image at least this many of the most probable negatives are taken.
        all_negatives: Negatives that were not sampled are ranked too.

    Raises:
        LockonError: If a number is out of its range.
    """

    weight: float = 0.5
    alpha: float = 0.5
    beta: float = 4.0
    threshold: float = 0.5
    hard_negatives: Literal["top", "threshold"] = "top"
    without_positives: Literal["one", "skip"] = "one"
    fewest: int = 8
    all_negatives: bool = False

    def __post_init__(self) -> None:
        Loss.__post_init__(self)
        self._require("alpha", math.isfinite(self.alpha), "finite")
        self._require("beta", 0 < self.beta < math.inf, "above 0")
        self._require("threshold", 0 <= self.threshold < 1, "at least 0 and below 1")
        self._require("fewest", self.fewest >= 1, "at least 1")

    def __call__(self, x: LossInput) -> Tensor:
        """Compute `classification_ranking`."""
        return classification_ranking(x.probability, x.ranked_labels(self.all_negatives), self)


@dataclass(frozen=True, kw_only=True)
class PaperClassificationRanking(ClassificationRanking):
    """Ranking of positives above hard negatives, as the paper prints it."""

    hard_negatives: Literal["top", "threshold"] = "threshold"
    without_positives: Literal["one", "skip"] = "skip"


@dataclass(frozen=True, kw_only=True)
class PairRanking(Loss):
    """Ranking of the positives of an image among each other, pair by pair.

    Attributes:
        gamma: Sharpness.
        normalization: The sum over an image's pairs is divided by the number of "pairs" or of "positives".
        scope: That division is made per "image", and the images averaged, or once for the "batch".
        single_positive: An image with one positive has no pair: "skip" leaves it out of the mean over images, "zero" counts it as 0.

    Raises:
        LockonError: If `gamma` is out of its range.
    """

    weight: float = 0.25
    gamma: float = 3.0
    normalization: Literal["pairs", "positives"] = "pairs"
    scope: Literal["image", "batch"] = "image"
    single_positive: Literal["skip", "zero"] = "skip"

    def __post_init__(self) -> None:
        Loss.__post_init__(self)
        self._require("gamma", 0 < self.gamma <= 80, "above 0 and at most 80: exp(gamma) must be a float32")

    @abstractmethod
    def compare(self, probability: Tensor, overlap: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the terms that order by IoU and by probability, of (B, N) probabilities, IoUs with gradient, and labels."""

    def __call__(self, x: LossInput) -> Scalars:
        """Compute "rank_score" and "rank_iou", which share the weight."""
        truth = x.targets.boxes[:, None]  # (B, 1, 4)
        boxes = torch.where(x.positive[..., None], x.prediction.boxes, truth)  # no gradient, so no NaN, from boxes that do not count
        score, overlap = self.compare(x.probability, iou(boxes, truth), x.targets.labels)
        return {"rank_score": score, "rank_iou": overlap}


@dataclass(frozen=True, kw_only=True)
class IoURanking(PairRanking):
    """Agreement of the orders by probability and by IoU (IGR, Eq. 9-10), as the authors' code has it.

    Attributes:
        ties: Pairs of equal rank are "ordered" as the candidates are, or "skipped" (strictly greater).
        freeze: The lower IoU of a pair gets no gradient (paper and code). False is for experiments: the loss can then be lowered by
            spoiling boxes.
    """

    ties: Literal["ordered", "skipped"] = "ordered"
    freeze: bool = True

    def compare(self, probability: Tensor, overlap: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return `iou_ranking`."""
        return iou_ranking(probability, overlap, labels, self)


@dataclass(frozen=True, kw_only=True)
class PaperIoURanking(IoURanking):
    """Agreement of the orders by probability and by IoU, as the paper prints it."""

    normalization: Literal["pairs", "positives"] = "positives"
    single_positive: Literal["skip", "zero"] = "zero"
    ties: Literal["ordered", "skipped"] = "skipped"


@dataclass(frozen=True, kw_only=True)
class RankDetNet(PairRanking):
    """The one-term loss that the paper compares with (Liu et al., RankDetNet, CVPR 2021, as given in Sec. 4.2 of the RBO paper).

    Attributes:
        function: Function of the product, "exp" or "logistic"; the paper does not say which.
    """

    function: Literal["exp", "logistic"] = "exp"

    def compare(self, probability: Tensor, overlap: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return `rank_det_net`, and 0."""
        return rank_det_net(probability, overlap, labels, self), overlap.new_zeros(())


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


def iou_ranking(probability: Tensor, overlap: Tensor, labels: Tensor, config: IoURanking) -> tuple[Tensor, Tensor]:
    """Compute the two terms of Eq. 10 over all pairs of positives of an image; an image needs two.

    1. v_i > v_j: exp(-gamma (p_i - p_j)), gradient to both probabilities.
    2. p_i > p_j: exp(-gamma (v_i - v_j)), gradient to v_i alone (`config.freeze`).

    Args:
        probability: (B, N) foreground probabilities p.
        overlap: (B, N) IoU v of each candidate's predicted box with the ground truth; only the positives' are used.
        labels: (B, N) above 0 positive.
        config: Sharpness, and what is averaged.

    Returns:
        Two scalars; 0 with zero gradient where no image has a pair. All probabilities (or IoUs) equal: officially 1.
    """
    pairs = _pairs(probability, overlap, labels)
    v, both, first, dp, dv = pairs.overlap, pairs.both, pairs.first, pairs.dp, pairs.dv
    gain = v[:, :, None] - v.detach()[:, None, :] if config.freeze else dv
    by_overlap, by_score = ((x > 0) & both for x in (dv, dp))
    if config.ties == "ordered":  # of two equal ones the first is higher, as a stable sort has it
        by_overlap, by_score = by_overlap | (first & (dv == 0)), by_score | (first & (dp == 0))
    score_term = _mean_over_pairs((-config.gamma * dp).exp(), by_overlap, pairs.valid, config)
    return score_term, _mean_over_pairs((-config.gamma * gain).exp(), by_score, pairs.valid, config)


def rank_det_net(probability: Tensor, overlap: Tensor, labels: Tensor, config: RankDetNet) -> Tensor:
    """Compute f(-gamma (p_i - p_j)(v_i - v_j)) over unordered pairs of positives, with gradient to all four.

    Args:
        probability: (B, N) foreground probabilities p.
        overlap: (B, N) IoU v of each candidate's predicted box with the ground truth; only the positives' are used.
        labels: (B, N) above 0 positive.
        config: Sharpness, the function f, and what is averaged.
    """
    pairs = _pairs(probability, overlap, labels)
    product = -config.gamma * pairs.dp * pairs.dv
    values = product.exp() if config.function == "exp" else F.softplus(product)
    return _mean_over_pairs(values, pairs.first, pairs.valid, config)


class _Pairs(NamedTuple):
    """Pairs of positives.

    Attributes:
        overlap: (B, P) IoUs.
        valid: (B, P) bool, False beyond an image's own positives.
        both: (B, P, P) bool, both of a pair are valid.
        first: (B, P, P) bool, each unordered pair once.
        dp: (B, P, P) probability of the row minus that of the column.
        dv: (B, P, P) the same of the IoUs.
    """

    overlap: Tensor
    valid: Tensor
    both: Tensor
    first: Tensor
    dp: Tensor
    dv: Tensor


def _pairs(probability: Tensor, overlap: Tensor, labels: Tensor) -> _Pairs:
    """Return all pairs of an image's positives."""
    p, v, valid = _positives(probability, overlap, labels)  # (B, P) each
    number = torch.arange(p.shape[1], device=p.device)
    both = valid[:, :, None] & valid[:, None, :]  # (B, P, P)
    first = (number[:, None] < number) & both
    dp, dv = p[:, :, None] - p[:, None, :], v[:, :, None] - v[:, None, :]
    return _Pairs(v, valid, both, first, dp, dv)


def _positives(probability: Tensor, overlap: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return probabilities and IoUs (B, P) of the positives, in the candidates' order, 0 beyond an image's own; and which are valid."""
    positive = labels > 0
    counts = positive.sum(1)  # (B,)
    valid = torch.arange(int(counts.amax()) if len(counts) else 0, device=labels.device) < counts[:, None]  # (B, P)
    image, place = valid.nonzero(as_tuple=True)  # both masks list their elements image by image, in the candidates' order
    empty = probability.new_zeros(valid.shape)
    return empty.index_put((image, place), probability[positive]), empty.index_put((image, place), overlap[positive]), valid


def _mean_over_pairs(values: Tensor, pairs: Tensor, valid: Tensor, config: PairRanking) -> Tensor:
    """Sum `values` (B, P, P) over `pairs` and divide as the configuration says."""
    sums = torch.where(pairs, values, 0.0).sum((1, 2))  # (B,)
    count = valid.sum(1)  # (B,)
    divisor = pairs.sum((1, 2)) if config.normalization == "pairs" else count
    if config.scope == "batch":
        return sums.sum() / divisor.sum().clamp(min=1)
    used = count >= (2 if config.single_positive == "skip" else 1)
    return torch.where(used, sums / divisor.clamp(min=1), 0.0).sum() / used.sum().clamp(min=1)


__all__ = [
    "ClassificationRanking",
    "IoURanking",
    "PairRanking",
    "PaperClassificationRanking",
    "PaperIoURanking",
    "RankDetNet",
    "classification_ranking",
    "iou_ranking",
    "rank_det_net",
]
