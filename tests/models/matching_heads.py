"""The heads that match levels of features themselves, small, and a network around each."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lockon.models.heads.attention import AttentionHead
from lockon.models.heads.ban import BANHead
from lockon.models.heads.car import CARHead
from lockon.models.heads.rpn import RPNHead
from lockon.models.neck import LevelNeck
from lockon.models.siamese import SiameseModel
from lockon.ops.grid import AnchorGrid, Grid

CHANNELS = 8
TEMPLATE, SEARCH = 7, 15  # cells
LEVELLED = ("rpn", "rpn-up", "ban", "attention")  # with a part of the head for each level
KINDS = (*LEVELLED, "centerness", "localization")


def make_head(kind: str, levels: int = 2, *, padding: bool = False, cells: int = TEMPLATE) -> nn.Module:
    """15 search cells give 9 x 9 points for 7 template cells, or 15 x 15 with padding, 8 pixels apart."""
    size = SEARCH if padding else SEARCH - 6 if kind == "attention" else SEARCH - cells + 1
    grid = Grid(size, 8, offset=63 - 4 * size)
    anchors = AnchorGrid(grid, ratios=(0.5, 1, 2), scales=(4,))
    if kind == "rpn":
        return RPNHead(levels, CHANNELS, anchors, padding=padding)
    if kind == "rpn-up":
        return RPNHead(levels, CHANNELS, anchors, padding=padding, matching="up-channel")
    if kind == "ban":
        return BANHead(levels, CHANNELS, grid, padding=padding, unit=8)
    if kind in ("centerness", "localization"):
        return CARHead(levels, CHANNELS, grid, branch=kind, padding=padding, unit=8)
    return AttentionHead(levels, CHANNELS, grid, padding=padding, unit=8)


def make_levels(levels: int = 2, batch: int = 2, seed: int = 0) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Template (B, C, 7, 7) and search (B, C, 15, 15) features of every level."""
    generator = torch.Generator().manual_seed(seed)

    def maps(cells: int) -> tuple[Tensor, ...]:
        return tuple(torch.randn(batch, CHANNELS, cells, cells, generator=generator) for _ in range(levels))

    return maps(TEMPLATE), maps(SEARCH)


class _Backbone(nn.Module):
    """Two levels at stride 8, without padding: 127 pixels give 15 cells, 63 pixels give 7."""

    channels = (6, 10)

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 6, 15, 8, bias=False), nn.BatchNorm2d(6), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(6, 10, 3, padding=1, bias=False), nn.BatchNorm2d(10), nn.ReLU())

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        first = self.first(image / 127.5 - 1)
        return first, self.second(first)


def make_network(kind: str, template_cells: int | None = None) -> SiameseModel:
    """A network in evaluation mode whose outputs move with the image, as a trained one's do."""
    torch.manual_seed(0)
    size = 63 if template_cells is None else 127
    model = SiameseModel(
        backbone=_Backbone(),
        neck=LevelNeck(_Backbone.channels, CHANNELS),
        head=make_head(kind, cells=template_cells or TEMPLATE),
        template_size=size,
        search_size=127,
        template_cells=template_cells,
    )
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.1)
            layer.running_var.uniform_(0.5, 2)
        elif isinstance(layer, nn.Conv2d):  # layers of towers start too small to say anything
            nn.init.kaiming_uniform_(layer.weight, a=1)
    return model.eval()
