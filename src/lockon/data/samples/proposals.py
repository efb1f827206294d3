"""Proposals: wrong boxes around a target that a box network learns to judge, with how wrong they are or how likely they were drawn.

Danelljan et al., ATOM, CVPR 2019, Sec. 3.1, teach the overlap of Gaussian proposals; Danelljan et al., PrDiMP, CVPR 2020, Sec. 4, a
density from proposals of a mixture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from lockon._config_values import check_range
from lockon.errors import LockonError
from lockon.ops.boxes import cxcywh_to_xyxy, iou_xyxy, xyxy_to_cxcywh
from lockon.types import FloatArray

MAX_DRAWS = 100
SHRINK = 0.9  # of the standard deviation, whenever a proposal overlaps too little

Pair = tuple[float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class GaussianProposals:
    """Boxes whose centre and sides are off by Gaussian numbers, and overlap the target (ATOM, DiMP).

    Centres and sides are whole pixels. A proposal that overlaps too little is drawn again with a smaller deviation, up to 100 times.

    Attributes:
        count: Proposals per crop.
        sigmas: Standard deviations in units of the target's sqrt(w h), of which each proposal takes one.
        min_iou: Least overlap with the target.

    Raises:
        LockonError: No proposal, no deviation or one that is not above 0, or an overlap outside 0 to 1.
    """

    count: int = 8
    sigmas: tuple[float, ...] = (0.01, 0.05, 0.1, 0.2, 0.3)
    min_iou: float = 0.1

    def __post_init__(self) -> None:
        check_range("count", self.count, 1)
        check_range("min_iou", self.min_iou, 0, 0.9)
        if not self.sigmas:
            raise LockonError("sigmas is empty; give one standard deviation or more, for example 0.05,0.1")
        for sigma in self.sigmas:
            check_range("sigmas", sigma, 0, 10, above=True)

    @property
    def arrays(self) -> tuple[str, ...]:
        """Return the names of the arrays that a sample has of these proposals."""
        return ("proposals", "proposal_iou")

    def __call__(self, rng: Generator, box_xyxy: FloatArray) -> dict[str, FloatArray]:
        """Draw proposals of one target.

        Returns:
            proposals (K, 4) xyxy in crop pixels, and proposal_iou (K,), their overlap with the target as 2 IoU - 1.
        """
        target = xyxy_to_cxcywh(box_xyxy)  # (4,)
        made = np.stack([self._draw(rng, target, box_xyxy) for _ in range(self.count)])  # (K, 4)
        return {"proposals": made.astype(np.float32), "proposal_iou": (2 * iou_xyxy(made, box_xyxy) - 1).astype(np.float32)}

    def _draw(self, rng: Generator, target: FloatArray, box_xyxy: FloatArray) -> FloatArray:
        sigma = self.sigmas[int(rng.integers(len(self.sigmas)))] * math.sqrt(target[2] * target[3])
        for _ in range(MAX_DRAWS):
            drawn = np.round(target + sigma * rng.standard_normal(4))  # (4,)
            box = cxcywh_to_xyxy(np.concatenate([drawn[:2], np.maximum(drawn[2:], 1.0)]))
            if iou_xyxy(box, box_xyxy) > self.min_iou:
                return box
            sigma *= SHRINK
        return np.asarray(box_xyxy, dtype=np.float64)  # after 100 shrinkings nothing else is left


@dataclass(frozen=True, kw_only=True, slots=True)
class MixtureProposals:
    """Boxes from a mixture of Gaussians in relative coordinates, with the densities that a Monte Carlo estimate needs (PrDiMP).

    Attributes:
        count: Proposals per crop.
        sigmas: Pairs of standard deviations, of the centre (in sides of the target) and of the logarithm of the sides; every pair has
            the same weight.
        truth_sigma: The same pair of the distribution that is learnt; zeros teach the target's own box alone, by `BoxLikelihood`.
        truth: The first proposal is the target's own box, which `BoxLikelihood` needs; its density is given as 0.

    Raises:
        LockonError: No proposal, no pair, or a deviation that is not above 0.
    """

    count: int = 128
    sigmas: tuple[Pair, ...] = ((0.05, 0.05), (0.5, 0.5))
    truth_sigma: Pair = (0.05, 0.05)
    truth: bool = False

    def __post_init__(self) -> None:
        check_range("count", self.count, 1 + self.truth)
        if not self.sigmas:
            raise LockonError("sigmas is empty; give pairs of standard deviations, for example (0.05,0.05),(0.5,0.5)")
        for sigma in (sigma for pair in self.sigmas for sigma in pair):
            check_range("sigmas", sigma, 0, 10, above=True)
        for sigma in self.truth_sigma:
            check_range("truth_sigma", sigma, 0, 10, above=any(self.truth_sigma))

    @property
    def arrays(self) -> tuple[str, ...]:
        """Return the names of the arrays that a sample has of these proposals."""
        return ("proposals", "proposal_density", "truth_density", *(("truth",) if self.truth else ()))

    def __call__(self, rng: Generator, box_xyxy: FloatArray) -> dict[str, FloatArray]:
        """Draw proposals of one target.

        Returns:
            proposals (K, 4) xyxy in crop pixels; proposal_density (K,), that of the mixture they are from; truth_density (K,), that of the
            distribution that is learnt. Both are densities of relative coordinates.
        """
        spreads = np.array(self.sigmas)[rng.integers(len(self.sigmas), size=self.count)]  # (K, 2)
        relative = rng.standard_normal((self.count, 4)) * np.repeat(spreads, 2, axis=1)  # (K, 4)
        density = mixture_density(relative, self.sigmas)
        if self.truth:
            relative[0], density[0] = 0.0, 0.0
        truth = mixture_density(relative, [self.truth_sigma]) if any(self.truth_sigma) else np.zeros(self.count)
        boxes = boxes_from_relative(relative, box_xyxy)
        named = {"proposals": boxes, "proposal_density": density, "truth_density": truth}
        return {name: values.astype(np.float32) for name, values in named.items()}


Proposals = GaussianProposals | MixtureProposals


def relative_boxes(boxes_xyxy: ArrayLike, reference_xyxy: ArrayLike) -> FloatArray:
    """Return (..., 4) relative coordinates: centre offsets over the reference's sides, logarithms of the ratios of the sides."""
    boxes, reference = xyxy_to_cxcywh(boxes_xyxy), xyxy_to_cxcywh(reference_xyxy)
    offset = (boxes[..., :2] - reference[..., :2]) / reference[..., 2:]
    return np.concatenate([offset, np.log(boxes[..., 2:] / reference[..., 2:])], axis=-1)


def boxes_from_relative(relative: ArrayLike, reference_xyxy: ArrayLike) -> FloatArray:
    """Return the (..., 4) xyxy boxes of relative coordinates, the inverse of `relative_boxes`."""
    offset, reference = np.asarray(relative, dtype=np.float64), xyxy_to_cxcywh(reference_xyxy)
    center = reference[..., :2] + offset[..., :2] * reference[..., 2:]
    return cxcywh_to_xyxy(np.concatenate([center, reference[..., 2:] * np.exp(offset[..., 2:])], axis=-1))


def mixture_density(relative: ArrayLike, sigmas: Sequence[Pair]) -> FloatArray:
    """Return the (...) densities of (..., 4) relative coordinates under an even mixture of Gaussians, see `MixtureProposals.sigmas`."""
    values = np.asarray(relative, dtype=np.float64)
    spreads = np.repeat(np.asarray(sigmas, dtype=np.float64), 2, axis=1)  # (P, 4)
    each = np.exp(-0.5 * (values[..., None, :] / spreads) ** 2) / (math.sqrt(2 * math.pi) * spreads)  # (..., P, 4)
    return np.asarray(each.prod(axis=-1).mean(axis=-1))


__all__ = ["GaussianProposals", "MixtureProposals", "Proposals", "boxes_from_relative", "mixture_density", "relative_boxes"]
