"""Learning-rate schedules as values: the factor on the peak rate at every update.

Cosine decay: Loshchilov and Hutter, ICLR 2017 (1608.03983), one cycle without restarts, behind a linear warm-up. `LogDecay` is the
schedule of PySOT (SiamRPN++, CVPR 2019), `StepDecay` that of Alpha-Refine (CVPR 2021).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from lockon._config_values import check_field


@dataclass(frozen=True, kw_only=True, slots=True)
class CosineDecay:
    """Linear warm-up, then half a cosine, at every update.

    Attributes:
        warmup_steps: Updates of the warm-up (at most half of the run's are used, so that short trials learn too).
        final_lr_ratio: The decay ends at this fraction of the peak rate.
    """

    warmup_steps: int = 500
    final_lr_ratio: float = 0.01

    def __post_init__(self) -> None:
        check_field(self, "warmup_steps", self.warmup_steps >= 0, "0 or more")
        check_field(self, "final_lr_ratio", 0 <= self.final_lr_ratio <= 1, "between 0 and 1")

    def factor(self, step: int, steps: int, epochs: int) -> float:
        """Return the factor at the 0-based update `step` of `steps`: 1 / warm-up at the first, `final_lr_ratio` at the last."""
        warmup = min(self.warmup_steps, steps // 2)
        if step < warmup:
            return (step + 1) / warmup
        span = max(1, steps - 1 - warmup)
        progress = min(1.0, (step - warmup) / span)
        return self.final_lr_ratio + (1 - self.final_lr_ratio) * 0.5 * (1 + math.cos(math.pi * progress))


@dataclass(frozen=True, kw_only=True, slots=True)
class LogDecay:
    """Geometric warm-up, then geometric decay, constant within an epoch.

    Attributes:
        warmup_epochs: Epochs of the warm-up.
        warmup_ratio: Fraction of the peak rate that the first epoch has.
        final_lr_ratio: The decay ends at this fraction of the peak rate.
    """

    warmup_epochs: int = 5
    warmup_ratio: float = 0.2
    final_lr_ratio: float = 0.01

    def __post_init__(self) -> None:
        check_field(self, "warmup_epochs", self.warmup_epochs >= 0, "0 or more")
        for name in ("warmup_ratio", "final_lr_ratio"):
            check_field(self, name, 0 < getattr(self, name) <= 1, "above 0, at most 1")

    def factor(self, step: int, steps: int, epochs: int) -> float:
        """Return the factor at the 0-based update `step` of `steps`.

        W warm-up epochs climb from `warmup_ratio` by its -1/W-th power each, and so end one factor below the peak. The epochs after them
        are spaced evenly in the logarithm from the peak to `final_lr_ratio`, both included.
        """
        epoch, warmup = epoch_at(step, steps, epochs), min(self.warmup_epochs, epochs - 1)
        if epoch < warmup:
            return float(self.warmup_ratio ** (1 - epoch / warmup))
        return float(self.final_lr_ratio ** ((epoch - warmup) / max(1, epochs - 1 - warmup)))


@dataclass(frozen=True, kw_only=True, slots=True)
class StepDecay:
    """Times `decay_factor` every `decay_epochs` epochs, without a warm-up.

    Attributes:
        decay_epochs: Epochs between two steps.
        decay_factor: Factor on the rate at each of them.
    """

    decay_epochs: int = 8
    decay_factor: float = 0.5

    def __post_init__(self) -> None:
        check_field(self, "decay_epochs", self.decay_epochs >= 1, "at least 1")
        check_field(self, "decay_factor", 0 < self.decay_factor <= 1, "above 0, at most 1")

    def factor(self, step: int, steps: int, epochs: int) -> float:
        """Return the factor at the 0-based update `step` of `steps`."""
        return float(self.decay_factor ** (epoch_at(step, steps, epochs) // self.decay_epochs))


def epoch_at(step: int, steps: int, epochs: int) -> int:
    """Return the epoch (0-based) that the 0-based update `step` of a run of `steps` in `epochs` parts of equal length belongs to."""
    return min(epochs - 1, step * epochs // steps)


__all__ = ["CosineDecay", "LogDecay", "StepDecay", "epoch_at"]
