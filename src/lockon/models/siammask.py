"""The SiamMask network: a Siamese tracker whose chosen candidate also has a mask (Wang et al., CVPR 2019, arXiv 1812.05050).

Boxes come from the anchor head alone, masks from the candidate's cell; nothing of the mask feeds back. The heavy last layers of the
mask branches run at chosen cells only, after the choice: `forward` gives what they need in `Prediction.extras`, and `mask` is a
second call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from lockon.models.heads.mask import MaskHead, RefineHead
from lockon.models.siamese import SiameseModel
from lockon.types import Prediction, Template


class SiamMaskModel(SiameseModel):
    """`SiameseModel` with the two mask branches.

    Args:
        mask_head: The coarse branch, on the neck's last level.
        refine_head: The fine branch.
        **parts: Those of `SiameseModel`; the backbone also has `features` by the names "stem", "layer1" and so on, and `layers`.
    """

    mask_inputs = ("stem", "layer1", "layer2", "correlation")  # the extras that `mask` takes

    def __init__(self, *, mask_head: MaskHead, refine_head: RefineHead, **parts: Any) -> None:
        super().__init__(**parts)
        self.mask_head = mask_head
        self.refine_head = refine_head

    def forward(self, template: Template, search: Tensor) -> Prediction:
        """Match (B, 3, H, W) RGB 0..255 search crops with B encoded templates; extras as `mask_inputs`, each batch first."""
        backbone: Any = self.backbone
        stages: dict[str, Tensor] = backbone.features(search)
        levels: tuple[Tensor, ...] = self.neck(tuple(stages[f"layer{number}"] for number in backbone.layers))
        prediction: Prediction = self.head(template.features, levels)
        correlation = self.mask_head.match(template.features[-1], levels[-1])  # (B, C, S, S)
        inputs = {name: correlation if name == "correlation" else stages[name] for name in self.mask_inputs}
        return replace(prediction, extras={**prediction.extras, **inputs})

    def mask(self, extras: Mapping[str, Tensor], index: Tensor) -> Tensor:
        """Compute the mask of one candidate per target.

        Args:
            extras: Extras of the prediction.
            index: (B,) number of the chosen candidate; all anchors of a cell share its mask.

        Returns:
            (B, 127, 127) probabilities, at the scale of the search crop; the patch of cell n begins at its pixel 8 n - 32.
        """
        size = extras["correlation"].shape[-1]
        cell = index % (size * size)
        image = torch.arange(index.shape[0], device=index.device)
        return self.fine(extras, image, cell // size, cell % size).sigmoid()

    def fine(self, extras: Mapping[str, Tensor], image: Tensor, row: Tensor, col: Tensor) -> Tensor:
        """Compute the (K, 127, 127) logits of K cells (K,) image, row, col."""
        levels = (extras["stem"], extras["layer1"], extras["layer2"])
        logits: Tensor = self.refine_head(extras["correlation"], levels, image, row, col)
        return logits

    def coarse(self, extras: Mapping[str, Tensor], image: Tensor, row: Tensor, col: Tensor) -> Tensor:
        """Compute the (K, 63, 63) logits of K cells, from which training refines the fine masks; trackers do not need them."""
        return self.mask_head.at(extras["correlation"], image, row, col)
