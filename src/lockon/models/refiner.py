"""Alpha-Refine: a small Siamese network that sharpens the box of any tracker, and makes a mask on request.

Yan et al., CVPR 2021 (arXiv 2012.06815), Sec. 3.1 and Fig. 2. Reference and search crop are the target and as much around it, twice its
width and twice its height, stretched to a square. Holds no state between calls.

Letters: B targets, C channels, h cells per side of the reference, S of the search map.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from lockon.models.choices import Reference
from lockon.models.heads.segmentation import MaskDecoder
from lockon.models.refiner_fusion import RefinerFusion
from lockon.models.siamese import center_crop
from lockon.ops.torch.prroi import prroi_pool
from lockon.types import Prediction, Template


class RefinerModel(nn.Module):
    """Refiner network: `encode` once per target, then call with each search crop; `mask` only where masks are needed.

    Args:
        backbone: Has `features` of (B, 3, H, W) RGB 0..255 by name; normalizes its input itself.
        fusion: Reference and search features to one map.
        head: That map to a `Prediction` of one candidate per crop.
        mask_head: None for a network without masks.
        size: Side of both crops in pixels.
        reference_cells: h: the target's own part of the reference features, half of the map per side.
        reference: "crop": cut from the middle of the map, as in the released network; "prroi": pooled from the target's box, as in
            earlier ones.
        level: Name of the features that are matched.
        taps: Names of the features that masks are refined with, at strides 2, 4, 8.
        stride: Stride of `level`.

    Attributes:
        template_size: Side of the reference crop in pixels.
        search_size: Side of the search crop in pixels.
        mask_inputs: Names of the extras that `mask` takes; empty without a mask head.
    """

    target: Tensor

    def __init__(
        self,
        *,
        backbone: nn.Module,
        fusion: RefinerFusion,
        head: nn.Module,
        mask_head: MaskDecoder | None = None,
        size: int = 256,
        reference_cells: int = 8,
        reference: Reference = "crop",
        level: str = "layer3",
        taps: tuple[str, str, str] = ("stem", "layer1", "layer2"),
        stride: int = 16,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.fusion = fusion
        self.head = head
        self.mask_head = mask_head
        self.template_size = self.search_size = size
        self.reference_cells = reference_cells
        self.reference = reference
        self.level = level
        self.taps = taps
        self.stride = stride
        self.mask_inputs = () if mask_head is None else ("matched", *taps)
        self.register_buffer("target", torch.tensor([[0.25, 0.25, 0.75, 0.75]]) * size, persistent=False)  # (1, 4), in the middle

    def encode(self, image: Tensor, boxes: Tensor | None = None) -> Template:
        """Encode the features of the target.

        Args:
            image: (B, 3, size, size) RGB 0..255 reference crops.
            boxes: (B, 4) x1, y1, x2, y2 of the targets in crop pixels, which matter for "prroi" alone; None: the middle half, their
                position but for the rounding of the crop.
        """
        features: Tensor = self._features(image)[self.level]
        if self.reference == "crop":
            return Template((center_crop(features, self.reference_cells),))
        targets = self.target.expand(image.shape[0], 4) if boxes is None else boxes
        return Template((prroi_pool(features, targets[:, None], size=self.reference_cells, scale=1 / self.stride)[:, 0],))

    def forward(self, template: Template, image: Tensor) -> Prediction:
        """Predict one candidate for each of B encoded targets in (B, 3, size, size) RGB 0..255 search crops.

        Its box may have negative sides where the network is unsure; its logit is 0 for heads that have no confidence. Extras: those of
        the head, which losses need, and `mask_inputs`.
        """
        stages = self._features(image)
        matched = self.fusion(template.features[0], stages[self.level])
        prediction: Prediction = self.head(matched)
        inputs = {name: matched if name == "matched" else stages[name] for name in self.mask_inputs}
        return replace(prediction, extras={**prediction.extras, **inputs})

    def mask(self, extras: Mapping[str, Tensor], index: Tensor | None = None) -> Tensor:
        """Compute (B, size, size) probabilities of the target in the search crops of some `Prediction.extras`.

        Args:
            extras: Extras of the prediction.
            index: (B,) number of the chosen candidate, which is ignored: there is a single one.
        """
        return self.mask_logits(extras).sigmoid()

    def mask_logits(self, extras: Mapping[str, Tensor]) -> Tensor:
        """Compute masks as `mask` does, before the sigmoid: for the loss.

        Args:
            extras: Extras of the prediction.

        Raises:
            TypeError: A network without a mask head.
        """
        if self.mask_head is None:
            raise TypeError("this refiner was built without a mask head")
        first, second, third = (extras[name] for name in self.taps)
        logits: Tensor = self.mask_head(extras["matched"], (first, second, third))
        return logits

    def _features(self, image: Tensor) -> dict[str, Tensor]:
        backbone: Any = self.backbone
        stages: dict[str, Tensor] = backbone.features(image)
        return stages
