"""`DenseTask`: what a tracker with a dense head learns from a batch of template and search crops."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from lockon.models.heads.protocols import DenseHead
from lockon.models.protocols import DenseModel
from lockon.train.assigners.base import Assigner
from lockon.train.assigners.sampling import EVERYTHING, SamplingConfig, subsample_labels
from lockon.train.config import TrainConfig
from lockon.train.crops import images_of
from lockon.train.keep_schedules import KeepRatio
from lockon.train.losses.base import LossInput, Masks, active_terms, evaluate
from lockon.types import Prediction, Targets


class DenseTask:
    """Loss of a `DenseModel` with any dense head: anchors or points, lockon's own or the published ones.

    Args:
        module: The model.
        losses: A dataclass of `Loss` values, such as `lockon.zoo.dense_losses.BanLosses`.
        assigner: What labels the head's candidates.
        sampling: How many of the labelled candidates the losses see.
        keep: How many search tokens the model keeps at every update; None leaves it to the model.

    Attributes:
        step: Number of the update that is being made, from 0; some labels depend on it.
        terms: The losses whose weight is above 0, by name.

    Raises:
        LockonError: If a loss reads what the head does not make, or all weights are 0.
    """

    def __init__(
        self,
        module: DenseModel,
        losses: Any,
        assigner: Assigner,
        sampling: SamplingConfig = EVERYTHING,
        keep: KeepRatio | None = None,
    ) -> None:
        self.module: nn.Module = cast(nn.Module, module).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # crops come so
        self.model = module  # the same module
        self.assigner = assigner
        self.sampling = sampling
        self.keep = keep
        self.step = 0
        self._length = 1, 1  # updates and epochs of the run
        self.terms = active_terms(losses, self.head.extras)

    @property
    def head(self) -> DenseHead:
        """The model's head."""
        return cast(DenseHead, self.model.head)

    def on_run(self, config: TrainConfig) -> None:
        """Take note of the run's length; called once before the first update."""
        self._length = config.steps, config.epochs

    def on_step(self, step: int) -> None:
        """Take note of the update that begins; called before every one."""
        self.step = step

    def loss(self, batch: dict[str, Any]) -> dict[str, Tensor]:
        """Compute the losses of one batch of samples.

        Args:
            batch: template (B, h, w, 3) and search (B, H, W, 3) uint8 RGB; box (B, 4) float32 x1, y1, x2, y2 in search-crop pixels as the
                head counts them; present (B,) bool, False where that box is an unrelated object's; with a teacher also teacher_scores
                (B, N). On any device.

        Returns:
            Scalars: "loss", the weighted total; the terms by name, without their weights; "iou", the mean IoU of the positives' boxes
            (a metric to watch, without gradient).
        """
        prediction, targets = self.predict(batch)
        device = prediction.logits.device
        teacher = batch["teacher_scores"].to(device) if "teacher_scores" in batch else None
        with torch.autocast(device_type=device.type, enabled=False):
            return self.losses(prediction, targets, teacher=teacher)

    def predict(self, batch: dict[str, Any]) -> tuple[Prediction, Targets]:
        """Return what the model gives for a batch, and what it should have given, sampled."""
        device = next(self.module.parameters()).device
        template, search = images_of(batch, device)
        box, present = batch["box"].to(device), batch["present"].to(device)
        options = {} if self.keep is None else {"keep": self.keep.ratio(self.step, *self._length)}
        prediction = self.model(self.model.encode(template), search, **options)
        with torch.no_grad():
            targets = self.assigner(self.head.candidates, box, present, prediction)
        return prediction, subsample_labels(targets, self.sampling)

    def losses(
        self, prediction: Prediction, targets: Targets, *, masks: Masks | None = None, teacher: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Compute the scalars of `loss` for a prediction in float32."""
        x = LossInput(
            prediction=prediction,
            targets=targets,
            candidates=self.head.candidates,
            size=self.model.search_size,
            step=self.step,
            masks=masks,
            teacher=teacher,
        )
        overlap = x.overlap[x.positive].sum() / x.positive.sum().clamp(min=1)
        return {**evaluate(self.terms, x), "iou": overlap}


__all__ = ["DenseTask"]
