"""A network of DuML small enough to export in seconds."""

from __future__ import annotations

import math

import torch
from tiny_siamese import block
from torch import Tensor, nn

from lockon.models.dual_modal import DualModalModel, OnlineBranch
from lockon.models.heads.dual_modal import DualModalHead
from lockon.models.neck import LevelNeck
from lockon.models.online import DescentParameters, InstanceL2Norm
from lockon.ops.grid import AnchorGrid, Grid
from settled_networks import settle

CHANNELS = 16
TEMPLATE, SEARCH = 112, 128
ANCHORS = AnchorGrid(Grid(8, 16), scales=(4.0,))


class _Backbone(nn.Module):
    """Two levels at stride 16: 112 pixels give 7 cells, 128 give 8."""

    channels = (CHANNELS, CHANNELS)

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(block(3, 8, 2), block(8, 8, 2), block(8, 16, 2), block(16, CHANNELS, 2))
        self.second = block(CHANNELS, CHANNELS, 1)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        first = self.first(image / 127.5 - 1)
        return first, self.second(first)


def tiny_dual_modal(*, offline: bool = True, filters: int = 1) -> DualModalModel:
    """A network in evaluation mode whose outputs move with the image; 0 filters: it does not learn online."""
    torch.manual_seed(0)
    online: OnlineBranch | None = None
    if filters:
        numbers = DescentParameters(maps=True, label_sigma=1.0, log_step=0.0, regularization=0.1)
        online = OnlineBranch(2, numbers, InstanceL2Norm(math.sqrt(1 / (CHANNELS * 25))), shapes=filters)
    model = DualModalModel(
        backbone=_Backbone(),
        neck=LevelNeck(_Backbone.channels, CHANNELS),
        head=DualModalHead(2, CHANNELS, ANCHORS, ANCHORS if offline else None, padding=True),
        online=online,
        template_size=TEMPLATE,
        search_size=SEARCH,
    )
    settle(model)  # outputs that move with the image, as a trained network's do
    with torch.no_grad():
        for one in model.head.boxes:  # whose sides are exponentials
            one.out[-1].weight.mul_(0.1)
    return model.eval()
