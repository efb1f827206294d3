"""`TrainConfig`: every number of the training loop, frozen and checked."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

from lockon._config_values import check_field
from lockon.errors import LockonError
from lockon.train.optim import SGD, AdamW
from lockon.train.schedules import CosineDecay, LogDecay, StepDecay

# Fields that do not change what is learnt: a resumed run may differ in them.
_OUTPUT = ("save_every", "validate_every", "keep", "log_every", "marks")
OPERATIONAL = ("machine.workers", "machine.threads", *(f"output.{name}" for name in _OUTPUT))

Precision = Literal["auto", "fp32", "bf16"]
Reduction = Literal["mean", "sum"]


@dataclass(frozen=True, kw_only=True, slots=True)
class GradientConfig:
    """What becomes of the gradients before the optimizer sees them.

    Attributes:
        accumulate: Forward passes per update; the update sees batch_size * accumulate * processes samples.
        reduction: What the gradients of the forward passes and processes of one update become. "sum" is what PySOT does over its GPUs:
            8 GPUs of 28 pairs are accumulate=8, batch_size=28 here, on one device.
        clip_norm: Gradients are scaled down to this total norm; 0 turns clipping off.
        skip_above: An update with a loss above this, or a loss or gradient that is not finite, is left out and counted as "skipped" in
            the log; 0 leaves none out: what is not finite ends the run.
    """

    accumulate: int = 1
    reduction: Reduction = "mean"
    clip_norm: float = 5.0
    skip_above: float = 0.0

    def __post_init__(self) -> None:
        check_field(self, "accumulate", self.accumulate >= 1, "at least 1")
        check_field(self, "reduction", self.reduction in get_args(Reduction), f"one of {', '.join(get_args(Reduction))}")
        for name in ("clip_norm", "skip_above"):
            check_field(self, name, 0 <= getattr(self, name) < math.inf, "0 or more")


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputConfig:
    """What a run saves, validates and logs, and how often.

    Attributes:
        save_every: Steps between checkpoints.
        validate_every: Steps between validations (and one at the end); 0 turns validation off.
        log_every: Steps between log records.
        keep: Newest checkpoints to keep; the one of the best validation stays too.
        best_metric: Validation metric, higher is better, that chooses best.safetensors.
        marks: Numbers of updates after which the averaged weights are kept as well, as step-NNNNNN.safetensors.
    """

    save_every: int = 500
    validate_every: int = 1000
    log_every: int = 20
    keep: int = 2
    best_metric: str = "AO"
    marks: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in ("save_every", "log_every", "keep"):
            check_field(self, name, getattr(self, name) >= 1, "at least 1")
        check_field(self, "validate_every", self.validate_every >= 0, "0 or more")
        check_field(self, "marks", min(self.marks, default=1) >= 1, "numbers of 1 or more")


@dataclass(frozen=True, kw_only=True, slots=True)
class MachineConfig:
    """How a run uses the machine.

    Attributes:
        workers: Processes that make samples; 0 makes them in the training process.
        threads: torch threads of the training process; 0 leaves torch's choice.
        precision: "bf16" is autocast with float32 weights; "auto" takes it on GPUs and CPUs that compute in it.
    """

    workers: int = 2
    threads: int = 0
    precision: Precision = "auto"

    def __post_init__(self) -> None:
        for name in ("workers", "threads"):
            check_field(self, name, getattr(self, name) >= 0, "0 or more")
        check_field(self, "precision", self.precision in get_args(Precision), f"one of {', '.join(get_args(Precision))}")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig:
    """Settings of one training run.

    Attributes:
        steps: Optimizer updates of the whole run; 0: as many as `epochs` epochs of `pairs_per_epoch` pairs take.
        epochs: Parts of equal length that the run is divided into, which some schedules count in.
        pairs_per_epoch: Pairs that all processes see together in one epoch; needed where `steps` is 0, and not used otherwise.
        batch_size: Samples per forward pass and process.
        gradients: Of how many passes an update is made, and what is done to them.
        optimizer: With its rates and decays.
        schedule: How the rate follows the steps.
        unfreeze: When how many backbone stages learn: pairs (from, stages), `from` below 1 being a fraction of `steps`, else a step.
            Before the first pair, 0 stages. Empty: the task decides.
        ema_decay: Decay of the averaged weights, reached gradually as min(ema_decay, (1 + t) / (10 + t)); 0 turns averaging off.
        seed: Of dropout and the like here; recipes use the same seed for initial weights and samples.
        output: What is saved, validated and logged.
        machine: Processes, threads and precision.
    """

    steps: int = 20_000
    epochs: int = 20
    pairs_per_epoch: int = 0
    batch_size: int = 32
    gradients: GradientConfig = GradientConfig()
    optimizer: AdamW | SGD = AdamW()
    schedule: CosineDecay | LogDecay | StepDecay = CosineDecay()
    unfreeze: tuple[tuple[float, int], ...] = ()
    ema_decay: float = 0.999
    seed: int = 0
    output: OutputConfig = OutputConfig()
    machine: MachineConfig = MachineConfig()

    def __post_init__(self) -> None:
        counted = () if self.pairs_per_epoch and self.steps == 0 else ("steps",)
        for name in (*counted, "epochs", "batch_size"):
            check_field(self, name, getattr(self, name) >= 1, "at least 1")
        check_field(self, "pairs_per_epoch", self.pairs_per_epoch >= 0, "0 or more")
        check_field(self, "ema_decay", 0 <= self.ema_decay < 1, "at least 0 and below 1")
        check_field(self, "seed", 0 <= self.seed < 2**32, "a whole number from 0 to 2**32 - 1")
        starts = [self._start(when) for when, _ in self.unfreeze]
        ordered = all(when >= 0 and stages >= 0 for when, stages in self.unfreeze)
        ordered &= self.steps == 0 or starts == sorted(starts)  # how many steps an epoch has is known when the processes are
        check_field(self, "unfreeze", ordered, "pairs (from, stages), 0 or more, in order of time, such as ((0,0),(0.2,2))")

    def _start(self, when: float) -> float:
        return when * self.steps if when < 1 else when

    def resolved(self, processes: int = 1) -> TrainConfig:
        """Return the configuration with its number of `steps`, for a run of this many processes.

        Raises:
            LockonError: An epoch has too few pairs for one update.
        """
        if self.steps:
            return self
        pairs = self.batch_size * self.gradients.accumulate * processes
        if pairs > self.pairs_per_epoch:
            raise LockonError(
                f"pairs_per_epoch={self.pairs_per_epoch} given, expected at least the {pairs} pairs of one update (batch_size "
                f"{self.batch_size} * accumulate {self.gradients.accumulate} * {processes} processes); lower train.gradients.accumulate"
            )
        return replace(self, steps=self.epochs * (self.pairs_per_epoch // pairs))

    def rate_at(self, step: int) -> float:
        """Return the learning rate of the 0-based update `step` of a run whose steps are known, see `resolved`."""
        return self.optimizer.learning_rate * self.schedule.factor(step, self.steps, self.epochs)

    def stages_at(self, step: int) -> int:
        """Return how many backbone stages learn at `step` (0-based) by the `unfreeze` schedule."""
        return [0, *(stages for when, stages in self.unfreeze if step >= self._start(when))][-1]


__all__ = ["OPERATIONAL", "GradientConfig", "MachineConfig", "OutputConfig", "TrainConfig"]
