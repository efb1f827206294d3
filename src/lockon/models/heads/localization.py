"""The localization branch of SiamLA: the fit of each candidate's box, read from the features at its own centre and corners.

Nie et al., "Learning Localization-aware Target Confidence for Siamese Visual Tracking" (SiamLA), Sec. III-D, Eq. 8-9, Fig. 5-6. No code was
ever released, and the paper leaves much open: each choice is a field of `LocalizationConfig`.

Letters: B targets, C channels, S cells per side of the map, N = S², L levels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from lockon.errors import LockonError
from lockon.models.fusion import attend
from lockon.models.heads.blocks import group_norm, group_tower, init_small
from lockon.ops.grid import Grid
from lockon.ops.torch.bilinear import sample_bilinear


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalizationConfig:
    """Configuration of the branch: what the paper states, and what it leaves open.

    Attributes:
        non_local: The localization-aware non-local block (Eq. 9); without it Table VI's second row.
        aggregation: Features of the five points of each box (Fig. 5); without it each location has its own alone, Table VI's third row.
        order: Order of the two. The text names aggregation first and then states that the non-local block strengthens the
            features at the corners, which it can only before they are read.
        source: The branch's input: the fused map, or the output of the box tower, which the branch then trains too.
        depth: Number of 3x3 convolutions with group normalization and ReLU before both blocks, as the other branches have 4; 0: none.
        normalize: With depth 0, a group normalization in their place. The fused map has no scale of its own, and the softmax of large
            products selects one cell only. The paper does not mention it.
        position: Add the embedding of the correlation (Eq. 8) to queries and keys; without it a plain non-local block.
        levels: Correlation in Eq. 8: "sum": one map of all levels; "separate": one each, weighed by the embedding.
        inner: Channels of queries, keys and values; None: half of C.
        scaled: Divide the products of queries and keys by sqrt(inner); Eq. 9 does not.
        center: The first of the five points: the centre of the box, or the location that predicts it.
        fuse: Fusion of the five vectors: "concat": side by side, then a 1x1 convolution to C channels and a ReLU; "sum": their sum.

    Raises:
        LockonError: A negative depth, or fewer than one inner channel.
    """

    non_local: bool = True
    aggregation: bool = True
    order: Literal["non-local-first", "aggregation-first"] = "non-local-first"
    source: Literal["fused", "box-tower"] = "fused"
    depth: int = 0
    normalize: bool = True
    position: bool = True
    levels: Literal["sum", "separate"] = "sum"
    inner: int | None = None
    scaled: bool = False
    center: Literal["box", "location"] = "box"
    fuse: Literal["concat", "sum"] = "concat"

    def __post_init__(self) -> None:
        if self.depth < 0:
            raise LockonError(f"depth={self.depth} given, expected at least 0, for example depth=4")
        if self.inner is not None and self.inner < 1:
            raise LockonError(f"inner={self.inner} given, expected at least 1, or none for half of the channels")


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


__all__ = ["FivePointAggregation", "LocalizationBranch", "LocalizationConfig", "NonLocalBlock"]
