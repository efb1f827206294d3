"""`DualModalTask`: what a network learns that matches a template and gives features to learn a filter on (DuML).

Zhou et al., Higher Performance Visual Tracking with Dual-Modal Localization (DuML), 2021, Sec. 4 and Eq. 6: both modalities, the boxes and
their predicted IoU learn together, each by a loss of its own. The template is the mean of the support frames; the filter begins there, is
fitted to their search crops by the unrolled optimiser, and must find the target in the query frames.

Letters: B sequences, N support frames, T query frames, C channels, h cells per side, A filters, S scores per side.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lockon.errors import LockonError
from lockon.models.dual_modal import DualModalModel
from lockon.online.filters import apply_filter
from lockon.ops.torch.boxes import center_to_corner
from lockon.train.assigners.base import Assigner
from lockon.train.crops import as_images
from lockon.train.descents import UnrolledDescent
from lockon.train.losses.base import Loss, LossInput, active_terms, evaluate
from lockon.train.losses.deltas import DeltaL1
from lockon.train.losses.focal import BalancedFocal
from lockon.train.losses.gaussian_focal import GaussianFocal, RegressiveFocal
from lockon.train.losses.iterates import SequenceInput
from lockon.train.losses.quality import IoUQuality
from lockon.train.losses.score_maps import LabelHinge
from lockon.train.sequence_task import by_sequence
from lockon.types import Prediction, Template


@dataclass(frozen=True, kw_only=True, slots=True)
class DualModalLosses:
    """The terms (Eq. 6). A network without one of the modalities leaves its term out.

    The paper gives 1 to the online term and 10 to the offline one, in a sentence that calls them "focal" and "hinge". The hinge loss is the
    online one's, as the paper says elsewhere, and a mean of squares over a map is a tenth of a focal loss or less: so the 10 is taken to be
    the hinge loss's, and the 1 the focal loss's. Literally: ``loss.online.weight=1 loss.cls.weight=10``.

    Attributes:
        cls: Of the offline scores: focal loss (classification), or penalty-reduced focal loss (regression).
        online: Of the responses of the fitted filter in the query frames.
        box: Of the boxes' codes, at positives.
        quality: Of the boxes' predicted IoU, at positives; what it is to be gives no gradient.
    """

    cls: BalancedFocal | GaussianFocal | RegressiveFocal = BalancedFocal()
    online: LabelHinge = LabelHinge(weight=10.0)
    box: DeltaL1 = DeltaL1(weight=1.2)
    quality: IoUQuality = IoUQuality(weight=1.2, boundary=False)


class Assigners(NamedTuple):
    """What labels the candidates of a `DualModalHead`.

    Attributes:
        boxes: Those of boxes.
        scores: Those that scores stand for.
    """

    boxes: Assigner
    scores: Assigner


class BatchAnswer(NamedTuple):
    """What the network answers to a batch, and the truth of the boxes.

    Attributes:
        prediction: Of B T search crops.
        boxes: (B T, 4) x1, y1, x2, y2 of the targets as the head counts them.
        present: (B T,) bool, whether they are there.
        scores: (B, T, S, S) or (B, T, A, S, S) per iterate of the filter on the query frames; empty without an online part.
    """

    prediction: Prediction
    boxes: Tensor
    present: Tensor
    scores: tuple[Tensor, ...]


class DualModalTask:
    """Loss of a `DualModalModel`, on sequences, or on pairs where nothing is learnt online.

    Args:
        module: The network.
        losses: The terms.
        assigners: What labels the head's candidates.
        arrays: Names of what the samples teach beside boxes.
        descent: How filters are improved; for networks with an online part.

    Attributes:
        terms: The losses whose weight is above 0 and that the network has outputs for, by name.

    Raises:
        LockonError: A term that the samples do not serve, an online part without a descent, or nothing to learn.
    """

    def __init__(
        self,
        module: DualModalModel,
        losses: DualModalLosses,
        assigners: Assigners,
        arrays: Collection[str] = (),
        descent: UnrolledDescent | None = None,
    ) -> None:
        self.module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # how the crops come
        self.model = module  # the same module
        self.assigners = assigners
        self.descent = descent
        absent = {"cls": module.head.score_candidates is None, "online": module.online is None}
        served = (*module.head.extras, *arrays, *(("label",) if module.online is None else ()))
        terms = active_terms(losses, served)
        self.terms = {name: term for name, term in terms.items() if not absent.get(name, False)}
        if "online" in self.terms and descent is None:
            raise LockonError("loss.online given for a network whose filters nothing improves; set loss.online.weight=0, or give a descent")
        if not self.terms:
            raise LockonError("nothing is learnt: the network has no outputs for the losses whose weight is above 0")

    def loss(self, batch: dict[str, Any]) -> dict[str, Tensor]:
        """Compute the losses of one batch of samples.

        Args:
            batch: As `SequenceFrames` makes them: template (B, N, h, w, 3), train (B, N, H, W, 3) and test (B, T, H, W, 3) uint8 RGB crops;
                train_box (B, N, 4) and test_box (B, T, 4); label (B, T, S, S) or (B, T, A, S, S), which may cover the middle of the
                responses alone. Or pairs, as of `DenseTask`.

        Returns:
            Scalars: "loss", the weighted total; the terms by name, without their weights; "iou", the mean IoU of the positives' boxes
            (a metric to watch, without gradient).

        Raises:
            LockonError: Labels that do not belong to the network's filters.
        """
        device = next(self.module.parameters()).device
        seen = self._see_pairs(batch, device) if "search" in batch else self._see_sequences(batch, device)
        with torch.autocast(device_type=device.type, enabled=False):
            boxes, scores = self._dense_inputs(seen)
            truth = {"label": batch["label"].to(device)} if "label" in batch else {}
            inputs: dict[str, Any] = {"cls": scores, "online": SequenceInput(seen.scores, None, truth), "box": boxes, "quality": boxes}
            overlap = boxes.overlap[boxes.positive].sum() / boxes.positive.sum().clamp(min=1)
            return {**_evaluated(self.terms, inputs), "iou": overlap}

    def _see_pairs(self, batch: Mapping[str, Any], device: torch.device) -> BatchAnswer:
        template = self.model.encode(as_images(batch["template"], device))
        prediction = self.model(template, as_images(batch["search"], device))
        return BatchAnswer(prediction, batch["box"].to(device), batch["present"].to(device), ())

    def _see_sequences(self, batch: Mapping[str, Any], device: torch.device) -> BatchAnswer:
        support, query = batch["template"].shape[1], batch["test"].shape[1]
        levels = self.model.levels(as_images(batch["template"].flatten(0, 1), device))
        template = self.model.template([by_sequence(level, support).mean(1) for level in levels])
        repeated = Template(tuple(feature.repeat_interleave(query, 0) for feature in template.features))
        prediction = self.model(repeated, as_images(batch["test"].flatten(0, 1), device))
        boxes = batch["test_box"].to(device).flatten(0, 1)  # (B T, 4)
        present = torch.ones(len(boxes), dtype=torch.bool, device=device)
        scores = self._responses(batch, template, prediction, device) if "online" in self.terms else ()
        return BatchAnswer(prediction, boxes, present, scores)

    def _responses(self, batch: Mapping[str, Any], template: Template, prediction: Prediction, device: torch.device) -> tuple[Tensor, ...]:
        """Return the responses of every iterate of the filter in the query frames, as far as there are labels."""
        online, label = self.model.online, batch["label"]
        assert online is not None
        assert self.descent is not None
        learnt = online.fuse(self.model.levels(as_images(batch["train"].flatten(0, 1), device)))  # (B N, C, h, h)
        with torch.autocast(device_type=device.type, enabled=False):
            start = _wide(template.features[-1])  # (B, A, C, K, K)
            start = start[:, 0] if start.shape[1] == 1 else start
            features = by_sequence(_wide(learnt), batch["train"].shape[1])  # (B, N, C, h, h)
            searched = by_sequence(_wide(prediction.extras["features"]), batch["test"].shape[1])  # (B, T, C, h, h)
            filters = self.descent(online.optimizer, features, batch["train_box"].to(device), start)
            found = tuple(_middle(apply_filter(each, searched), label.shape[-1]) for each in filters)
        if found[-1].shape != label.shape:
            raise LockonError(
                f"labels of shape {tuple(label.shape)} for responses of shape {tuple(found[-1].shape)}; leave data.frames.label out"
            )
        return found

    def _dense_inputs(self, seen: BatchAnswer) -> tuple[LossInput, LossInput]:
        """Return what the losses of boxes look at, and what those of scores do; the same where the network has no scores."""
        head, p = self.model.head, seen.prediction
        extras = {"deltas": p.extras["deltas"].float()}
        quality = None if p.quality is None else p.quality.float()
        prediction = Prediction(p.logits.float(), p.boxes.float(), quality, extras)
        boxes = self._input(prediction, seen, self.assigners.boxes, head.candidates)
        if head.score_candidates is None:
            return boxes, boxes
        logits, anchors = p.extras["localization"].float(), head.score_anchors  # (B T, A' S S), (A' S S, 4)
        own = prediction.boxes if logits.shape == p.logits.shape else center_to_corner(anchors).expand(len(logits), -1, -1)
        return boxes, self._input(Prediction(logits, own), seen, self.assigners.scores, head.score_candidates)

    def _input(self, prediction: Prediction, seen: BatchAnswer, assigner: Assigner, candidates: Any) -> LossInput:
        with torch.no_grad():
            targets = assigner(candidates, seen.boxes, seen.present, prediction)
        return LossInput(prediction=prediction, targets=targets, candidates=candidates, size=self.model.search_size)


def _evaluated(terms: Mapping[str, Loss], inputs: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return "loss", the weighted total, and each term without its weight by name; each looks at its own input."""
    each = [evaluate({name: term}, inputs[name]) for name, term in terms.items()]
    total = each[0]["loss"]
    for one in each[1:]:
        total = total + one["loss"]
    return {name: value for one in each for name, value in one.items()} | {"loss": total}


def _middle(responses: Tensor, side: int) -> Tensor:
    """Return the (..., S, S) middle of (..., H, H) responses."""
    margin = (responses.shape[-1] - side) // 2
    return responses[..., margin : margin + side, margin : margin + side]


def _wide(values: Tensor) -> Tensor:
    """Return values in float32 at least."""
    return values if values.dtype == torch.float64 else values.float()


__all__ = ["Assigners", "DualModalLosses", "DualModalTask"]
