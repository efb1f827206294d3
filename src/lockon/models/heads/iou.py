"""`IoUNet`: how well each of some boxes fits the target of a reference crop, and which way to move it.

Danelljan et al., ATOM, CVPR 2019 (arXiv 1811.07628), Sec. 3.2 and Fig. 2; after IoU-Net, Jiang et al., ECCV 2018 (arXiv 1807.11590). The
target's look becomes two vectors that weigh the channels of the test crop's features, in which boxes are pooled exactly. ATOM and DiMP
train the score to 2 IoU - 1, PrDiMP to a log density up to a constant.

Letters: B targets, R boxes of each, C channels, P bins per side.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lockon.models.heads.blocks import conv_bn_relu, conv_tower
from lockon.ops.torch.prroi import prroi_pool, prroi_pool_with_jacobian

STRIDES = (8, 16)  # of the two levels
BINS = (5, 3)  # that a box is pooled to in each level of the test crop

Pair = tuple[Tensor, Tensor]  # one of each level, the finer first


class PooledLinear(nn.Module):
    """Fully connected layer, batch normalization and ReLU on pooled features: (B, R, C, P, P) to (B, R, out).

    Args:
        channels: C.
        bins: P.
        out: Width of the result.
    """

    def __init__(self, channels: int, bins: int, out: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels * bins * bins, out)
        self.bn = nn.BatchNorm2d(out)

    def forward(self, pooled: Tensor) -> Tensor:
        """Map (B, R, C, P, P) to (B, R, out); in training mode with the statistics of all B R boxes."""
        flat = self.linear(pooled.flatten(0, 1).flatten(1))  # (B R, out)
        normalized = self.bn(flat[..., None, None])[..., 0, 0]
        result: Tensor = normalized.relu().view(*pooled.shape[:2], -1)
        return result

    def value_and_slope(self, pooled: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Return the weighted sum of the outputs, and its derivative by the inputs, with the running statistics.

        Args:
            pooled: (B, R, C, P, P).
            weights: (out,) of the outputs.

        Returns:
            (B, R) and (B, R, C, P, P).
        """
        assert self.bn.running_mean is not None
        assert self.bn.running_var is not None
        gain = self.bn.weight * torch.rsqrt(self.bn.running_var + self.bn.eps)  # (out,)
        before = (self.linear(pooled.flatten(2)) - self.bn.running_mean) * gain + self.bn.bias  # (B, R, out)
        active = (before > 0).to(before.dtype)
        slope = torch.matmul(active * (weights * gain), self.linear.weight)  # (B, R, C P P)
        return (before * active * weights).sum(-1), slope.view_as(pooled)


class IoUNet(nn.Module):
    """Box network: `modulation` once per target, `features` once per crop, then scores of boxes.

    Args:
        low: Channels of the backbone's features of stride 8.
        high: Channels of those of stride 16.
        width: C; the finer reference features have half as many.
        hidden: Outputs of each fully connected layer.
    """

    def __init__(self, low: int, high: int, *, width: int = 256, hidden: int = 256) -> None:
        super().__init__()
        self.reference_low = conv_bn_relu(low, width // 2, 3, padding=1, bias=True)
        self.reference_high = conv_bn_relu(high, width, 3, padding=1, bias=True)
        self.reference_pooled = conv_bn_relu(width // 2, width, 3, bias=True)
        self.modulation_low = conv_bn_relu(2 * width, width, 1, bias=True)
        self.modulation_high = conv_bn_relu(2 * width, width, 1, bias=True)
        self.test_low = conv_tower(low, width, width)
        self.test_high = conv_tower(high, width, width)
        self.box_low = PooledLinear(width, BINS[0], hidden)
        self.box_high = PooledLinear(width, BINS[1], hidden)
        self.predictor = nn.Linear(2 * hidden, 1)
        for part in self.modules():
            if isinstance(part, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(part.weight)
                assert part.bias is not None
                nn.init.zeros_(part.bias)
            elif isinstance(part, nn.BatchNorm2d):
                nn.init.uniform_(part.weight)  # as published

    def modulation(self, taps: Pair, boxes: Tensor) -> Pair:
        """Encode the target as the weight of each channel.

        Args:
            taps: (B, low, H, W) and (B, high, H / 2, W / 2) backbone features of the reference crops.
            boxes: (B, 4) x1, y1, x2, y2 in crop pixels.

        Returns:
            (B, C) per level.
        """
        low = prroi_pool(self.reference_low(taps[0]), boxes[:, None], size=3, scale=1 / STRIDES[0])[:, 0]  # (B, 128, 3, 3)
        high = prroi_pool(self.reference_high(taps[1]), boxes[:, None], size=1, scale=1 / STRIDES[1])[:, 0]  # (B, C, 1, 1)
        both = torch.cat([self.reference_pooled(low), high], dim=1)  # (B, 2 C, 1, 1)
        return self.modulation_low(both).flatten(1), self.modulation_high(both).flatten(1)

    def features(self, taps: Pair) -> Pair:
        """Map backbone features, as `modulation` takes them, of test crops to (B, C, H, W) and (B, C, H / 2, W / 2)."""
        return self.test_low(taps[0]), self.test_high(taps[1])

    def forward(self, features: Pair, modulation: Pair, boxes: Tensor) -> Tensor:
        """Score boxes.

        Args:
            features: As `features` returns them.
            modulation: As `modulation` returns it.
            boxes: (B, R, 4) x1, y1, x2, y2 in crop pixels.

        Returns:
            (B, R).
        """
        parts = []
        for level, block in enumerate((self.box_low, self.box_high)):
            pooled = prroi_pool(features[level], boxes, size=BINS[level], scale=1 / STRIDES[level])  # (B, R, C, P, P)
            parts.append(block(pooled * modulation[level][:, None, :, None, None]))  # pooling leaves the channels apart
        scores: Tensor = self.predictor(torch.cat(parts, dim=-1))[..., 0]
        return scores

    def value_and_gradient(self, features: Pair, modulation: Pair, boxes: Tensor) -> tuple[Tensor, Tensor]:
        """Score boxes as `forward` does in evaluation mode, and derive each score by its box, in closed form.

        No automatic differentiation is needed, so that the whole can be exported as a graph.

        Args:
            features: As `features` returns them.
            modulation: As `modulation` returns it.
            boxes: (B, R, 4) x1, y1, x2, y2 in crop pixels.

        Returns:
            (B, R) scores, (B, R, 4) derivatives by x1, y1, x2, y2 per pixel.
        """
        scores, gradients = torch.zeros_like(boxes[..., 0]) + self.predictor.bias, torch.zeros_like(boxes)
        weights = self.predictor.weight[0].chunk(2)
        for level, block in enumerate((self.box_low, self.box_high)):
            pooled, jacobian = prroi_pool_with_jacobian(features[level], boxes, size=BINS[level], scale=1 / STRIDES[level])
            vector = modulation[level][:, None, :, None, None]  # (B, 1, C, 1, 1)
            value, slope = block.value_and_slope(pooled * vector, weights[level])
            scores = scores + value
            gradients = gradients + torch.matmul(jacobian.flatten(3), (slope * vector).flatten(2)[..., None])[..., 0]  # (B, R, 4)
        return scores, gradients


__all__ = ["BINS", "STRIDES", "IoUNet", "PooledLinear"]
