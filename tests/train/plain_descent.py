"""DiMP's and PrDiMP's steepest descent written plainly, one sequence at a time with torch's unfolding.

Bhat et al., ICCV 2019, Eq. 3-7 and Sec. 3.4; Danelljan et al., CVPR 2020, Sec. 4.3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from lockon.models.online import BIN, BINS, STRIDE, DescentParameters

SIGMA = 0.9  # cells, of PrDiMP's density


@dataclass(frozen=True)
class PlainTruth:
    """Features (B, M, C, h, h) and boxes (B, M, 4) x1, y1, x2, y2."""

    features: Tensor
    boxes: Tensor

    def density(self, side: int) -> Tensor:
        """(B, M, S, S) of the centres."""
        centers = (self.boxes[..., :2] + self.boxes[..., 2:]) / 2 / STRIDE
        near = torch.exp(-0.5 * ((torch.arange(side) - centers[..., None]) / SIGMA) ** 2) / (SIGMA * (2 * torch.pi) ** 0.5)
        density = near[..., 1, :, None] * near[..., 0, None, :]
        return density / (density.sum((-2, -1), keepdim=True) + 1e-8)


def distance_maps(parameters: DescentParameters, boxes: Tensor, side: int) -> list[Tensor]:
    """(M, S, S) label, mask and spatial weight around the centres of (M, 4) boxes: linear between bins of the distance."""
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2 / STRIDE  # (M, 2) x, y in cells
    grid = torch.arange(side, dtype=boxes.dtype)
    dx, dy = grid[None, None, :] - centers[:, 0, None, None], grid[None, :, None] - centers[:, 1, None, None]
    radius = torch.sqrt(dx**2 + dy**2)[..., None] / BIN  # (M, S, S, 1)
    bins = torch.arange(BINS, dtype=boxes.dtype)
    basis = (1 - (radius - bins).abs()).clamp(min=0)
    basis = torch.cat([basis[..., :-1], (1 + radius - bins[-1:]).clamp(0, 1)], dim=-1)
    learned = (parameters.label_map, parameters.target_mask, parameters.spatial_weight)
    label, mask, weight = (basis @ values.flatten() for values in learned if values is not None)
    return [label, torch.sigmoid(mask), weight]


def plain_descent(parameters: DescentParameters, truth: PlainTruth, start: Tensor) -> list[Tensor]:
    """DiMP's six iterates (B, C, K, K), the start first."""
    return _batched([_hinge(parameters, *one) for one in zip(truth.features, truth.boxes, start, strict=True)])


def plain_newton(parameters: DescentParameters, truth: PlainTruth, start: Tensor) -> list[Tensor]:
    """PrDiMP's six iterates (B, C, K, K), the start first."""
    density = truth.density(truth.features.shape[-1] + 1)
    return _batched([_newton(parameters, *one) for one in zip(truth.features, density, start, strict=True)])


def _hinge(parameters: DescentParameters, features: Tensor, boxes: Tensor, start: Tensor) -> list[Tensor]:
    label, mask, spatial = distance_maps(parameters, boxes, features.shape[-1] + 1)
    weight = spatial / len(features) ** 0.5
    decay = (parameters.filter_reg**2).clamp(min=1e-6)
    copies = F.unfold(features, 4, padding=2)  # (M, C K K, S S)

    def step(f: Tensor) -> tuple[Tensor, Tensor]:
        scores = torch.einsum("mcs,c->ms", copies, f).view_as(label)
        residual = weight * ((1 - mask) / 2 * scores.abs() + (1 + mask) / 2 * scores - label)
        slope = weight * ((1 - mask) / 2 * torch.sign(scores.detach()) + (1 + mask) / 2)
        g = torch.einsum("mcs,ms->c", copies, (slope * residual).flatten(1)) + decay * f
        moved = slope.flatten(1) * torch.einsum("mcs,c->ms", copies, g)
        return g, moved.square().sum() + decay * g.square().sum()

    return _iterates(step, start, parameters.log_step_length.exp())


def _newton(parameters: DescentParameters, features: Tensor, density: Tensor, start: Tensor) -> list[Tensor]:
    decay = (parameters.filter_reg**2).clamp(min=0.05**2)
    copies = F.unfold(features, 4, padding=2)  # (M, C K K, S S)

    def step(f: Tensor) -> tuple[Tensor, Tensor]:
        softmax = torch.einsum("mcs,c->ms", copies, f).softmax(-1)
        g = torch.einsum("mcs,ms->c", copies, softmax - density.flatten(1)) / len(density) + decay * f
        moved = torch.einsum("mcs,c->ms", copies, g)
        product = softmax * moved - softmax * (softmax * moved).sum(-1, keepdim=True)
        return g, (moved * product).sum(-1).clamp(min=0).mean() + (decay + 0.05) * g.square().sum()

    return _iterates(step, start, parameters.log_step_length.exp())


def _iterates(step: Callable[[Tensor], tuple[Tensor, Tensor]], start: Tensor, factor: Tensor) -> list[Tensor]:
    iterates = [start]
    for _ in range(5):
        g, curvature = step(iterates[-1].flatten())
        iterates.append(iterates[-1] - (factor * g.square().sum() / curvature.clamp(min=1e-8) * g).view_as(start))
    return iterates


def _batched(each: list[list[Tensor]]) -> list[Tensor]:
    return [torch.stack(iterate) for iterate in zip(*each, strict=True)]
