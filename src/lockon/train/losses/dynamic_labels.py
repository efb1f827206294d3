"""Labels that follow the boxes: what a positive point is to score is how good the box is that it predicts right now.

SiamLA (Nie et al., Learning Localization-aware Target Confidence for Siamese Visual Tracking): dynamic labels (LADL, Sec. III-B, Eq. 3-6)
and label smoothing of the boundary points (LALS, Sec. III-C, Eq. 7). There is no code of the authors, and some equations cannot be meant
as they are printed. Read here:

- Eq. 4, positives: binary cross entropy with the label; the printed form does not depend on it.
- Eq. 4, negatives: -(1 + c) ln(1 - c); the printed sign is the other one.
- Eq. 5, 7: sigmoid(beta (IoU - alpha)); the printed exponent would fall with the IoU.
- Eq. 6 after Eq. 7, over the centre's and the boundary's positives of an image together.

What else is open is a field of `DynamicLabelConfig`. Letters: B images, N candidates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from lockon.errors import LockonError
from lockon.train.losses.cross_entropy import mean_of

SMALLEST_RANGE = 1e-6  # labels of an image that differ by less are not normalized


@dataclass(frozen=True, kw_only=True, slots=True)
class DynamicLabelConfig:
    """Choices of the dynamic labels and of the loss on them. In use where the classification loss is "dynamic".

    Attributes:
        map: IoU to label: "sigmoid" (Eq. 5) or "linear", the IoU itself (Table IV).
        alpha: IoU whose label is a half. beta: steepness there. Of "sigmoid".
        normalize: the labels of an image are stretched to [0, 1] (Eq. 6). An image with one positive, or with equal labels, is left alone.
        normalize_steps: only during this many updates of the training (the paper speaks of "the initial stage"); None: throughout.
        order: "power-first": Eq. 7 then Eq. 6. "normalize-first": the power is taken of normalized labels.
        boundary_lambda: boundary points are positives too, with their label to the power of 1 / lambda (Eq. 7); paper: 0.2. None: they
            are what the assigner makes of them.
        boundary_reach: boundary points lie within this many widths and heights of the box's centre; 0.5: anywhere in the box.
        train_boundary: boundary points count as positives for boxes and quality too, so that their IoU is worth being a label.
        hard: labels do not follow the boxes: 1 for positives, lambda for boundary points (the row "LALS" alone of Table III).
        negative_weight: of a negative with probability c: 1 + c with its gradient ("differentiate", as Eq. 4 is written), the same without
            ("detach"), or 1 ("none": plain cross entropy).
        reduction: "balanced": half the mean over positives plus half the mean over negatives of the batch, as SiamCAR's code.
            "positives": the sum over all points divided by the number of positives.

    Raises:
        LockonError: a number out of its range.
    """

    map: Literal["sigmoid", "linear"] = "sigmoid"
    alpha: float = 0.5
    beta: float = 10.0
    normalize: bool = True
    normalize_steps: int | None = None
    order: Literal["power-first", "normalize-first"] = "power-first"
    boundary_lambda: float | None = None
    boundary_reach: float = 0.5
    train_boundary: bool = True
    hard: bool = False
    negative_weight: Literal["differentiate", "detach", "none"] = "differentiate"
    reduction: Literal["balanced", "positives"] = "balanced"

    def __post_init__(self) -> None:
        self._require("alpha", 0 <= self.alpha <= 1, "between 0 and 1")
        self._require("beta", 0 < self.beta < math.inf, "above 0")
        self._require("normalize_steps", self.normalize_steps is None or self.normalize_steps >= 0, "0 or more, or none for no end")
        smoothing = self.boundary_lambda
        self._require("boundary_lambda", smoothing is None or 0 < smoothing <= 1, "above 0 and at most 1 (0.2 in the paper), or none")
        self._require("boundary_reach", 0 < self.boundary_reach <= 0.5, "above 0 and at most 0.5")

    def _require(self, name: str, holds: bool, expected: str) -> None:
        if not holds:
            raise LockonError(f"{name} must be {expected}, got {getattr(self, name)!r}")

    def normalizes(self, step: int) -> bool:
        """Whether Eq. 6 applies at the 0-based update `step`."""
        return self.normalize and (self.normalize_steps is None or step < self.normalize_steps)


def dynamic_labels(overlap: Tensor, positive: Tensor, boundary: Tensor | None, config: DynamicLabelConfig, step: int = 0) -> Tensor:
    """What each positive is to score; 0 for all others.

    Args:
        overlap: (B, N) IoU of each candidate's own box with the ground truth, in [0, 1].
        positive: (B, N) bool, the centre's points. boundary: (B, N) bool, others than these; None: there are none.
        step: 0-based update, for `normalize_steps`.

    Returns:
        (B, N) in [0, 1], without gradient.

    >>> overlap, both = torch.tensor([[0.7, 0.7]]), torch.tensor([[True, False]])
    >>> config = DynamicLabelConfig(boundary_lambda=0.2, normalize=False)
    >>> [round(label, 3) for label in dynamic_labels(overlap, both, ~both, config)[0].tolist()]
    [0.881, 0.53]
    """
    overlap = overlap.detach()
    smoothing = config.boundary_lambda or 1.0
    edge = torch.zeros_like(positive) if boundary is None else boundary
    used = positive | edge
    if config.hard:
        return torch.where(edge, smoothing, positive.to(overlap.dtype))
    labels = torch.sigmoid(config.beta * (overlap - config.alpha)) if config.map == "sigmoid" else overlap
    normalizes = config.normalizes(step)
    if normalizes and config.order == "normalize-first":
        labels = _stretched(labels, used)
    labels = torch.where(edge, labels.pow(1 / smoothing), labels)
    if normalizes and config.order == "power-first":
        labels = _stretched(labels, used)
    return torch.where(used, labels, 0.0)


def _stretched(labels: Tensor, members: Tensor) -> Tensor:
    """`labels` (B, N) with each row's `members` from 0 to 1; a row whose members are all alike, or one, stays as it is."""
    low = torch.where(members, labels, math.inf).amin(1, keepdim=True)  # (B, 1)
    high = torch.where(members, labels, -math.inf).amax(1, keepdim=True)
    extent = high - low  # -inf without members
    wide = extent >= SMALLEST_RANGE
    return torch.where(wide & members, (labels - low) / torch.where(wide, extent, 1.0), labels)


def dynamic_label_loss(logits: Tensor, labels: Tensor, positive: Tensor, negative: Tensor, config: DynamicLabelConfig) -> Tensor:
    """Eq. 3 and 4: cross entropy of the positives with their labels; negatives weigh the more the higher they score.

    Args:
        logits: (B, N). labels: (B, N) of `dynamic_labels`.
        positive: (B, N) bool, boundary points included. negative: (B, N) bool.

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


__all__ = ["DynamicLabelConfig", "dynamic_label_loss", "dynamic_labels"]
