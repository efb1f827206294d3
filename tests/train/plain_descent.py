"""DiMP's steepest descent written plainly, one sequence at a time with torch's convolutions (ICCV 2019, Eq. 3-7 and Sec. 3.4)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from lockon.models.online import BIN, BINS, STRIDE, DescentParameters


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


def plain_descent(parameters: DescentParameters, features: Tensor, boxes: Tensor, start: Tensor, steps: int = 5) -> list[Tensor]:
    """Every iterate (B, C, K, K), the start first, of features (B, M, C, h, h) and boxes (B, M, 4) x1, y1, x2, y2."""
    each = [_one(parameters, *one, steps) for one in zip(features, boxes, start, strict=True)]
    return [torch.stack(iterate) for iterate in zip(*each, strict=True)]


def _one(parameters: DescentParameters, features: Tensor, boxes: Tensor, start: Tensor, steps: int) -> list[Tensor]:
    def apply(f: Tensor) -> Tensor:
        return F.conv2d(features, f[None], padding=f.shape[-1] // 2)[:, 0]  # (M, S, S)

    label, mask, spatial = distance_maps(parameters, boxes, features.shape[-1] + 1)
    weight = spatial / len(features) ** 0.5
    decay = (parameters.filter_reg**2).clamp(min=1e-6)
    iterates = [start]
    for _ in range(steps):
        f = iterates[-1]
        scores = apply(f)
        residual = weight * ((1 - mask) / 2 * scores.abs() + (1 + mask) / 2 * scores - label)
        slope = weight * ((1 - mask) / 2 * torch.sign(scores.detach()) + (1 + mask) / 2)
        copies = F.unfold(features, f.shape[-1], padding=f.shape[-1] // 2)  # (M, C K K, S S)
        g = torch.einsum("mcs,ms->c", copies, (slope * residual).flatten(1)).view_as(f) + decay * f
        curvature = (slope * apply(g)).square().sum() + decay * g.square().sum()
        iterates.append(f - parameters.log_step_length.exp() * g.square().sum() / curvature.clamp(min=1e-8) * g)
    return iterates


def plain_newton(
    parameters: DescentParameters, features: Tensor, boxes: Tensor, start: Tensor, sigma: float, steps: int = 5
) -> list[Tensor]:
    """PrDiMP's iterates (CVPR 2020, Sec. 4.3), arguments as of `plain_descent`; sigma is the label density's, in cells."""
    each = [_one_newton(parameters, *one, sigma, steps) for one in zip(features, boxes, start, strict=True)]
    return [torch.stack(iterate) for iterate in zip(*each, strict=True)]


def _one_newton(parameters: DescentParameters, features: Tensor, boxes: Tensor, start: Tensor, sigma: float, steps: int) -> list[Tensor]:
    count, side, k = len(features), features.shape[-1] + 1, start.shape[-1]
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2 / STRIDE
    near = torch.exp(-0.5 * ((torch.arange(side, dtype=boxes.dtype) - centers[..., None]) / sigma) ** 2)  # (M, 2, S)
    density = near[:, 1, :, None] * near[:, 0, None, :]
    density = (density / (density.sum((1, 2), keepdim=True) + 1e-8)).flatten(1)  # (M, S S)
    copies = F.unfold(features, k, padding=k // 2)  # (M, C K K, S S)
    decay = (parameters.filter_reg**2).clamp(min=0.05**2)
    iterates = [start]
    for _ in range(steps):
        f = iterates[-1].flatten()
        softmax = torch.einsum("mcs,c->ms", copies, f).softmax(-1)
        g = torch.einsum("mcs,ms->c", copies, softmax - density) / count + decay * f
        moved = torch.einsum("mcs,c->ms", copies, g)
        product = softmax * moved - softmax * (softmax * moved).sum(-1, keepdim=True)
        curvature = (moved * product).sum(-1).clamp(min=0).mean() + (decay + 0.05) * g.square().sum()
        iterates.append((f - parameters.log_step_length.exp() * g.square().sum() / curvature.clamp(min=1e-8) * g).view_as(start))
    return iterates
