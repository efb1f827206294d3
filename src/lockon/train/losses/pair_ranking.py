"""IoU-guided ranking: better boxes above worse ones.

Tang and Ling, "Ranking-Based Siamese Visual Tracking" (RBO), CVPR 2022, Sec. 3.3, Eq. 9-10: among positives, order by probability and
order by IoU of the predicted box are to agree. What the paper says and what its authors' code does differ in places: each choice is a
field, and the part that is named after the paper makes all of them as printed. Computed for the whole batch together, without loops over
images and pairs. Letters: B images, N candidates, P positives of the image that has most.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from lockon._config_values import check_field
from lockon.ops.torch.boxes import iou
from lockon.train.losses.base import Loss, LossInput, Scalars

Normalization: TypeAlias = Literal["pairs", "positives"]
SinglePositive: TypeAlias = Literal["skip", "zero"]
Ties: TypeAlias = Literal["ordered", "skipped"]


@dataclass(frozen=True, kw_only=True)
class PairRanking(Loss):
    """Ranking of the positives of an image among each other, pair by pair.

    Attributes:
        gamma: Sharpness.
        scope: Sums are divided per "image", and the images averaged, or once for the "batch".
        normalization: What the sum over an image's pairs is divided by: the number of "pairs" or of "positives".
        single_positive: An image with one positive, which has no pair, is left out of the mean over images ("skip"), or counts as 0
            ("zero").

    Raises:
        LockonError: If `gamma` is out of its range.
    """

    weight: float = 0.25
    gamma: float = 3.0
    scope: Literal["image", "batch"] = "image"
    normalization: Normalization = "pairs"
    single_positive: SinglePositive = "skip"

    def __post_init__(self) -> None:
        Loss.__post_init__(self)
        check_field(self, "gamma", 0 < self.gamma <= 80, "above 0 and at most 80: exp(gamma) must be a float32")

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
    """Agreement of the orders by probability and by IoU (IGR, Eq. 9-10), as the authors' code has it unless a choice is made otherwise.

    Attributes:
        freeze: The lower IoU of a pair gets no gradient (paper and code). False is for experiments: the loss can then be lowered by
            spoiling boxes.
        ties: Pairs of equal rank are "ordered" as the candidates are, or "skipped" (strictly greater).
    """

    freeze: bool = True
    ties: Ties = "ordered"

    def compare(self, probability: Tensor, overlap: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return `iou_ranking`."""
        return iou_ranking(probability, overlap, labels, self)


@dataclass(frozen=True, kw_only=True)
class PaperIoURanking(IoURanking):
    """Agreement of the orders by probability and by IoU, as the paper prints it."""

    normalization: ClassVar[Normalization] = "positives"  # type: ignore[misc]  # no longer a field
    single_positive: ClassVar[SinglePositive] = "zero"  # type: ignore[misc]  # no longer a field
    ties: ClassVar[Ties] = "skipped"  # type: ignore[misc]  # no longer a field


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


__all__ = ["IoURanking", "PairRanking", "PaperIoURanking", "RankDetNet", "iou_ranking", "rank_det_net"]
