"""`RefineTask`: what a refiner learns from reference and search crops: the target's corners, and its mask where that is known.

Yan et al., Alpha-Refine, CVPR 2021 (arXiv 2012.06815), Eq. 5; the other box losses are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from lockon.errors import LockonError
from lockon.models.heads.protocols import Head
from lockon.models.refiner import RefinerModel
from lockon.ops.torch.boxes import iou
from lockon.train.crops import images_of
from lockon.train.losses.base import LossInput, Masks, active_terms, evaluate
from lockon.train.losses.iou import IoULoss
from lockon.train.losses.masks import mask_iou
from lockon.train.losses.refinement import ConfidenceLoss, CornerMSE, CropCornerL1, MaskCrossEntropy
from lockon.types import Candidates, Prediction, Targets


@dataclass(frozen=True, kw_only=True, slots=True)
class RefineLosses:
    """The terms of a refiner; the defaults are those of Eq. 5.

    Attributes:
        mse: Of the corners in crop pixels.
        l1: Of the corners in sides of the crop.
        overlap: Of the boxes.
        confidence: Of heads that have one in every cell; weight 0, as published, leaves it untrained.
        mask: Of the masks; weight 0 leaves a mask head untrained.

    Raises:
        LockonError: If nothing teaches the box.
    """

    mse: CornerMSE = CornerMSE()
    l1: CropCornerL1 = CropCornerL1(weight=0.0)
    overlap: IoULoss = IoULoss(kind="giou", weight=0.0)
    confidence: ConfidenceLoss = ConfidenceLoss(weight=0.0)
    mask: MaskCrossEntropy = MaskCrossEntropy(weight=1000.0)

    def __post_init__(self) -> None:
        if not self.mse.weight + self.l1.weight + self.overlap.weight:
            raise LockonError("no loss on the box: set mse.weight, l1.weight or overlap.weight above 0, for example mse.weight=1")


class RefineTask:
    """Loss of a `RefinerModel`.

    Args:
        module: The model.
        losses: The terms.

    Attributes:
        terms: Those whose weight is above 0, by name.

    Raises:
        LockonError: If there is a loss on the confidence of a head that has none.
    """

    def __init__(self, module: RefinerModel, losses: RefineLosses) -> None:
        self.module: RefinerModel = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # how the crops come
        self.terms = active_terms(losses, cast(Head, module.head).extras)

    def loss(self, batch: dict[str, Any]) -> dict[str, Tensor]:
        """Compute the losses of one batch.

        Args:
            batch: template and search (B, S, S, 3) uint8 RGB crops; template_box and box (B, 4) float32 x1, y1, x2, y2 truth in crop
                pixels; where there are masks also mask (B, S, S), nonzero on the target, and has_mask (B,) bool, False where it is not
                known.

        Returns:
            Scalars: "loss", the weighted total; the terms by name, without their weights; metrics to watch, without gradient: "iou", the
            mean overlap of the boxes with the truth, "given", that of the middle halves of the crops, which are what is refined, and with
            masks "mask_iou".
        """
        module = self.module
        device = next(module.parameters()).device
        template, search = images_of(batch, device)
        prediction: Prediction = module(module.encode(template, batch["template_box"].to(device)), search)
        masked = module.mask_head is not None and "mask" in self.terms and "mask" in batch
        masks = self._masks(prediction, batch["mask"].to(device), batch["has_mask"].to(device)) if masked else None
        with torch.autocast(device_type=device.type, enabled=False):
            truth = batch["box"].to(device)
            x = LossInput(
                prediction=prediction,
                targets=Targets(labels=torch.ones_like(prediction.logits), boxes=truth),
                candidates=Candidates(points=(module.target[:, :2] + module.target[:, 2:]) / 2, anchors=None, stride=module.stride),
                size=module.search_size,
                masks=masks,
            )
            metrics = _metrics(prediction.boxes[:, 0].detach(), truth, module.target, masks)
            return {**evaluate(self.terms, x), **metrics}

    def _masks(self, prediction: Prediction, truth: Tensor, known: Tensor) -> Masks:
        """Return (K, S, S) logits in float32 and truth of the samples whose mask is known."""
        if not known.any():  # one mask is made all the same, for gradients of 0: every process must have them for every weight
            some = self.module.mask_logits({name: prediction.extras[name][:1] for name in self.module.mask_inputs})
            return Masks(truth=truth[:0], fine=(some.float() * 0)[:0])
        extras = {name: prediction.extras[name][known] for name in self.module.mask_inputs}
        return Masks(truth=truth[known], fine=self.module.mask_logits(extras).float())


def _metrics(boxes: Tensor, truth: Tensor, given: Tensor, masks: Masks | None) -> dict[str, Tensor]:
    """Return what is worth watching, without gradient."""
    metrics = {"iou": iou(boxes, truth).mean(), "given": iou(given, truth).mean()}
    if masks is not None:
        metrics["mask_iou"] = mask_iou(masks.fine.detach(), masks.truth.float()).sum() / max(len(masks.truth), 1)
    return metrics


__all__ = ["RefineLosses", "RefineTask"]
