"""Ranking losses: positives above hard negatives, and better boxes above worse ones.

Tang and Ling, "Ranking-Based Siamese Visual Tracking" (RBO), CVPR 2022:

- `classification_ranking`, Sec. 3.2, Eq. 6-8: the mean probability of the positives is to exceed that of the hard negatives by a margin.
- `iou_ranking`, Sec. 3.3, Eq. 9-10: among positives, order by probability and order by IoU of the predicted box are to agree.

What the paper says and what its authors' code does differ in several places; `RankingConfig` names each choice, and `mode` picks all
of them at once. Everything is computed for the whole batch together: sorting takes the place of the loops over images and pairs.
Letters: B images, N candidates, P positives and K ranked negatives of the image that has most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from lockon.errors import LockonError


@dataclass(frozen=True, kw_only=True, slots=True)
class RankingConfig:
    """Weights and choices of the ranking losses. A choice left at None is made by `mode`.

    Attributes:
        classification: factor on the classification ranking loss; 0 turns it off.
        iou: factor on each term of the IoU-guided ranking loss; 0 turns it off.
        alpha: margin of the classification ranking. beta: its sharpness. gamma: sharpness of the IoU-guided ranking.
        mode: "official": as the authors' code. "paper": as the equations are printed.
        threshold: negatives above this probability are hard.
        hard_negatives: of an image with a hard negative and n positives, "top" takes the n most probable negatives (official),
            "threshold" all hard ones (paper).
        without_positives: an image without positives is compared with probability "one" (official), or left out: "skip" (paper).
        fewest: in such an image at least this many of the most probable negatives are taken.
        normalization: IoU-guided terms are divided by the number of "pairs" (official) or of "positives" (paper, Eq. 10).
        scope: that division is made per "image", and the images averaged, or once for the "batch".
        single_positive: an image with one positive has no pair: "skip" leaves it out of the mean over images (official), "zero" counts
            it as 0 (paper).
        ties: pairs of equal rank are "ordered" as the candidates are (official) or "skipped" (paper: strictly greater).
        freeze: the lower IoU of a pair gets no gradient (paper and code). False is for experiments: the loss can then be lowered by
            spoiling boxes.
        form: "rbo": Eq. 10. "rankdetnet": the one-term loss that the paper compares with, see `iou_ranking`.
        rankdetnet_function: that loss's function of the product, "exp" or "logistic"; the paper does not say which.

    Raises:
        LockonError: a number out of its range.
    """

    classification: float = 0.5
    iou: float = 0.25
    alpha: float = 0.5
    beta: float = 4.0
    gamma: float = 3.0
    mode: Literal["official", "paper"] = "official"
    threshold: float = 0.5
    hard_negatives: Literal["top", "threshold"] | None = None
    without_positives: Literal["one", "skip"] | None = None
    fewest: int = 8
    normalization: Literal["pairs", "positives"] | None = None
    scope: Literal["image", "batch"] = "image"
    single_positive: Literal["skip", "zero"] | None = None
    ties: Literal["ordered", "skipped"] | None = None
    freeze: bool = True
    form: Literal["rbo", "rankdetnet"] = "rbo"
    rankdetnet_function: Literal["exp", "logistic"] = "exp"

    def __post_init__(self) -> None:
        for name in ("classification", "iou"):
            self._require(name, 0 <= getattr(self, name) < math.inf, "0 or more")
        self._require("beta", 0 < self.beta < math.inf, "above 0")
        self._require("gamma", 0 < self.gamma <= 80, "above 0 and at most 80: exp(gamma) must be a float32")
        self._require("alpha", math.isfinite(self.alpha), "finite")
        self._require("threshold", 0 <= self.threshold < 1, "at least 0 and below 1")
        self._require("fewest", self.fewest >= 1, "at least 1")

    def _require(self, name: str, holds: bool, expected: str) -> None:
        if not holds:
            raise LockonError(f"{name} must be {expected}, got {getattr(self, name)!r}")

    def choice(self, name: str) -> Any:
        """What holds for one of the choices: its own value, or where that is None the one of `mode`."""
        value = getattr(self, name)
        return _MODES[self.mode][name] if value is None else value


_MODES = {
    "official": {
        "hard_negatives": "top",
        "without_positives": "one",
        "normalization": "pairs",
        "single_positive": "skip",
        "ties": "ordered",
    },
    "paper": {
        "hard_negatives": "threshold",
        "without_positives": "skip",
        "normalization": "positives",
        "single_positive": "zero",
        "ties": "skipped",
    },
}


def classification_ranking(probability: Tensor, labels: Tensor, config: RankingConfig) -> Tensor:
    """Mean over images of ln(1 + exp(beta (P- - P+ + alpha))) / beta.

    P+ is the mean probability of an image's positives, P- that of its hard negatives, weighted by the softmax of those very
    probabilities. Images without a negative above `config.threshold` are left out; if all are, the loss is 0, with zero gradient.
    Which of several negatives of the same probability are taken is not defined; the value does not depend on it.

    Args:
        probability: (B, N) foreground probabilities. labels: (B, N) above 0 positive, 0 negative, below 0 ignored.

    Returns:
        Scalar with gradient to `probability`, through the softmax weights too.
    """
    positive, negative = labels > 0, labels == 0
    positives = positive.sum(1)  # (B,)
    hard = (negative & (probability > config.threshold)).sum(1)  # (B,)
    if config.choice("hard_negatives") == "top":
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
    if config.choice("without_positives") == "skip":
        used = used & (positives > 0)
    return torch.where(used, loss, 0.0).sum() / used.sum().clamp(min=1)


def iou_ranking(probability: Tensor, overlap: Tensor, labels: Tensor, config: RankingConfig) -> tuple[Tensor, Tensor]:
    """The two terms of Eq. 10 over all pairs of positives of an image; an image needs two.

    1. v_i > v_j: exp(-gamma (p_i - p_j)), gradient to both probabilities.
    2. p_i > p_j: exp(-gamma (v_i - v_j)), gradient to v_i alone (`config.freeze`).

    With form "rankdetnet" (Liu et al., RankDetNet, CVPR 2021, as given in Sec. 4.2 of the RBO paper) there is one term,
    f(-gamma (p_i - p_j)(v_i - v_j)) over unordered pairs, with gradient to all four; the second result is then 0.

    Args:
        probability: (B, N) foreground probabilities p. labels: (B, N) above 0 positive.
        overlap: (B, N) IoU v of each candidate's predicted box with the ground truth; only the positives' are used.

    Returns:
        Two scalars; 0 with zero gradient where no image has a pair. All probabilities (or IoUs) equal: officially 1.
    """
    p, v, valid = _positives(probability, overlap, labels)  # (B, P) each
    number = torch.arange(p.shape[1], device=p.device)
    both = valid[:, :, None] & valid[:, None, :]  # (B, P, P)
    first = (number[:, None] < number) & both  # each unordered pair once
    dp, dv = p[:, :, None] - p[:, None, :], v[:, :, None] - v[:, None, :]  # (B, P, P) row minus column
    if config.form == "rankdetnet":
        product = -config.gamma * dp * dv
        values = product.exp() if config.rankdetnet_function == "exp" else F.softplus(product)
        return _mean_over_pairs(values, first, valid, config), overlap.new_zeros(())
    gain = v[:, :, None] - v.detach()[:, None, :] if config.freeze else dv
    by_overlap, by_score = ((x > 0) & both for x in (dv, dp))
    if config.choice("ties") == "ordered":  # of two equal ones the first is higher, as a stable sort has it
        by_overlap, by_score = by_overlap | (first & (dv == 0)), by_score | (first & (dp == 0))
    score_term = _mean_over_pairs((-config.gamma * dp).exp(), by_overlap, valid, config)
    return score_term, _mean_over_pairs((-config.gamma * gain).exp(), by_score, valid, config)


def _positives(probability: Tensor, overlap: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Probabilities and IoUs (B, P) of the positives, in the candidates' order, 0 beyond an image's own; and which are valid."""
    positive = labels > 0
    counts = positive.sum(1)  # (B,)
    valid = torch.arange(int(counts.amax()) if len(counts) else 0, device=labels.device) < counts[:, None]  # (B, P)
    image, place = valid.nonzero(as_tuple=True)  # both masks list their elements image by image, in the candidates' order
    empty = probability.new_zeros(valid.shape)
    return empty.index_put((image, place), probability[positive]), empty.index_put((image, place), overlap[positive]), valid


def _mean_over_pairs(values: Tensor, pairs: Tensor, valid: Tensor, config: RankingConfig) -> Tensor:
    """Sum of `values` (B, P, P) over `pairs`, divided as the configuration says."""
    sums = torch.where(pairs, values, 0.0).sum((1, 2))  # (B,)
    count = valid.sum(1)  # (B,)
    divisor = pairs.sum((1, 2)) if config.choice("normalization") == "pairs" else count
    if config.scope == "batch":
        return sums.sum() / divisor.sum().clamp(min=1)
    used = count >= (2 if config.choice("single_positive") == "skip" else 1)
    return torch.where(used, sums / divisor.clamp(min=1), 0.0).sum() / used.sum().clamp(min=1)


__all__ = ["RankingConfig", "classification_ranking", "iou_ranking"]
