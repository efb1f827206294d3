"""The head of SiamCAR: one map of all levels' correlations, and per-point classification, box distances and a quality.

Guo et al., SiamCAR, CVPR 2020 (arXiv 1911.07241), Sec. 3.2-3.3. The quality is the centre-ness of FCOS, from the classification
tower, or the localization branch of SiamLA in its place.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lockon.errors import LockonError
from lockon.models.choices import Branch, LocalizationConfig
from lockon.models.fusion import depthwise_correlation
from lockon.models.heads.blocks import LOG_LIMIT, PointGridHead, four_sides, group_tower, init_prior, init_small, two_class_logits
from lockon.models.heads.localization import LocalizationBranch
from lockon.ops.grid import Grid
from lockon.types import Prediction

TOWER = 4  # convolutions per task


class CARHead(PointGridHead):
    """Head from levels of template and search features to a `Prediction` of N = S² points, row by row.

    The levels are correlated channel by channel as they are, put side by side, and reduced by one 1x1 convolution.

    Args:
        levels: Number of levels.
        channels: C of each level, and of the head.
        grid: The points that distances count from, S per side.
        branch: The meaning of `Prediction.quality`: a logit of the centre-ness, one of the box's IoU, or nothing.
        localization: The choices of the branch "localization"; None: the defaults.
        depth: Convolutions per tower.
        padding: Maps keep the search map's size (for padded backbones), and correlations are mean products; otherwise template 7
            and search 31 cells give S = 25, and correlations are sums, as published.
        unit: Pixels per unit of the exponential: 1 as published, the stride where training starts from random weights.
        cells: Positions of the map's cells in the search crop, for the localization branch; None: those of the points. The
            published points lie one pixel right and below.

    Raises:
        LockonError: An unknown branch.
    """

    extras = ("distances",)

    def __init__(
        self,
        levels: int,
        channels: int,
        grid: Grid,
        *,
        branch: Branch = "centerness",
        localization: LocalizationConfig | None = None,
        depth: int = TOWER,
        padding: bool = False,
        unit: float = 1.0,
        cells: Grid | None = None,
    ) -> None:
        super().__init__(grid)
        if branch not in ("centerness", "localization", "none"):
            raise LockonError(f"branch={branch} given, expected centerness, localization or none, for example branch=centerness")
        self.branch = branch
        self.padding = padding
        self.unit = unit
        self.reduce = nn.Conv2d(levels * channels, channels, 1)
        self.cls_tower = group_tower(channels, depth)
        self.box_tower = group_tower(channels, depth)
        self.cls = nn.Conv2d(channels, 2, 3, padding=1)
        self.box = nn.Conv2d(channels, 4, 3, padding=1)
        init_small(self.cls_tower, self.box_tower, self.cls, self.box)
        init_prior(self.cls)
        # the branch last: the same seed gives the same other weights with every branch
        self.centerness = nn.Conv2d(channels, 1, 3, padding=1) if branch == "centerness" else None
        if self.centerness is not None:
            init_small(self.centerness)
        config = localization or LocalizationConfig()
        self.localization = LocalizationBranch(channels, levels, cells or grid, config) if branch == "localization" else None

    def match(self, template: tuple[Tensor, ...], search: tuple[Tensor, ...]) -> Tensor:
        """Correlate one (B, C, h, w) with one (B, C, H, W) per level to (B, L C, S, S), channel by channel, level by level."""
        pairs = zip(template, search, strict=True)
        return torch.cat([depthwise_correlation(z, x, valid=not self.padding) for z, x in pairs], dim=1)

    def maps(self, template: tuple[Tensor, ...], search: tuple[Tensor, ...]) -> tuple[Tensor, Tensor, Tensor | None]:
        """Compute the network's output after the exponential.

        Args:
            template: One (B, C, h, w) per level.
            search: One (B, C, H, W) per level.

        Returns:
            cls (B, 2, S, S): background and foreground. loc (B, 4, S, S): left, top, right, bottom in pixels, positive.
            quality (B, 1, S, S), or None without a branch.
        """
        correlation = self.match(template, search)
        fused = self.reduce(correlation)  # (B, C, S, S)
        by_class, by_box = self.cls_tower(fused), self.box_tower(fused)
        loc = torch.exp(self.box(by_box).float().clamp(max=LOG_LIMIT)) * self.unit
        quality: Tensor | None = None
        if self.centerness is not None:
            quality = self.centerness(by_class)
        elif self.localization is not None:
            source = fused if self.localization.config.source == "fused" else by_box
            cells = 1 if self.padding else template[0].shape[-2] * template[0].shape[-1]  # whose products are summed up
            logits = self.localization(source, correlation / cells, self.to_boxes(four_sides(loc)))
            quality = logits.view(-1, 1, *loc.shape[-2:])
        return self.cls(by_class), loc, quality

    def forward(self, template: tuple[Tensor, ...], search: tuple[Tensor, ...]) -> Prediction:
        """Map levels as in `maps` to `Prediction`; boxes in the grid's coordinates, `extras["distances"]` (B, N, 4) in pixels."""
        cls, loc, quality = self.maps(template, search)
        distances = four_sides(loc)  # (B, N, 4)
        return Prediction(
            logits=two_class_logits(cls),
            boxes=self.to_boxes(distances),
            quality=None if quality is None else quality.flatten(1).float(),
            extras={"distances": distances},
        )


__all__ = ["CARHead"]
