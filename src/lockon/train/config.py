"""`TrainConfig`: every number of the training loop, frozen and checked."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

from lockon.errors import LockonError

# Fields that do not change what is learnt: a resumed run may differ in them.
OPERATIONAL = ("workers", "threads", "save_every", "validate_every", "keep", "log_every")

Precision = Literal["auto", "fp32", "bf16"]
Reduction = Literal["mean", "sum"]
Optimizer = Literal["adamw", "sgd"]
Schedule = Literal["cosine", "log", "step"]
_CHOICES = {"precision": Precision, "reduction": Reduction, "optimizer": Optimizer, "schedule": Schedule}


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig:
    """Settings of one training run.

    Attributes:
        steps: Optimizer updates of the whole run; 0: as many as `epochs` epochs of `pairs_per_epoch` pairs take.
        epochs: Parts of equal length that the run is divided into; schedule "log" changes its rate only between them.
        pairs_per_epoch: Pairs that all processes see together in one epoch; needed where `steps` is 0, and not used otherwise.
        batch_size: Samples per forward pass and process.
        accumulate: Forward passes per update; the update sees batch_size * accumulate * processes samples.
        reduction: What the gradients of the forward passes and processes of one update become. "sum" is what PySOT does over its GPUs:
            8 GPUs of 28 pairs are accumulate=8, batch_size=28 here, on one device.
        optimizer: "adamw" decays weights decoupled, "sgd" has `momentum` and adds the decay to the gradient (PySOT).
        momentum: Of SGD.
        forget_momentum: The optimizer's state is dropped whenever the number of learning backbone stages changes, as where
            PySOT builds a new optimizer.
        learning_rate: Peak rate, after the warm-up.
        backbone_multiplier: Factor on the rate for parameters whose name starts with "backbone.".
        multipliers: More such factors, pairs (start of a parameter's name, factor), for example (("backbone.layer4.",0.5),).
            The longest start that fits decides.
        schedule: "cosine": linear warm-up of `warmup_steps`, then half a cosine, at every update. "log": `warmup_epochs` epochs of
            geometric warm-up from `warmup_ratio` on, then geometric decay, constant within an epoch. "step": times `decay_factor` every
            `decay_epochs` epochs, without a warm-up.
        warmup_steps: Updates of linear warm-up (at most half of `steps` are used, so that short trials learn too).
        warmup_epochs: Epochs of warm-up of schedule "log".
        warmup_ratio: Fraction of the peak rate that the first epoch of schedule "log" has.
        decay_epochs: Epochs between two steps of schedule "step".
        decay_factor: Factor on the rate at each of these steps.
        final_lr_ratio: The decay ends at this fraction of the peak rate; not used by schedule "step".
        weight_decay: Not applied to norms and biases (parameters with fewer than two dimensions) unless `decay_all`.
        decay_all: Norms and biases are decayed too, as PyTorch's SGD does by itself.
        clip_norm: Gradients are scaled down to this total norm; 0 turns clipping off.
        skip_above: An update with a loss above this, or a loss or gradient that is not finite, is left out and counted as "skipped" in
            the log; 0 leaves none out: what is not finite ends the run.
        ema_decay: Decay of the averaged weights, reached gradually as min(ema_decay, (1 + t) / (10 + t)); 0 turns averaging off.
        precision: "bf16" is autocast with float32 weights; "auto" takes it on GPUs and CPUs that compute in it.
        unfreeze: When how many backbone stages learn: pairs (from, stages), `from` below 1 being a fraction of `steps`, else a step.
            Before the first pair, 0 stages. Empty: the task decides.
        workers: Processes that make samples; 0 makes them in the training process.
        threads: torch threads of the training process; 0 leaves torch's choice.
        seed: Of dropout and the like here; recipes use the same seed for initial weights and samples.
        save_every: Steps between checkpoints.
        validate_every: Steps between validations (and one at the end); 0 turns validation off.
        keep: Newest checkpoints to keep; the one of the best validation stays too.
        log_every: Steps between log records.
        best_metric: Validation metric, higher is better, that chooses best.safetensors.
    """

    steps: int = 20_000
    epochs: int = 20
    pairs_per_epoch: int = 0
    batch_size: int = 32
    accumulate: int = 1
    reduction: Reduction = "mean"
    optimizer: Optimizer = "adamw"
    momentum: float = 0.9
    forget_momentum: bool = False
    learning_rate: float = 1e-3
    backbone_multiplier: float = 0.1
    multipliers: tuple[tuple[str, float], ...] = ()
    schedule: Schedule = "cosine"
    warmup_steps: int = 500
    warmup_epochs: int = 5
    warmup_ratio: float = 0.2
    decay_epochs: int = 8
    decay_factor: float = 0.5
    final_lr_ratio: float = 0.01
    weight_decay: float = 1e-4
    decay_all: bool = False
    clip_norm: float = 5.0
    skip_above: float = 0.0
    ema_decay: float = 0.999
    precision: Precision = "auto"
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
        counted = () if self.pairs_per_epoch and self.steps == 0 else ("steps",)
        for name in (*counted, "epochs", "batch_size", "accumulate", "decay_epochs", "save_every", "keep", "log_every"):
            self._require(name, getattr(self, name) >= 1, "at least 1")
        for name in ("pairs_per_epoch", "warmup_steps", "warmup_epochs", "workers", "threads", "validate_every"):
            self._require(name, getattr(self, name) >= 0, "0 or more")
        for name in ("backbone_multiplier", "weight_decay", "clip_norm", "skip_above"):
            self._require(name, 0 <= getattr(self, name) < math.inf, "0 or more")
        self._require("learning_rate", 0 < self.learning_rate < math.inf, "above 0")
        self._require("warmup_ratio", 0 < self.warmup_ratio <= 1, "above 0, at most 1")
        self._require("decay_factor", 0 < self.decay_factor <= 1, "above 0, at most 1")
        self._require("final_lr_ratio", 0 <= self.final_lr_ratio <= 1, "between 0 and 1")
        self._require("final_lr_ratio", self.final_lr_ratio > 0 or self.schedule != "log", "above 0 where train.schedule is log")
        for name in ("ema_decay", "momentum"):
            self._require(name, 0 <= getattr(self, name) < 1, "at least 0 and below 1")
        self._require("seed", 0 <= self.seed < 2**32, "a whole number from 0 to 2**32 - 1")
        for name, choices in _CHOICES.items():
            self._require(name, getattr(self, name) in get_args(choices), f"one of {', '.join(get_args(choices))}")
        factors = all(0 <= factor < math.inf for _, factor in self.multipliers)
        self._require("multipliers", factors, 'pairs (start of a name, factor of 0 or more), such as (("backbone.layer4.",0.5),)')
        starts = [self._start(when) for when, _ in self.unfreeze]
        ordered = all(when >= 0 and stages >= 0 for when, stages in self.unfreeze)
        ordered &= self.steps == 0 or starts == sorted(starts)  # how many steps an epoch has is known when the processes are
        self._require("unfreeze", ordered, "pairs (from, stages), 0 or more, in order of time, such as ((0,0),(0.2,2))")

    def _require(self, name: str, holds: bool, expected: str) -> None:
        if not holds:
            raise LockonError(f"{name} must be {expected}, got {getattr(self, name)!r}")

    def _start(self, when: float) -> float:
        return when * self.steps if when < 1 else when

    def resolved(self, processes: int = 1) -> TrainConfig:
        """Return the configuration with its number of `steps`, for a run of this many processes.

        Raises:
            LockonError: An epoch has too few pairs for one update.
        """
        if self.steps:
            return self
        pairs = self.batch_size * self.accumulate * processes
        if pairs > self.pairs_per_epoch:
            raise LockonError(
                f"pairs_per_epoch={self.pairs_per_epoch} given, expected at least the {pairs} pairs of one update "
                f"(batch_size {self.batch_size} * accumulate {self.accumulate} * {processes} processes); lower train.accumulate"
            )
        return replace(self, steps=self.epochs * (self.pairs_per_epoch // pairs))

    def epoch_at(self, step: int) -> int:
        """Return the epoch (0-based) that the 0-based update `step` belongs to."""
        return min(self.epochs - 1, step * self.epochs // self.steps)

    def stages_at(self, step: int) -> int:
        """Return how many backbone stages learn at `step` (0-based) by the `unfreeze` schedule."""
        return [0, *(stages for when, stages in self.unfreeze if step >= self._start(when))][-1]


__all__ = ["OPERATIONAL", "TrainConfig"]
