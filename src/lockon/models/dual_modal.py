"""The network of DuML: offline matching, and fused features on which a filter is learnt online. No state.

Zhou et al., Higher Performance Visual Tracking with Dual-Modal Localization (DuML), Sec. 3.2 and 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from lockon.models.heads.blocks import level_weights, mean_of_levels
from lockon.models.heads.dual_modal import DualModalHead
from lockon.models.online import DescentParameters
from lockon.models.siamese import SiameseModel, center_crop
from lockon.types import Prediction, Template

FILTER_SIZE = 5  # cells per side (Sec. 4)


class OnlineBranch(nn.Module):
    """What the online part (ONR or ONC) has of the network: the weights of the levels, a filter's start, the optimiser's numbers.

    Args:
        levels: Number of levels.
        optimizer: Trained numbers of the optimiser.
        norm: What scales the fused features, DiMP's `InstanceL2Norm`; None leaves them (the paper, which says that all is as in DiMP but
            what it states, states nothing here).
        shapes: A', filters per target: 1 (ONR, ONC-1s), or one per anchor (ONC-5s).
        filter_size: K.
        cells: The filter begins as the middle of the template's map, this many cells per side; the paper says "template feature adaptively
            pooled", not which part of the map.
    """

    def __init__(
        self,
        levels: int,
        optimizer: DescentParameters,
        norm: nn.Module | None,
        *,
        shapes: int = 1,
        filter_size: int = FILTER_SIZE,
        cells: int = 7,
    ) -> None:
        super().__init__()
        self.optimizer = optimizer
        self.norm = nn.Identity() if norm is None else norm
        self.shapes = shapes
        self.filter_size = filter_size
        self.cells = cells
        self.weight = level_weights(levels, weighted=True)

    def fuse(self, levels: Sequence[Tensor]) -> Tensor:
        """Map one (B, C, h, w) per level to their weighted sum (B, C, h, w), scaled (Eq. 3)."""
        fused: Tensor = self.norm(mean_of_levels(levels, self.weight))
        return fused

    def start(self, template: Tensor) -> Tensor:
        """Pool the (B, C, h, w) fused features of templates to filters (B, A', C, K, K), the same for each of A' (Appendix A)."""
        pooled = F.adaptive_avg_pool2d(center_crop(template, self.cells), self.filter_size)  # (B, C, K, K)
        return pooled[:, None].repeat(1, self.shapes, 1, 1, 1)


class DualModalModel(SiameseModel):
    """`SiameseModel` whose `Prediction` also has the features that a filter is learnt on.

    A `Template` is the levels that the head matches, and with an online part the start of the target's filters (B, A', C, K, K), last.

    Args:
        online: None for an offline tracker.
        **parts: Those of `SiameseModel` without a fusion; the head is a `DualModalHead`.

    Attributes:
        deployed_extras: Names of the `Prediction.extras` that an exported network hands on.
    """

    head: DualModalHead

    def __init__(self, *, online: OnlineBranch | None, **parts: Any) -> None:
        super().__init__(**parts)
        self.online = online
        self.deployed_extras = () if online is None else ("features",)

    @property
    def optimizer(self) -> DescentParameters | None:
        """The trained numbers of the optimiser; None without an online part."""
        return None if self.online is None else self.online.optimizer

    def encode(self, image: Tensor) -> Template:
        """Encode (B, 3, h, w) RGB 0..255 template crops."""
        return self.template(self.levels(image))

    def template(self, levels: Sequence[Tensor]) -> Template:
        """Make templates of the (B, C, h, w) levels of template crops, or of their mean over several crops of a target."""
        cut = levels if self.template_cells is None else [center_crop(level, self.template_cells) for level in levels]
        start = () if self.online is None else (self.online.start(self.online.fuse(levels)),)
        return Template((*cut, *start))

    def forward(self, template: Template, search: Tensor) -> Prediction:
        """Match (B, 3, H, W) RGB 0..255 search crops with B encoded templates; with an online part ``extras["features"]`` (B, C, h, w)."""
        levels = self.levels(search)
        prediction: Prediction = self.head(template.features[: len(levels)], levels)
        if self.online is None:
            return prediction
        return replace(prediction, extras={**prediction.extras, "features": self.online.fuse(levels)})


__all__ = ["FILTER_SIZE", "DualModalModel", "OnlineBranch"]
