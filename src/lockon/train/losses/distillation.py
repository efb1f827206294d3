"""A teacher's scores as soft labels: quality focal loss against the probabilities of a trained tracker.

Hinton et al., "Distilling the knowledge in a neural network", 2015 (arXiv 1503.02531), with temperature 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lockon.errors import LockonError
from lockon.train.losses.base import Loss, LossInput
from lockon.train.losses.focal import quality_focal


@dataclass(frozen=True, kw_only=True)
class Distillation(Loss):
    """Quality focal loss against a teacher's scores, for samples that have them."""

    def __call__(self, x: LossInput) -> Tensor:
        """Compute `distillation_loss`.

        Raises:
            LockonError: If the samples have no scores of a teacher.
        """
        if x.teacher is None:
            raise LockonError("the teacher's loss has a weight, but the samples have no teacher's scores; give teacher.weights=FILE.onnx")
        return distillation_loss(x.prediction.logits, x.teacher, x.targets.labels)


def distillation_loss(logits: Tensor, scores: Tensor, labels: Tensor) -> Tensor:
    """Compute the loss, summed over candidates and divided by the number of positives, as the labels' loss is.

    Args:
        logits: (B, N) foreground logits of the student.
        scores: (B, N) of the teacher in [0, 1], NaN where it sees nothing: those candidates do not count.
        labels: (B, N), above 0 positive.
    """
    known = torch.isfinite(scores)
    values = quality_focal(logits, torch.where(known, scores, 0.0))
    return torch.where(known, values, 0.0).sum() / (labels > 0).sum().clamp(min=1)


__all__ = ["Distillation", "distillation_loss"]
