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
from lockon.train.assigners.points import boundary_points, with_boundary
from lockon.train.assigners.rectangle import RectangleAssigner
from lockon.train.assigners.sampling import subsample_labels
from lockon.train.crops import as_images
from lockon.train.losses.centerness import centerness
from lockon.train.losses.cross_entropy import balanced_cross_entropy, hard_negative_cross_entropy
from lockon.train.losses.deltas import delta_l1
from lockon.train.losses.dynamic_labels import dynamic_label_loss, dynamic_labels
from lockon.train.losses.focal import quality_focal
from lockon.train.losses.iou import iou_loss
from lockon.train.losses.localization import localization_loss
from lockon.train.losses.ranking import classification_ranking, iou_ranking
from lockon.train.siamese_loss import SiameseLossConfig
from lockon.types import Prediction, Targets

_WITH_ANCHORS = {  # what has a meaning for anchors; the other choices are about points
    "base": ("cross_entropy", "quality_focal"),
    "assigner": ("ellipse",),
    "box_average": ("uniform",),
    "quality_target": ("iou",),
}


class SiameseTask:
    """Loss of a `SiameseModel` with any head that returns a `Prediction`: anchors or points, lockon's own or the published ones.

    Args:
        module: the model; its head says where its candidates are, by `anchors` (N, 4) cx, cy, w, h or `points` (N, 2).
        config: targets and weights.

    Attributes:
        step: 0-based update that is being made; some labels depend on it.

    Raises:
        LockonError: a loss on anchor codes for a head without anchors, or one on points for a head with anchors.
    """

    def __init__(self, module: SiameseModel, config: SiameseLossConfig) -> None:
        self.module: SiameseModel = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # how the crops come
        self.config = config
        self.step = 0
        self.assigner = _assigner(module.head, config)

    def on_step(self, step: int) -> None:
        """Called before every update."""
        self.step = step

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
                losses["teacher"] = distillation_loss(prediction.logits, _teacher_scores(batch), targets.labels)
                losses["loss"] = losses["loss"] + self.config.teacher_weight * losses["teacher"]
        return losses

    def predict(self, batch: dict[str, Any]) -> tuple[Prediction, Targets]:
        """What the model answers to a batch, and what it should have."""
        device = next(self.module.parameters()).device
        template, search = (as_images(batch[name], device) for name in ("template", "search"))
        box, present = batch["box"].to(device), batch["present"].to(device)
        prediction = self.module(self.module.encode(template), search)
        return prediction, subsample_labels(self.assign(box, present), self.config.sampling)

    def assign(self, box: Tensor, present: Tensor) -> Targets:
        """The labels of all candidates for boxes (B, 4), before any sampling; `present` (B,) is False for negative pairs."""
        config, head = self.config, self.module.head
        places: Any = head.anchors if isinstance(self.assigner, AnchorIoUAssigner) else head.points
        targets = self.assigner(places, box, present)
        if config.dynamic.boundary_lambda is not None:
            targets = with_boundary(targets, places, config.dynamic.boundary_reach)
        return targets

    def losses(self, prediction: Prediction, targets: Targets) -> dict[str, Tensor]:
        """The scalars of `loss` for a prediction in float32."""
        c = self.config
        overlap = iou(prediction.boxes, targets.boxes[:, None]).detach()  # (B, N)
        positive = targets.labels == 1
        trained = positive  # of boxes and quality
        if targets.boundary is not None and c.dynamic.train_boundary:
            trained = positive | targets.boundary
        losses = {"cls": self._classification(prediction.logits, targets, overlap), **self._boxes(prediction, targets, trained)}
        if prediction.quality is not None:
            losses["quality"] = self._quality(prediction.quality, targets, trained, overlap)
        total = losses["cls"]
        for name, weight in (("box", c.box_weight), ("corner", c.corner_weight), ("quality", c.quality_weight)):
            if name in losses:
                total = total + weight * losses[name]
        for name, (weight, value) in self._ranking(prediction, targets).items():
            losses[name] = value
            total = total + weight * value
        return {"loss": total, **losses, "iou": overlap[positive].sum() / positive.sum().clamp(min=1)}

    def _classification(self, logits: Tensor, targets: Targets, overlap: Tensor) -> Tensor:
        c = self.config
        labels: Tensor = targets.labels
        positive = labels == 1
        if c.base == "cross_entropy":
            return balanced_cross_entropy(logits, labels, skip_single=c.skip_single)
        if c.base == "dynamic":
            soft = dynamic_labels(overlap, positive, targets.boundary, c.dynamic, self.step)
            every = positive if targets.boundary is None else positive | targets.boundary
            return dynamic_label_loss(logits, soft, every, labels == 0, c.dynamic)
        soft = torch.where(positive, overlap if c.score_target == "iou" else torch.ones_like(overlap), torch.zeros_like(overlap))
        weight = torch.where(positive, c.positive_weight, (labels == 0).float())
        return (quality_focal(logits, soft) * weight).sum() / positive.sum().clamp(min=1)

    def _boxes(self, prediction: Prediction, targets: Targets, trained: Tensor) -> dict[str, Tensor]:
        """The box loss, and that of the corners where it is in use, over the `trained` (B, N) candidates."""
        c, truth = self.config, targets.boxes[:, None]  # (B, 1, 4)
        weight = centerness(self._points(), targets.boxes)[trained] if c.box_average == "centerness" else None  # (P,)
        boxes, expected = prediction.boxes[trained], truth.expand_as(prediction.boxes)[trained]  # (P, 4)
        if c.box_loss == "l1_deltas":
            anchors: Any = self.module.head.anchors
            losses = {"box": delta_l1(prediction.extras["deltas"], anchors, targets.boxes, targets.labels)}
        else:
            losses = {"box": _average(iou_loss(boxes, expected, c.box_loss, c.box_smooth), weight)}
        if c.corner_weight:
            size = (expected[:, 2:] - expected[:, :2]).repeat(1, 2).clamp(min=1)
            losses["corner"] = _average(((boxes - expected).abs() / size).clamp(max=4), weight)
        return losses

    def _quality(self, logits: Tensor, targets: Targets, trained: Tensor, overlap: Tensor) -> Tensor:
        """The loss of the head's third output (B, N) over the `trained` (B, N) candidates."""
        c = self.config
        if c.quality_target == "localization":
            outside = ~boundary_points(self._points(), targets.boxes, torch.zeros_like(overlap))
            return localization_loss(logits, overlap, trained, outside, c.localization)
        wanted = overlap if c.quality_target == "iou" else centerness(self._points(), targets.boxes)
        total = nn.functional.binary_cross_entropy_with_logits(logits[trained], wanted[trained], reduction="sum")
        return total / trained.sum().clamp(min=1)

    def _points(self) -> Tensor:
        points: Tensor = self.module.head.points  # type: ignore[assignment]  # a buffer of every head on points
        return points

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


def _assigner(head: nn.Module, config: SiameseLossConfig) -> EllipseAssigner | RectangleAssigner | AnchorIoUAssigner:
    """Who labels the candidates of `head`."""
    if getattr(head, "anchors", None) is not None:
        for name, fits in _WITH_ANCHORS.items():
            if getattr(config, name) not in fits:
                raise LockonError(
                    f"{name}={getattr(config, name)} given for a head with anchors; give {name}={' or '.join(fits)}, "
                    "or train a network that predicts at points, such as siamban-r50"
                )
        grid: Any = head.grid  # an AnchorGrid
        return AnchorIoUAssigner(stride=grid.grid.stride, positive=config.positive_iou, negative=config.negative_iou)
    if config.box_loss == "l1_deltas":
        raise LockonError("box_loss=l1_deltas given for a head without anchors; give box_loss=giou, linear_iou or iou")
    if config.assigner == "rectangle":
        return RectangleAssigner(inner=config.inner, nearest=config.nearest, negative_pairs=config.negative_pairs)
    return EllipseAssigner(inner=config.inner, outer=config.outer, nearest=config.nearest, negative_pairs=config.negative_pairs)


def _average(values: Tensor, weight: Tensor | None) -> Tensor:
    """Mean of (P,) or (P, K) values of P candidates, which count alike or by a weight (P,); 0 without candidates or weight."""
    if weight is None:
        return values.sum() / max(1, values.numel())
    each = values.flatten(1).mean(1) if values.ndim > 1 else values
    return (each * weight).sum() / weight.sum().clamp(min=1e-6)


def distillation_loss(logits: Tensor, scores: Tensor, labels: Tensor) -> Tensor:
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


__all__ = ["SiameseLossConfig", "SiameseTask", "distillation_loss"]
