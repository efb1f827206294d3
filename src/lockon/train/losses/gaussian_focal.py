"""The penalty-reduced focal loss of score maps, and the soft targets that it learns.

Law and Deng, CornerNet, ECCV 2018 (arXiv 1808.01244), Eq. 1 and Sec. 3.2; OSTrack (Ye et al., ECCV 2022) and RTrack (Zeng et al., Eq. 4)
take it with alpha 2 and beta 4. Negatives count the less the higher their soft target is. RTrack prints the loss without saying where
its targets lie between 0 and 1, and without a normaliser: both are fields here.

Letters: B samples, N candidates.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from lockon._config_values import check_field
from lockon.ops.torch.boxes import corner_to_center
from lockon.train.losses.base import Loss, LossInput


@dataclass(frozen=True, kw_only=True, slots=True)
class SoftTarget(ABC):
    """What the candidates are to score, before those that an assigner ignores are left out."""

    @abstractmethod
    def __call__(self, x: LossInput) -> tuple[Tensor, Tensor]:
        """Return targets (B, N) in [0, 1], and (B, N) bool which candidates are positive; these have the target 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OneHotTarget(SoftTarget):
    """The positives of the assigner are to score 1, all others 0."""

    def __call__(self, x: LossInput) -> tuple[Tensor, Tensor]:
        """Return the positives."""
        return x.positive.to(x.targets.boxes.dtype), x.positive


@dataclass(frozen=True, kw_only=True, slots=True)
class GaussianTarget(SoftTarget):
    """A Gaussian around the candidate nearest to the target's centre, as wide as CornerNet's radius allows.

    Its own peak is positive, see `union`. A peak outside the map is no candidate: such a sample has no positive of its own.

    Attributes:
        union: The positives of the assigner are positive too, with the target 1 (RTrack); otherwise the map alone decides (OSTrack).
        origin: Where cells are counted from. "candidate": the first candidate's point, so that the peak is the nearest point, the
            rounding of ties to the even cell. "crop": the corner of the crop, as OSTrack's code has it wherever its points lie.
        overlap: IoU that a box shifted by the radius keeps at least.

    Raises:
        LockonError: If `overlap` is out of its range.
    """

    union: bool = False
    origin: Literal["candidate", "crop"] = "candidate"
    overlap: float = 0.7

    def __post_init__(self) -> None:
        check_field(self, "overlap", 0 < self.overlap < 1, "between 0 and 1")

    def __call__(self, x: LossInput) -> tuple[Tensor, Tensor]:
        """Return the Gaussians; no sample without a target has one."""
        cells, sides, first = _in_cells(x)
        center = corner_to_center(x.targets.boxes)[:, :2] / x.candidates.stride  # (B, 2)
        peak = (center - first if self.origin == "candidate" else center).round()
        target = gaussian(cells, peak[:, None], cornernet_radius(sides, self.overlap)[:, None])[:, 0]  # (B, N)
        if x.targets.present is not None:
            target = target * x.targets.present[:, None]
        positive = target == 1
        if self.union:
            positive = positive | x.positive
        return torch.where(positive, 1.0, target), positive


@dataclass(frozen=True, kw_only=True, slots=True)
class PositivesGaussian(SoftTarget):
    """A Gaussian around every positive of the assigner, each as wide as CornerNet's radius allows; where they meet the highest counts.

    Attributes:
        overlap: As of `GaussianTarget`.

    Raises:
        LockonError: If `overlap` is out of its range.
    """

    overlap: float = 0.7

    def __post_init__(self) -> None:
        check_field(self, "overlap", 0 < self.overlap < 1, "between 0 and 1")

    def __call__(self, x: LossInput) -> tuple[Tensor, Tensor]:
        """Return the Gaussians."""
        cells, sides, _ = _in_cells(x)
        radius = cornernet_radius(sides, self.overlap)  # (B,)
        target = x.positive.to(sides.dtype)
        image, place = x.positive.nonzero(as_tuple=True)
        if len(image):
            each = gaussian(cells, cells[place][:, None], radius[image][:, None])[:, 0]  # (P, N)
            target = target.scatter_reduce(0, image[:, None].expand_as(each), each, "amax")  # (B, N)
        return target, x.positive


@dataclass(frozen=True, kw_only=True)
class GaussianFocal(Loss):
    """Focal loss of the scores against soft targets; candidates that the assigner ignores (labels below 0) count nothing.

    Attributes:
        target: What the candidates are to score.
        power: The papers' alpha, the exponent of a score's distance from 1 or 0.
        soft_power: The papers' beta, the exponent of the negatives' 1 - target.
        divide_by: The sum is divided by the number of "positives" of the batch, at least 1, or left alone ("none").
        clamp: Scores end this far from 0 and 1, where they give no more gradient.

    Raises:
        LockonError: If a number is out of its range.
    """

    target: GaussianTarget | OneHotTarget | PositivesGaussian = GaussianTarget()
    power: float = 2.0
    soft_power: float = 4.0
    divide_by: Literal["positives", "none"] = "positives"
    clamp: float = 1e-4

    def __post_init__(self) -> None:
        Loss.__post_init__(self)
        for name in ("power", "soft_power"):
            check_field(self, name, 0 <= getattr(self, name) < math.inf, "0 or more")
        check_field(self, "clamp", 0 < self.clamp < 0.5, "above 0 and below 0.5")

    def __call__(self, x: LossInput) -> Tensor:
        """Compute the sum over the candidates that count, divided as `divide_by` says."""
        probability = x.probability.clamp(self.clamp, 1 - self.clamp)
        target, positive = self.target(x)
        counts = x.targets.labels >= 0  # (B, N)
        positive = positive & counts
        loss = torch.where(counts, gaussian_focal(probability, target, positive, alpha=self.power, beta=self.soft_power), 0.0).sum()
        return loss / positive.sum().clamp(min=1) if self.divide_by == "positives" else loss


def gaussian_focal(probability: Tensor, target: Tensor, positive: Tensor, *, alpha: float = 2.0, beta: float = 4.0) -> Tensor:
    """Compute -(1 - p)^alpha ln p of positives and -(1 - t)^beta p^alpha ln(1 - p) of the others, per element.

    Args:
        probability: Scores p, any shape, strictly between 0 and 1.
        target: The same shape, t in [0, 1].
        positive: The same shape, bool.
        alpha: Exponent of the score's distance from the target.
        beta: Exponent of 1 - t.

    Returns:
        Losses >= 0 of the same shape, with gradient to `probability`.
    """
    hit = (1 - probability) ** alpha * probability.log()
    miss = (1 - target) ** beta * probability**alpha * (1 - probability).log()
    return -torch.where(positive, hit, miss)


def cornernet_radius(sides: Tensor, overlap: float = 0.7) -> Tensor:
    """Return how many whole cells the corners of a box may be moved, as CornerNet's published code computes it.

    The three cases (both corners inwards, both outwards, one each) are quadratic equations whose larger root the code divides by 2 and
    not by twice the leading coefficient; every tracker that took its code over has these radii.

    Args:
        sides: (..., 2) widths and heights in cells, not negative.
        overlap: IoU that the moved box is to keep at least.

    Returns:
        (...) whole numbers of the sides' type, 0 or more.
    """
    total, area = sides.sum(-1), sides.prod(-1)
    cases = (
        (1.0, total, area * (1 - overlap) / (1 + overlap)),
        (4.0, 2 * total, (1 - overlap) * area),
        (4 * overlap, -2 * overlap * total, (overlap - 1) * area),
    )
    roots = [(b + (b * b - 4 * a * c).clamp(min=0).sqrt()) / 2 for a, b, c in cases]
    return torch.stack(roots).amin(0).floor().clamp(min=0)


def gaussian(cells: Tensor, peak: Tensor, radius: Tensor) -> Tensor:
    """Compute exp(-d^2 / 2 sigma^2) around peaks, 0 where a coordinate is more than the radius away; sigma = (2 radius + 1) / 6.

    Args:
        cells: (N, 2) columns and rows.
        peak: (..., 2) columns and rows.
        radius: (...) in cells.

    Returns:
        (..., N) in [0, 1]; exactly 1 at a peak.
    """
    offset = cells - peak[..., None, :]  # (..., N, 2)
    sigma = (2 * radius[..., None] + 1) / 6
    value = torch.exp(-offset.square().sum(-1) / (2 * sigma * sigma))
    return torch.where((offset.abs() <= radius[..., None, None]).all(-1), value, 0.0)


def _in_cells(x: LossInput) -> tuple[Tensor, Tensor, Tensor]:
    """Return the candidates' (N, 2) columns and rows from 0, the boxes' (B, 2) sides in cells, and the first point (2,) in cells."""
    points = x.candidates.points / x.candidates.stride  # (N, 2)
    first = points.amin(0)
    return (points - first).round(), corner_to_center(x.targets.boxes)[:, 2:].clamp(min=0) / x.candidates.stride, first


__all__ = [
    "GaussianFocal",
    "GaussianTarget",
    "OneHotTarget",
    "PositivesGaussian",
    "SoftTarget",
    "cornernet_radius",
    "gaussian",
    "gaussian_focal",
]
