"""`StagedBackbone`: a feature extractor of which only the last stages may be trained."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

from torch import nn


class StagedBackbone(nn.Module, ABC):
    """Stages that are frozen from the first on; subclasses build them.

    Args:
        stages: How many stages there are.
        train_norms: Batch normalization of trained stages uses and updates the statistics of the batch.

    Attributes:
        trainable_stages: How many of the last stages are trained, see `set_trainable`.
    """

    def __init__(self, stages: int, *, train_norms: bool) -> None:
        super().__init__()
        self.stage_count = self.trainable_stages = stages
        self.train_norms = train_norms

    @abstractmethod
    def stage(self, number: int) -> Iterable[nn.Module]:
        """Return the modules of a stage, counted from 0."""

    def set_trainable(self, stages: int) -> None:
        """Train only the last `stages` stages; 0 freezes all, statistics of batch normalization included."""
        self.trainable_stages = min(stages, self.stage_count)
        for number in range(self.stage_count):
            for module in self.stage(number):
                module.requires_grad_(self.is_trained(number))
        self.train(self.training)

    def is_trained(self, number: int) -> bool:
        """Return whether a stage, counted from 0, is trained."""
        return number >= self.stage_count - self.trainable_stages

    def train(self, mode: bool = True) -> StagedBackbone:
        """Set the mode; batch normalization keeps its statistics in frozen stages, and everywhere without `train_norms`."""
        super().train(mode)
        frozen = (number for number in range(self.stage_count) if not (self.train_norms and self.is_trained(number)))
        for part in (part for number in frozen for module in self.stage(number) for part in module.modules()):
            if isinstance(part, nn.BatchNorm2d):
                part.eval()
        return self


__all__ = ["StagedBackbone"]
