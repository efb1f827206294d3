"""Labels that follow the boxes: what a positive point is to score is how good the box is that it predicts right now.

SiamLA (Nie et al., Learning Localization-aware Target Confidence for Siamese Visual Tracking): dynamic labels (LADL, Sec. III-B, Eq. 3-6)
and label smoothing of the boundary points (LALS, Sec. III-C, Eq. 7). There is no code of the authors, and some equations cannot be meant
as they are printed. Read here:

- Eq. 4, positives: binary cross entropy with the label; the printed form does not depend on it.
- Eq. 4, negatives: -(1 + c) ln(1 - c); the printed sign is the other one.
- Eq. 5, 7: sigmoid(beta (IoU - alpha)); the printed exponent would fall with the IoU.
- Eq. 6 after Eq. 7, over the centre's and the boundary's positives of an image together.

What else is open is a field of `LabelLoss` or `DynamicLabels`. Letters: B images, N candidates.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from lockon._config_values import check_field
from lockon.train.losses.base import Loss, LossInput
from lockon.train.losses.cross_entropy import mean_of
from lockon.types import BOUNDARY

NegativeWeight: TypeAlias = Literal["differentiate", "detach", "none"]

SMALLEST_RANGE = 1e-6  # labels of an image that differ by less are not normalized


@dataclass(frozen=True, kw_only=True)
class LabelLoss(Loss):
    """Cross entropy of the scores with soft labels (Eq. 3-4), and smoothing of the boundary that an assigner marked (Eq. 7).

    Attributes:
        smoothing: The paper's lambda, above 0 and at most 1; of points marked `BOUNDARY` alone.
        reduction: "balanced": half the mean over positives plus half the mean over negatives of the batch, as SiamCAR's code.
            "positives": the sum over all points divided by the number of positives.
        negative_weight: Of a negative with probability c: 1 + c with its gradient ("differentiate", as Eq. 4 is written), the same
            without ("detach"), or 1 ("none": plain cross entropy).

    Raises:
        LockonError: If a number is out of its range.
    """

    smoothing: float = 0.2
    reduction: Literal["balanced", "positives"] = "balanced"
    negative_weight: NegativeWeight = "differentiate"

    def __post_init__(self) -> None:
        Loss.__post_init__(self)
        check_field(self, "smoothing", 0 < self.smoothing <= 1, "above 0 and at most 1 (0.2 in the paper)")

    @abstractmethod
    def labels(self, x: LossInput, boundary: Tensor) -> Tensor:
        """Return (B, N) what each candidate is to score; `boundary` is (B, N) bool."""

    def __call__(self, x: LossInput) -> Tensor:
        """Compute `dynamic_label_loss`; points of the boundary count as positives."""
        boundary = x.targets.labels == BOUNDARY  # (B, N)
        return dynamic_label_loss(x.prediction.logits, self.labels(x, boundary), x.positive | boundary, x.targets.labels == 0, self)


@dataclass(frozen=True, kw_only=True)
class DynamicLabels(LabelLoss):
    """Labels are the IoUs of the boxes that positives predict right now.

    Attributes:
        map: IoU to label: "sigmoid" (Eq. 5) or "linear", the IoU itself (Table IV).
        alpha: IoU whose label is a half, with "sigmoid".
        beta: Steepness there.
        normalize: The labels of an image are stretched to [0, 1] (Eq. 6). An image with one positive, or with equal labels, is left alone.
        normalize_steps: Only during this many updates of the training (the paper speaks of "the initial stage"); None: throughout.
        order: "power-first": Eq. 7 then Eq. 6. "normalize-first": the power is taken of normalized labels.

    Raises:
        LockonError: If a number is out of its range.
    """

    map: Literal["sigmoid", "linear"] = "sigmoid"
    alpha: float = 0.5
    beta: float = 10.0
    normalize: bool = True
    normalize_steps: int | None = None
    order: Literal["power-first", "normalize-first"] = "power-first"

    def __post_init__(self) -> None:
        LabelLoss.__post_init__(self)
        check_field(self, "alpha", 0 <= self.alpha <= 1, "between 0 and 1")
        check_field(self, "beta", 0 < self.beta < math.inf, "above 0")
        check_field(self, "normalize_steps", self.normalize_steps is None or self.normalize_steps >= 0, "0 or more, or none for no end")

    def normalizes(self, step: int) -> bool:
        """Return whether Eq. 6 applies at the 0-based update `step`."""
        return self.normalize and (self.normalize_steps is None or step < self.normalize_steps)

    def labels(self, x: LossInput, boundary: Tensor) -> Tensor:
        """Return `dynamic_labels`."""
        return dynamic_labels(x.overlap, x.positive, boundary, self, x.step)


@dataclass(frozen=True, kw_only=True)
class SmoothedLabels(LabelLoss):
    """Labels do not follow the boxes: 1 for positives, lambda for the boundary (the row "LALS" alone of Table III); plain cross entropy."""

    negative_weight: ClassVar[NegativeWeight] = "none"  # type: ignore[misc]  # no longer a field

    def labels(self, x: LossInput, boundary: Tensor) -> Tensor:
        """Return 1, lambda or 0."""
        return smoothed_labels(x.positive, boundary, self.smoothing)


def smoothed_labels(positive: Tensor, boundary: Tensor, smoothing: float) -> Tensor:
    """Return (B, N) 1 for positives, `smoothing` for the boundary, 0 for all others; both masks are (B, N) bool."""
    return torch.where(boundary, smoothing, positive.float())


def dynamic_labels(overlap: Tensor, positive: Tensor, boundary: Tensor | None, config: DynamicLabels, step: int = 0) -> Tensor:
    """Return what each positive is to score; 0 for all others.

    Args:
        overlap: (B, N) IoU of each candidate's own box with the ground truth, in [0, 1].
        positive: (B, N) bool, the centre's points.
        boundary: (B, N) bool, others than these; None: there are none.
        config: How an IoU becomes a label.
        step: Number of the update from 0, for `normalize_steps`.

    Returns:
        (B, N) in [0, 1], without gradient.

    >>> overlap, both = torch.tensor([[0.7, 0.7]]), torch.tensor([[True, False]])
    >>> config = DynamicLabels(smoothing=0.2, normalize=False)
    >>> [round(label, 3) for label in dynamic_labels(overlap, both, ~both, config)[0].tolist()]
    [0.881, 0.53]
    """
    overlap = overlap.detach()
    edge = torch.zeros_like(positive) if boundary is None else boundary
    used = positive | edge
    labels = torch.sigmoid(config.beta * (overlap - config.alpha)) if config.map == "sigmoid" else overlap
    normalizes = config.normalizes(step)
    if normalizes and config.order == "normalize-first":
        labels = _stretched(labels, used)
    labels = torch.where(edge, labels.pow(1 / config.smoothing), labels)
    if normalizes and config.order == "power-first":
        labels = _stretched(labels, used)
    return torch.where(used, labels, 0.0)


def _stretched(labels: Tensor, members: Tensor) -> Tensor:
    """Stretch each row's `members` of `labels` (B, N) to 0 to 1; a row whose members are all alike, or one, stays as it is."""
    low = torch.where(members, labels, math.inf).amin(1, keepdim=True)  # (B, 1)
    high = torch.where(members, labels, -math.inf).amax(1, keepdim=True)
    extent = high - low  # -inf without members
    wide = extent >= SMALLEST_RANGE
    return torch.where(wide & members, (labels - low) / torch.where(wide, extent, 1.0), labels)


def dynamic_label_loss(logits: Tensor, labels: Tensor, positive: Tensor, negative: Tensor, config: LabelLoss) -> Tensor:
    """Compute Eq. 3 and 4: cross entropy of the positives with their labels; negatives weigh the more the higher they score.

    Args:
        logits: (B, N).
        labels: (B, N) of `dynamic_labels` or `smoothed_labels`.
        positive: (B, N) bool, boundary points included.
        negative: (B, N) bool.
        config: Weight of the negatives, and what is averaged.

    Returns:
        Scalar with gradient to `logits`; a set without elements adds 0.
    """
    matched = F.binary_cross_entropy_with_logits(logits, labels.detach(), reduction="none")  # (B, N)
    rejected = F.softplus(logits)  # -ln(1 - c)
    if config.negative_weight != "none":
        probability = torch.sigmoid(logits)
        rejected = rejected * (1 + (probability.detach() if config.negative_weight == "detach" else probability))
    if config.reduction == "balanced":
        return 0.5 * mean_of(matched, positive) + 0.5 * mean_of(rejected, negative)
    total = torch.where(positive, matched, 0.0).sum() + torch.where(negative, rejected, 0.0).sum()
    return total / positive.sum().clamp(min=1)


__all__ = ["DynamicLabels", "LabelLoss", "SmoothedLabels", "dynamic_label_loss", "dynamic_labels", "smoothed_labels"]
