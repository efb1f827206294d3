"""Soft targets of score maps: what the candidates are to score, between 0 and 1.

Law and Deng, CornerNet, ECCV 2018 (arXiv 1808.01244), Sec. 3.2, as OSTrack (Ye et al., ECCV 2022) and RTrack (Zeng et al.) take them; DuML
(Zhou et al., Sec. 4) has a Gaussian as wide as a share of the search window.

Letters: B samples, N candidates.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from lockon._config_values import check_field
from lockon.ops.torch.boxes import corner_to_center
from lockon.train.losses.base import LossInput


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
class WindowGaussian(SoftTarget):
    """A Gaussian around the candidate nearest to the target's centre, of one width for targets of all sizes (DuML, Sec. 4).

    "centered at the target center with a variance set as a hyper-parameter according to the search window size", which the paper does not
    state. A peak outside the map is no candidate: such a sample has no positive.

    Attributes:
        sigma: Deviation in sides of the search crop. 1/16 is a quarter of a target that fills a quarter of the crop, as DiMP's labels are.

    Raises:
        LockonError: If `sigma` is out of its range.
    """

    sigma: float = 1 / 16

    def __post_init__(self) -> None:
        check_field(self, "sigma", 0 < self.sigma < 1, "between 0 and 1")

    def __call__(self, x: LossInput) -> tuple[Tensor, Tensor]:
        """Return the Gaussians; no sample without a target has one."""
        cells, _, first = _in_cells(x)
        peak = (corner_to_center(x.targets.boxes)[:, :2] / x.candidates.stride - first).round()  # (B, 2)
        offset = cells - peak[:, None]  # (B, N, 2)
        sigma = self.sigma * x.size / x.candidates.stride
        target = torch.exp(-offset.square().sum(-1) / (2 * sigma * sigma))  # (B, N)
        if x.targets.present is not None:
            target = target * x.targets.present[:, None]
        return target, target == 1


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
    "GaussianTarget",
    "OneHotTarget",
    "PositivesGaussian",
    "SoftTarget",
    "WindowGaussian",
    "cornernet_radius",
    "gaussian",
]
