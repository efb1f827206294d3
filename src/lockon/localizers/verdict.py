"""Verdicts: whether what was found is the target at all; parts of a localizer.

Trackers that learn online compare the two best peaks of a response map and decide whether to trust, to learn, or to stay where they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lockon.localizers.ranked import Placed, Ranked

# "normal": follow and learn. "hard_negative": follow, and learn the second peak as a distractor. "uncertain": follow, do not learn.
# "not_found": stay on the last box.
Verdict = Literal["normal", "hard_negative", "uncertain", "not_found"]


@dataclass(frozen=True, kw_only=True, slots=True)
class AlwaysNormal:
    """Every frame counts as "normal": the score alone decides about the state."""

    def __call__(self, ranked: Ranked, placed: Placed) -> tuple[Verdict, ...]:
        """Return one verdict per target."""
        normal: Verdict = "normal"
        return (normal,) * len(placed.best)


__all__ = ["AlwaysNormal", "Verdict"]
