"""`SequenceTask`: what a tracker that learns online learns offline: features, filters and steps that find the target in later frames.

Bhat et al., DiMP, ICCV 2019 (arXiv 1904.07220), Sec. 3.5: the filter of the train frames is improved by the unrolled optimiser, and every
iterate must find the target in the test frames. The box network judges proposals in the same frames.

Letters: B sequences, N train frames, T test frames, C channels, h cells, K proposals.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lockon.errors import LockonError
from lockon.models.online import ATOMModel, DiMPModel, OnlineTaps
from lockon.online.filters import apply_filter
from lockon.train.crops import as_images
from lockon.train.descents import UnrolledDescent
from lockon.train.losses.base import active_terms, evaluate
from lockon.train.losses.iterates import FirstIterate, LastIterate, MiddleIterates, SequenceInput
from lockon.train.losses.proposals import BoxDensity, BoxLikelihood, OverlapRegression
from lockon.train.losses.score_maps import GridCrossEntropy, LabelHinge


@dataclass(frozen=True, kw_only=True, slots=True)
class SequenceLosses:
    """The terms; the defaults are those of DiMP. A network without a classifier (ATOM) has the box term alone.

    Attributes:
        box: Of what the box network gives for the proposals.
        last: Of the scores of the filter after the last step.
        first: Of those of the initializer's filter.
        middle: Of the mean over the filters between both.
    """

    box: OverlapRegression | BoxDensity | BoxLikelihood = OverlapRegression()
    last: LabelHinge | GridCrossEntropy = LabelHinge(weight=100.0, iterates=LastIterate())
    first: LabelHinge | GridCrossEntropy = LabelHinge(weight=100.0, iterates=FirstIterate())
    middle: LabelHinge | GridCrossEntropy = LabelHinge(weight=400.0, iterates=MiddleIterates())


class Seen(NamedTuple):
    """What the network sees in the frames of one role, in the order of the frames.

    Attributes:
        taps: Of B N crops.
        frames: N.
    """

    taps: OnlineTaps
    frames: int

    def classification(self) -> Tensor:
        """Return the (B, N, C, h, h) features that filters are learnt on, in float32."""
        return by_sequence(self.taps.classification.float(), self.frames)


class SequenceTask:
    """Loss of a network whose tracker learns online.

    Args:
        module: The network.
        losses: The terms.
        arrays: Names of what the samples teach, see `SequenceDataConfig.arrays`.
        descent: How filters are improved; None where no classifier is trained (ATOM).

    Attributes:
        terms: The losses whose weight is above 0, by name.

    Raises:
        LockonError: A term that the samples do not serve, or scores to learn from without an optimiser.
    """

    def __init__(
        self, module: DiMPModel | ATOMModel, losses: SequenceLosses, arrays: Collection[str], descent: UnrolledDescent | None = None
    ) -> None:
        self.module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # how the crops come
        self.model = module  # the same module
        self.descent = descent
        self.terms = active_terms(losses, arrays)
        scored = [name for name in self.terms if name != "box"]
        if scored and (descent is None or not isinstance(module, DiMPModel)):
            raise LockonError(f"loss.{scored[0]} given for a network without a filter optimiser; set loss.{scored[0]}.weight=0")

    def loss(self, batch: dict[str, Any]) -> dict[str, Tensor]:
        """Compute the losses of one batch of samples.

        Args:
            batch: train (B, N, S, S, 3) and test (B, T, S, S, 3) uint8 RGB crops; train_box (B, N, 4) x1, y1, x2, y2 of the target in crop
                pixels; proposals (B, T, K, 4), and what the losses read of them; label (B, T, S', S') where a classifier is trained.

        Returns:
            Scalars: "loss", the weighted total; the terms by name, without their weights.
        """
        device = next(self.module.parameters()).device
        train, test = self._see(batch["train"], device), self._see(batch["test"], device)
        boxes = batch["train_box"].to(device)  # (B, N, 4)
        judged = self._judge(train, test, boxes[:, 0], batch["proposals"].to(device)) if "box" in self.terms else None
        with torch.autocast(device_type=device.type, enabled=False):
            scores = self._score(train, test, boxes)
            arrays = {name: value.to(device) for name, value in batch.items() if name in ("label", *_OF_PROPOSALS)}
            return evaluate(self.terms, SequenceInput(scores, None if judged is None else judged.float(), arrays))

    def _see(self, crops: Tensor, device: torch.device) -> Seen:
        return Seen(self.model.taps(as_images(crops.flatten(0, 1), device)), crops.shape[1])

    def _score(self, train: Seen, test: Seen, boxes: Tensor) -> tuple[Tensor, ...]:
        """Return the (B, T, S', S') scores of every iterate of the filter in the test frames."""
        if self.descent is None or not isinstance(self.model, DiMPModel):
            return ()
        features = train.classification()
        starts = self.model.initializer(features.flatten(0, 1), boxes.flatten(0, 1))  # (B N, C, K, K)
        start = by_sequence(starts, train.frames).mean(1)
        filters = self.descent(self.model.optimizer, features, boxes, start)
        searched = test.classification()
        return tuple(apply_filter(each, searched) for each in filters)

    def _judge(self, train: Seen, test: Seen, boxes: Tensor, proposals: Tensor) -> Tensor:
        """Return (B, T, K) of the proposals; the first train frame alone says what the target looks like."""
        iou, frames = self.model.iou, test.frames
        reference = train.taps.low[:: train.frames], train.taps.high[:: train.frames]
        low, high = iou.modulation(reference, boxes)  # (B, C) each
        vectors = low.repeat_interleave(frames, 0), high.repeat_interleave(frames, 0)
        found = iou(iou.features((test.taps.low, test.taps.high)), vectors, proposals.flatten(0, 1))  # (B T, K)
        return by_sequence(found, frames)


def by_sequence(values: Tensor, frames: int) -> Tensor:
    """Map (B N, ...) to (B, N, ...), for N `frames` of each sequence."""
    return values.reshape(-1, frames, *values.shape[1:])


_OF_PROPOSALS = ("proposal_iou", "proposal_density", "truth_density")

__all__ = ["Seen", "SequenceLosses", "SequenceTask"]
