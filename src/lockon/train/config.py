"""`TrainConfig`: every number of the training loop, frozen and checked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from lockon.errors import LockonError

# Fields that do not change what is learnt: a resumed run may differ in them.
OPERATIONAL = ("workers", "threads", "save_every", "validate_every", "keep", "log_every")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig:
    """Settings of one training run.

    Attributes:
        steps: optimizer updates of the whole run.
        batch_size: samples per forward pass and process.
        accumulate: forward passes per update; the update sees batch_size * accumulate * processes samples.
        learning_rate: peak rate of AdamW, after the warm-up.
        backbone_multiplier: factor on the rate for parameters whose name starts with "backbone.".
        warmup_steps: updates of linear warm-up (at most half of `steps` are used, so that short trials learn too).
        final_lr_ratio: the cosine decay ends at this fraction of the peak rate.
        weight_decay: decoupled decay; not applied to norms and biases (parameters with fewer than two dimensions).
        clip_norm: gradients are scaled down to this total norm; 0 turns clipping off.
        ema_decay: decay of the averaged weights, reached gradually as min(ema_decay, (1 + t) / (10 + t)); 0 turns averaging off.
        precision: "bf16" is autocast with float32 weights; "auto" takes it on GPUs and CPUs that compute in it.
        unfreeze: when how many backbone stages learn: pairs (from, stages), `from` below 1 being a fraction of `steps`, else a step.
            Before the first pair, 0 stages. Empty: the task decides.
        workers: processes that make samples; 0 makes them in the training process.
        threads: torch threads of the training process; 0 leaves torch's choice.
        seed: of dropout and the like here; recipes use the same seed for initial weights and samples.
        save_every: steps between checkpoints.
        validate_every: steps between validations (and one at the end); 0 turns validation off.
        keep: newest checkpoints to keep; the one of the best validation stays too.
        log_every: steps between log records.
        best_metric: validation metric, higher is better, that chooses best.safetensors.
    """

    steps: int = 20_000
    batch_size: int = 32
    accumulate: int = 1
    learning_rate: float = 1e-3
    backbone_multiplier: float = 0.1
    warmup_steps: int = 500
    final_lr_ratio: float = 0.01
    weight_decay: float = 1e-4
    clip_norm: float = 5.0
    ema_decay: float = 0.999
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    unfreeze: tuple[tuple[float, int], ...] = ()
    workers: int = 2
    threads: int = 0
    seed: int = 0
    save_every: int = 500
    validate_every: int = 1000
    keep: int = 2
    log_every: int = 20
    best_metric: str = "AO"

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "accumulate", "save_every", "keep", "log_every"):
            self._require(name, getattr(self, name) >= 1, "at least 1")
        for name in ("warmup_steps", "workers", "threads", "validate_every", "backbone_multiplier", "weight_decay", "clip_norm"):
            self._require(name, 0 <= getattr(self, name) < math.inf, "0 or more")
        self._require("learning_rate", 0 < self.learning_rate < math.inf, "above 0")
        self._require("final_lr_ratio", 0 <= self.final_lr_ratio <= 1, "between 0 and 1")
        self._require("ema_decay", 0 <= self.ema_decay < 1, "at least 0 and below 1")
        self._require("seed", 0 <= self.seed < 2**32, "a whole number from 0 to 2**32 - 1")
        self._require("precision", self.precision in ("auto", "fp32", "bf16"), "one of auto, fp32, bf16")
        starts = [self._start(when) for when, _ in self.unfreeze]
        ordered = all(when >= 0 and stages >= 0 for when, stages in self.unfreeze) and starts == sorted(starts)
        self._require("unfreeze", ordered, "pairs (from, stages), 0 or more, in order of time, such as ((0,0),(0.2,2))")

    def _require(self, name: str, holds: bool, expected: str) -> None:
        if not holds:
            raise LockonError(f"{name} must be {expected}, got {getattr(self, name)!r}")

    def _start(self, when: float) -> float:
        return when * self.steps if when < 1 else when

    def stages_at(self, step: int) -> int:
        """Backbone stages that learn at `step` (0-based) by the `unfreeze` schedule."""
        return [0, *(stages for when, stages in self.unfreeze if step >= self._start(when))][-1]


__all__ = ["OPERATIONAL", "TrainConfig"]
