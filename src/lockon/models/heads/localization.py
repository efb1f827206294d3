"""The localization branch of SiamLA: the fit of each candidate's box, read from the features at its own centre and corners.

Nie et al., "Learning Localization-aware Target Confidence for Siamese Visual Tracking" (SiamLA), Sec. III-D, Eq. 8-9, Fig. 5-6. No code was
ever released, and the paper leaves much open: each choice is a field of `LocalizationConfig`.

Letters: B targets, C channels, S cells per side of the map, N = S², L levels.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from lockon.models.choices import LocalizationConfig
from lockon.models.fusion import attend
from lockon.models.heads.blocks import group_norm, group_tower, init_small
from lockon.ops.grid import Grid
from lockon.ops.torch.bilinear import sample_bilinear


class NonLocalBlock(nn.Module):
    """Non-local block in which the position of the target shapes the attention between cells (Eq. 8-9).

    y = f(softmax(theta(x + p) phi(x + p)^T) value(x)) + x with p = e(correlation), all five being 1x1 convolutions.

    Args:
        channels: C.
        maps: Channels of the correlation that p is made of; 0: no p.
        inner: Channels of queries, keys and values; None: half of C.
        scaled: Divide the products of queries and keys by sqrt(inner).
    """

    def __init__(self, channels: int, *, maps: int, inner: int | None = None, scaled: bool = False) -> None:
        super().__init__()
        width = max(channels // 2, 1) if inner is None else inner
        self.scaled = scaled
        self.position = nn.Conv2d(maps, channels, 1) if maps else None  # e, from one map to C: the usual weights, not small ones
        self.query = nn.Conv2d(channels, width, 1)  # theta
        self.key = nn.Conv2d(channels, width, 1)  # phi
        self.value = nn.Conv2d(channels, width, 1)
        self.out = nn.Conv2d(width, channels, 1)  # f
        init_small(self.query, self.key, self.value, self.out)

    def forward(self, x: Tensor, correlation: Tensor) -> Tensor:
        """Map x (B, C, S, S) and the correlation (B, maps, S, S) to (B, C, S, S)."""
        located = x if self.position is None else x + self.position(correlation)
        gathered: Tensor = self.out(attend(self.query(located), self.key(located), self.value(x), scaled=self.scaled))
        return x + gathered


class FivePointAggregation(nn.Module):
    """Aggregation of features at each box's own centre, top left, top right, bottom right and bottom left (Fig. 5).

    Between cells features are bilinear; a point outside the map gets those of the nearest border.

    Args:
        channels: C.
        cells: Positions of the features' cells in the search crop, S per side.
        center: The first point, as `LocalizationConfig.center`.
        fuse: The fusion, as `LocalizationConfig.fuse`.
    """

    def __init__(
        self, channels: int, cells: Grid, *, center: Literal["box", "location"] = "box", fuse: Literal["concat", "sum"] = "concat"
    ) -> None:
        super().__init__()
        self.first = float(cells.points()[0, 0])  # pixels
        self.stride = cells.stride
        self.center = center
        self.mix = nn.Sequential(nn.Conv2d(5 * channels, channels, 1), nn.ReLU(inplace=True)) if fuse == "concat" else None
        if self.mix is not None:
            init_small(self.mix)

    def forward(self, features: Tensor, boxes: Tensor) -> Tensor:
        """Aggregate the features of every location's box; the boxes get no gradient.

        Args:
            features: (B, C, S, S).
            boxes: (B, N, 4) x1, y1, x2, y2 in search-crop pixels, row by row.

        Returns:
            (B, C, S, S).
        """
        corners = (boxes.detach() - self.first) / self.stride  # in cells
        x1, y1, x2, y2 = corners.unbind(-1)  # (B, N) each
        points = [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]
        if self.center == "box":
            points = [((x1 + x2) / 2, (y1 + y2) / 2), *points]
        positions = torch.stack([torch.stack(point, dim=-1) for point in points], dim=1)  # (B, 5, N, 2)
        sampled = sample_bilinear(features, positions.flatten(1, 2))  # (B, C, 5 N)
        maps = list(sampled.reshape(-1, features.shape[1], len(points), *features.shape[-2:]).unbind(2))  # (B, C, S, S) each
        maps = maps if self.center == "box" else [features, *maps]
        if self.mix is None:
            return torch.stack(maps).sum(0)
        mixed: Tensor = self.mix(torch.cat(maps, dim=1))
        return mixed


class LocalizationBranch(nn.Module):
    """Branch from features and boxes to one logit of each box's IoU.

    Args:
        channels: C.
        levels: L, of the matched features.
        cells: Positions of the features' cells, as `FivePointAggregation`.
        config: The choices.
    """

    def __init__(self, channels: int, levels: int, cells: Grid, config: LocalizationConfig) -> None:
        super().__init__()
        self.config = config
        self.maps = levels if config.levels == "separate" else 1
        self.tower: nn.Module = group_tower(channels, config.depth) if config.depth or not config.normalize else group_norm(channels)
        maps = self.maps if config.position else 0
        self.non_local = NonLocalBlock(channels, maps=maps, inner=config.inner, scaled=config.scaled) if config.non_local else None
        self.aggregation = FivePointAggregation(channels, cells, center=config.center, fuse=config.fuse) if config.aggregation else None
        self.out = nn.Conv2d(channels, 1, 3, padding=1)
        init_small(self.tower, self.out)

    def forward(self, features: Tensor, correlation: Tensor, boxes: Tensor) -> Tensor:
        """Compute the logits candidate by candidate, row by row.

        Args:
            features: (B, C, S, S), selected by `LocalizationConfig.source`.
            correlation: (B, L C, S, S): the depth-wise correlation of template and search, level by level, as mean products. Its
                mean over channels is the naive correlation of Eq. 8, divided by the number of its products.
            boxes: (B, N, 4) x1, y1, x2, y2 in search-crop pixels; they get no gradient.

        Returns:
            (B, N) logits, float32.
        """
        x: Tensor = self.tower(features)
        if self.config.order == "aggregation-first":
            x = self._relate(self._aggregate(x, boxes), correlation)
        else:
            x = self._aggregate(self._relate(x, correlation), boxes)
        logits: Tensor = self.out(x).flatten(1).float()
        return logits

    def _relate(self, x: Tensor, correlation: Tensor) -> Tensor:
        if self.non_local is None:
            return x
        by_map = correlation.reshape(-1, self.maps, correlation.shape[1] // self.maps, *correlation.shape[-2:])  # (B, maps, C', S, S)
        related: Tensor = self.non_local(x, by_map.mean(dim=2))
        return related

    def _aggregate(self, x: Tensor, boxes: Tensor) -> Tensor:
        if self.aggregation is None:
            return x
        aggregated: Tensor = self.aggregation(x, boxes)
        return aggregated


__all__ = ["FivePointAggregation", "LocalizationBranch", "NonLocalBlock"]
