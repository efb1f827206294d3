"""How many search tokens a network keeps while it is trained, as values: the ratio at every update."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

from lockon._config_values import check_field
from lockon.train.schedules import epoch_at


class KeepRatio(Protocol):
    """A function from the update to the share of the search tokens that stays at each elimination."""

    def ratio(self, step: int, steps: int, epochs: int) -> float:
        """Return the share at the 0-based update `step` of `steps` in `epochs` parts of equal length; 1 is dense."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class CosineKeep:
    """All tokens at first, then fewer from epoch to epoch along half a cosine (OSTrack, Ye et al., ECCV 2022).

    Attributes:
        start_epoch: The first epoch with fewer tokens is the one after it; epochs count from 1, as in the published code.
        warm_epochs: Epochs of the descent.
        keep: The share that it ends at.
    """

    start_epoch: int = 20
    warm_epochs: int = 80
    keep: float = 0.7

    def __post_init__(self) -> None:
        check_field(self, "start_epoch", self.start_epoch >= 0, "0 or more")
        check_field(self, "warm_epochs", self.warm_epochs >= 1, "at least 1")
        check_field(self, "keep", 0 < self.keep <= 1, "above 0, at most 1")

    def ratio(self, step: int, steps: int, epochs: int) -> float:
        """Return the share at the 0-based update `step` of `steps`."""
        done = (epoch_at(step, steps, epochs) + 1 - self.start_epoch) / self.warm_epochs
        return self.keep + (1 - self.keep) * 0.5 * (1 + math.cos(math.pi * min(1.0, max(0.0, done))))


@dataclass(frozen=True, kw_only=True, slots=True)
class AlternateKeep:
    """Dense and sparse by turns (RTrack, Sec. 4.1.1); the paper leaves open which comes first, and how many tokens stay.

    Attributes:
        by: What takes turns: epochs or updates.
        first: What the first of them is.
        keep: The share of the sparse ones.
    """

    by: Literal["epoch", "batch"] = "epoch"
    first: Literal["dense", "sparse"] = "dense"
    keep: float = 0.7

    def __post_init__(self) -> None:
        check_field(self, "by", self.by in ("epoch", "batch"), "epoch or batch")
        check_field(self, "first", self.first in ("dense", "sparse"), "dense or sparse")
        check_field(self, "keep", 0 < self.keep <= 1, "above 0, at most 1")

    def ratio(self, step: int, steps: int, epochs: int) -> float:
        """Return the share at the 0-based update `step` of `steps`."""
        turn = epoch_at(step, steps, epochs) if self.by == "epoch" else step
        return 1.0 if (turn % 2 == 0) == (self.first == "dense") else self.keep


KeepSchedule = CosineKeep | AlternateKeep

__all__ = ["AlternateKeep", "CosineKeep", "KeepRatio", "KeepSchedule"]
