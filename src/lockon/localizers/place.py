"""Where a target is among its ranked candidates: parts of a localizer. `CoarseToFine` has a file of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lockon.localizers.boxes import BoxRule
from lockon.localizers.ranked import Placed, Ranked


@dataclass(frozen=True, kw_only=True, slots=True)
class Argmax:
    """The candidate that ranks highest; its box is that of the box rule."""

    def __call__(self, ranked: Ranked, rule: BoxRule) -> Placed:
        """Return where each of B targets is."""
        best = ranked.values.argmax(axis=1)  # (B,)
        rows = np.arange(len(best))
        return Placed(best, rule(ranked, best), ranked.penalized[rows, best])


__all__ = ["Argmax"]
