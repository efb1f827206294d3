"""`SiameseTask`: what a Siamese tracker learns from a batch of template and search crops."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from lockon.errors import LockonError
from lockon.models.siamese import SiameseModel
from lockon.ops.torch.boxes import iou
from lockon.train.assigners.anchor_iou import AnchorIoUAssigner
from lockon.train.assigners.ellipse import EllipseAssigner
from lockon.train.assigners.sampling import sample
from lockon.train.losses.cross_entropy import balanced_cross_entropy, hard_negative_cross_entropy
from lockon.train.losses.deltas import delta_l1
from lockon.train.losses.focal import quality_focal
from lockon.train.losses.iou import iou_loss
from lockon.train.losses.ranking import classification_ranking, iou_ranking
from lockon.train.siamese_loss import SiameseLossConfig
from lockon.types import Prediction, Targets


class SiameseTask:
    """Loss of a `SiameseModel` with any head that returns a `Prediction`: anchors or points, lockon's own or the published ones.

    Args:
        module: the model; its head says where its candidates are, by `anchors` (N, 4) cx, cy, w, h or `points` (N, 2).
        config: targets and weights.

    Raises:
        LockonError: a loss on anchor codes for a head without anchors.
    """

    def __init__(self, module: SiameseModel, config: SiameseLossConfig) -> None:
        self.module: SiameseModel = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # how the crops come
        self.config = config
        self.assigner = _assigner(module.head, config)

    def loss(self, batch: dict[str, Any]) -> dict[str, Tensor]:
        """Losses of one batch of samples.

        Args:
            batch: template (B, h, w, 3) and search (B, H, W, 3) uint8 RGB, box (B, 4) float32 xyxy in search-crop pixels as the head
                counts them, present (B,) bool, False where that box is an unrelated object's; on any device.

        Returns:
            Scalars: "loss", the weighted total; unweighted "cls", "box" and, as far as they are in use, "corner", "quality", "hard"
            (two-stage cross entropy), "rank_cls", "rank_score", "rank_iou" (ranking, Eq. 8 and both terms of Eq. 10), "teacher"; "iou",
            the mean IoU of the positives' boxes (a figure to watch, without gradient).

        Raises:
            LockonError: a teacher's weight is set, but the samples have no scores of one.
        """
        prediction, targets = self.predict(batch)
        with torch.autocast(device_type=prediction.logits.device.type, enabled=False):
            losses = self.losses(prediction, targets)
            if self.config.teacher_weight:
                losses["teacher"] = taught(prediction.logits, _teacher_scores(batch), targets.labels)
                losses["loss"] = losses["loss"] + self.config.teacher_weight * losses["teacher"]
        return losses

    def predict(self, batch: dict[str, Any]) -> tuple[Prediction, Targets]:
        """What the model answers to a batch, and what it should have."""
        device = next(self.module.parameters()).device
        template, search = (_images(batch[name], device) for name in ("template", "search"))
        box, present = batch["box"].to(device), batch["present"].to(device)
        prediction = self.module(self.module.encode(template), search)
        places: Any = self.module.head.anchors if isinstance(self.assigner, AnchorIoUAssigner) else self.module.head.points
        return prediction, sample(self.assigner(places, box, present), self.config.sampling)

    def losses(self, prediction: Prediction, targets: Targets) -> dict[str, Tensor]:
        """The scalars of `loss` for a prediction in float32."""
        c = self.config
        labels, truth = targets.labels, targets.boxes[:, None]  # (B, N), (B, 1, 4)
        positive = labels == 1
        count = positive.sum().clamp(min=1)
        overlap = iou(prediction.boxes, truth).detach()  # (B, N)
        boxes, expected = prediction.boxes[positive], truth.expand_as(prediction.boxes)[positive]  # (P, 4)
        losses = {"cls": self._classification(prediction.logits, labels, overlap, count)}
        if c.box_loss == "l1_deltas":
            losses["box"] = delta_l1(prediction.extras["deltas"], self.module.head.anchors, targets.boxes, labels)  # type: ignore[arg-type]
        else:
            losses["box"] = iou_loss(boxes, expected, c.box_loss, c.box_smooth).sum() / count
        total = losses["cls"] + c.box_weight * losses["box"]
        if c.corner_weight:
            size = (expected[:, 2:] - expected[:, :2]).repeat(1, 2).clamp(min=1)
            losses["corner"] = ((boxes - expected).abs() / size).clamp(max=4).sum() / (4 * count)
            total = total + c.corner_weight * losses["corner"]
        if prediction.quality is not None:
            losses["quality"] = (
                nn.functional.binary_cross_entropy_with_logits(prediction.quality[positive], overlap[positive], reduction="sum") / count
            )
            total = total + c.quality_weight * losses["quality"]
        for name, (weight, value) in self._ranking(prediction, targets).items():
            losses[name] = value
            total = total + weight * value
        return {"loss": total, **losses, "iou": overlap[positive].sum() / count}

    def _classification(self, logits: Tensor, labels: Tensor, overlap: Tensor, count: Tensor) -> Tensor:
        c, positive = self.config, labels == 1
        if c.base == "cross_entropy":
            return balanced_cross_entropy(logits, labels, skip_single=c.skip_single)
        soft = torch.where(positive, overlap if c.score_target == "iou" else torch.ones_like(overlap), torch.zeros_like(overlap))
        weight = torch.where(positive, c.positive_weight, (labels == 0).float())
        return (quality_focal(logits, soft) * weight).sum() / count

    def _ranking(self, prediction: Prediction, targets: Targets) -> dict[str, tuple[float, Tensor]]:
        """Weight and value of the losses that compare candidates with each other, as far as they are in use."""
        c = self.config
        labels = targets.labels if targets.ranking is None else targets.ranking
        probability = torch.sigmoid(prediction.logits)
        losses = {}
        if c.hard_negative_weight:
            hard = hard_negative_cross_entropy(prediction.logits, labels, c.hard_negative_threshold)
            losses["hard"] = c.hard_negative_weight, hard
        if c.ranking.classification:
            losses["rank_cls"] = c.ranking.classification, classification_ranking(probability, labels, c.ranking)
        if c.ranking.iou:
            truth = targets.boxes[:, None]
            boxes = torch.where((labels == 1)[..., None], prediction.boxes, truth)  # no gradient, so no NaN, from boxes that do not count
            score, overlap = iou_ranking(probability, iou(boxes, truth), labels, c.ranking)
            losses |= {"rank_score": (c.ranking.iou, score), "rank_iou": (c.ranking.iou, overlap)}
        return losses


def _assigner(head: nn.Module, config: SiameseLossConfig) -> EllipseAssigner | AnchorIoUAssigner:
    """Who labels the candidates of `head`."""
    if getattr(head, "anchors", None) is not None:
        grid: Any = head.grid  # an AnchorGrid
        return AnchorIoUAssigner(stride=grid.grid.stride, positive=config.positive_iou, negative=config.negative_iou)
    if config.box_loss == "l1_deltas":
        raise LockonError("box_loss=l1_deltas given for a head without anchors; give box_loss=giou, linear_iou or iou")
    return EllipseAssigner(inner=config.inner, outer=config.outer, nearest=config.nearest, negative_pairs=config.negative_pairs)


def taught(logits: Tensor, scores: Tensor, labels: Tensor) -> Tensor:
    """Quality focal loss against a teacher's scores, summed over candidates and divided by the number of positives, as the labels' loss is.

    Args:
        logits: (B, N). scores: (B, N) in [0, 1], NaN where the teacher sees nothing: those candidates do not count.
        labels: (B, N), above 0 positive.
    """
    known = torch.isfinite(scores)
    values = quality_focal(logits, torch.where(known, scores, 0.0))
    return torch.where(known, values, 0.0).sum() / (labels > 0).sum().clamp(min=1)


def _teacher_scores(batch: dict[str, Any]) -> Tensor:
    if "teacher_scores" not in batch:
        raise LockonError("teacher_weight is set, but the samples have no teacher's scores; give teacher.weights=FILE.onnx")
    scores: Tensor = batch["teacher_scores"]
    return scores


def _images(crops: Tensor, device: torch.device) -> Tensor:
    """(B, H, W, 3) uint8 to (B, 3, H, W) float in channels-last memory: the permuted view already is."""
    return crops.to(device, non_blocking=True).permute(0, 3, 1, 2).float()


__all__ = ["SiameseLossConfig", "SiameseTask", "taught"]
