"""`RefineTask`: what a refiner learns from reference and search crops: the target's corners, and its mask where that is known.

Yan et al., Alpha-Refine, CVPR 2021 (arXiv 2012.06815), Eq. 5; the other box losses are ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lockon.errors import LockonError
from lockon.models.refiner import RefinerModel
from lockon.ops.torch.boxes import iou
from lockon.train.crops import as_images
from lockon.train.losses.iou import IoULoss, iou_loss
from lockon.train.losses.masks import mask_iou
from lockon.train.losses.refinement import confidence_loss, corner_error, mask_cross_entropy
from lockon.types import Prediction

_WEIGHTS = ("mse_weight", "l1_weight", "iou_weight", "mask_weight", "confidence_weight")


@dataclass(frozen=True, kw_only=True, slots=True)
class RefineLossConfig:
    """Weights of the terms; the defaults are those of Eq. 5.

    Attributes:
        mse_weight: of the mean squared error of the corners in crop pixels.
        l1_weight: of their mean absolute error in sides of the crop.
        iou_weight, iou: of an overlap loss, and which one.
        mask_weight: of the masks' cross entropy; 0 leaves a mask head untrained.
        confidence_weight: of the confidence of heads that have one in every cell; 0, as published, leaves it untrained.

    Raises:
        LockonError: a weight below 0, or nothing that teaches the box.
    """

    mse_weight: float = 1.0
    l1_weight: float = 0.0
    iou_weight: float = 0.0
    iou: IoULoss = "giou"
    mask_weight: float = 1000.0
    confidence_weight: float = 0.0

    def __post_init__(self) -> None:
        for name in _WEIGHTS:
            if not 0 <= getattr(self, name) < math.inf:
                raise LockonError(f"{name} must be 0 or more, got {getattr(self, name)!r}")
        if not self.mse_weight + self.l1_weight + self.iou_weight:
            raise LockonError("no loss on the box: set one of mse_weight, l1_weight and iou_weight above 0, for example mse_weight=1")


class RefineTask:
    """Loss of a `RefinerModel`.

    Args:
        module: the model. config: weights.

    Raises:
        LockonError: a weight for the confidence of a head that has none.
    """

    def __init__(self, module: RefinerModel, config: RefineLossConfig) -> None:
        self.module: RefinerModel = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # how the crops come
        self.config = config
        if config.confidence_weight and not hasattr(module.head, "confidence"):
            raise LockonError(
                f"confidence_weight={config.confidence_weight} given for a head without confidences; set it to 0, or model.head=rpn"
            )

    def loss(self, batch: dict[str, Any]) -> dict[str, Tensor]:
        """Losses of one batch.

        Args:
            batch: template and search (B, S, S, 3) uint8 RGB crops; template_box and box (B, 4) float32 xyxy truth in crop pixels; where
                there are masks also mask (B, S, S), nonzero on the target, and has_mask (B,) bool, False where it is not known.

        Returns:
            Scalars: "loss", the weighted total; unweighted "mse", "l1", "giou" (or whichever overlap loss), "confidence" and "mask" as
            far as they are in use; figures to watch, without gradient: "iou", the mean overlap of the boxes with the truth, "given", that
            of the middle halves of the crops, which are what is refined, and with masks "mask_iou".
        """
        c, module = self.config, self.module
        device = next(module.parameters()).device
        template, search = (as_images(batch[name], device) for name in ("template", "search"))
        prediction: Prediction = module(module.encode(template, batch["template_box"].to(device)), search)
        masked = module.mask_head is not None and c.mask_weight > 0 and "mask" in batch
        masks = self._masks(prediction, batch["mask"].to(device), batch["has_mask"].to(device)) if masked else None
        with torch.autocast(device_type=device.type, enabled=False):
            truth = batch["box"].to(device)
            terms = self._boxes(prediction, truth)
            if masks is not None:
                terms["mask"] = c.mask_weight, mask_cross_entropy(*masks)
            losses = {name: value for name, (_, value) in terms.items()}
            total = torch.stack([weight * value for weight, value in terms.values()]).sum()
            return {"loss": total, **losses, **_figures(prediction.boxes[:, 0].detach(), truth, module.target, masks)}

    def _boxes(self, prediction: Prediction, truth: Tensor) -> dict[str, tuple[float, Tensor]]:
        """Weight and value of the terms on boxes, as far as they are in use."""
        c, boxes = self.config, prediction.boxes[:, 0]  # (B, 4)
        terms: dict[str, tuple[float, Tensor]] = {}
        if c.mse_weight:
            terms["mse"] = c.mse_weight, corner_error(boxes, truth)
        if c.l1_weight:
            terms["l1"] = c.l1_weight, (boxes - truth).abs().mean() / self.module.search_size
        if c.iou_weight:
            terms[c.iou] = c.iou_weight, iou_loss(boxes, truth, c.iou).mean()
        if c.confidence_weight:
            terms["confidence"] = c.confidence_weight, confidence_loss(prediction.extras["confidence"], truth, self.module.stride)
        return terms

    def _masks(self, prediction: Prediction, truth: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """(K, S, S) logits in float32 and truth of the samples whose mask is known."""
        if not known.any():  # one mask is made all the same, for gradients of 0: every process must have them for every weight
            some = self.module.mask_logits({name: prediction.extras[name][:1] for name in self.module.mask_inputs})
            return (some.float() * 0)[:0], truth[:0]
        extras = {name: prediction.extras[name][known] for name in self.module.mask_inputs}
        return self.module.mask_logits(extras).float(), truth[known]


def _figures(boxes: Tensor, truth: Tensor, given: Tensor, masks: tuple[Tensor, Tensor] | None) -> dict[str, Tensor]:
    """What is worth watching, without gradient."""
    found = {"iou": iou(boxes, truth).mean(), "given": iou(given, truth).mean()}
    if masks is not None:
        found["mask_iou"] = mask_iou(masks[0].detach(), masks[1].float()).sum() / max(len(masks[1]), 1)
    return found


__all__ = ["RefineLossConfig", "RefineTask"]
