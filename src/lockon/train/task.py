"""`SiameseTask`: what a Siamese tracker learns from a batch of template and search crops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from lockon.models.siamese import SiameseModel
from lockon.ops.torch.boxes import giou, iou
from lockon.train.assigners.ellipse import EllipseAssigner
from lockon.train.losses.focal import quality_focal
from lockon.types import Prediction, Targets


@dataclass(frozen=True, slots=True)
class SiameseLossConfig:
    """Which targets the score learns, and the weight of each loss.

    Attributes:
        score_target: "iou": a positive's target is the IoU of its own predicted box (quality focal loss), "hard": it is 1.
        positive_weight: factor on the positive points' classification loss.
        box_weight: factor on the GIoU loss. corner_weight: factor on the L1 loss of the corners, in target sizes.
        quality_weight: factor on the IoU branch's cross entropy (heads with `quality` only).
        inner, outer: ellipses of `EllipseAssigner`.
    """

    score_target: Literal["iou", "hard"] = "iou"
    positive_weight: float = 2.0
    box_weight: float = 2.0
    corner_weight: float = 0.5
    quality_weight: float = 1.0
    inner: float = 0.28
    outer: float = 0.5


class SiameseTask:
    """Loss of a `SiameseModel` with a point head.

    Args:
        module: the model. config: targets and weights.
    """

    def __init__(self, module: SiameseModel, config: SiameseLossConfig) -> None:
        self.module: SiameseModel = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # how the crops come
        self.config = config
        self.assigner = EllipseAssigner(inner=config.inner, outer=config.outer)

    def loss(self, batch: dict[str, Any]) -> dict[str, Tensor]:
        """Losses of one batch of `PairPipeline` samples.

        Args:
            batch: template (B, h, w, 3) and search (B, H, W, 3) uint8 RGB, box (B, 4) float32 xyxy in search-crop pixels,
                present (B,) bool; on any device.

        Returns:
            Scalars: "loss", the weighted total; "cls", "box", "corner" and, for heads that predict it, "quality", per positive
            point; "iou", the mean IoU of the positive points' boxes (a figure to watch, without gradient).
        """
        device = next(self.module.parameters()).device
        template, search = (_images(batch[name], device) for name in ("template", "search"))
        box, present = batch["box"].to(device), batch["present"].to(device)
        prediction = self.module(self.module.encode(template), search)
        targets = self.assigner(self.module.head.points, box, present)  # type: ignore[arg-type]
        with torch.autocast(device_type=device.type, enabled=False):
            return self._losses(prediction, targets)

    def _losses(self, prediction: Prediction, targets: Targets) -> dict[str, Tensor]:
        c = self.config
        labels, truth = targets.labels, targets.boxes[:, None]  # (B, N), (B, 1, 4)
        positive = labels == 1
        count = positive.sum().clamp(min=1)
        overlap = iou(prediction.boxes, truth).detach()  # (B, N)
        soft = torch.where(positive, overlap if c.score_target == "iou" else torch.ones_like(overlap), torch.zeros_like(overlap))
        weight = torch.where(positive, c.positive_weight, (labels == 0).float())
        cls = (quality_focal(prediction.logits, soft) * weight).sum() / count
        boxes, expected = prediction.boxes[positive], truth.expand_as(prediction.boxes)[positive]  # (P, 4)
        box = (1 - giou(boxes, expected)).sum() / count
        size = (expected[:, 2:] - expected[:, :2]).repeat(1, 2).clamp(min=1)
        corner = ((boxes - expected).abs() / size).clamp(max=4).sum() / (4 * count)
        losses = {"cls": cls, "box": box, "corner": corner}
        total = cls + c.box_weight * box + c.corner_weight * corner
        if prediction.quality is not None:
            losses["quality"] = (
                torch.nn.functional.binary_cross_entropy_with_logits(prediction.quality[positive], overlap[positive], reduction="sum")
                / count
            )
            total = total + c.quality_weight * losses["quality"]
        losses["iou"] = overlap[positive].sum() / count
        return {"loss": total, **losses}


def _images(crops: Tensor, device: torch.device) -> Tensor:
    """(B, H, W, 3) uint8 to (B, 3, H, W) float in channels-last memory: the permuted view already is."""
    return crops.to(device, non_blocking=True).permute(0, 3, 1, 2).float()
