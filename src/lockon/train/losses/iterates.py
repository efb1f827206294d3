"""What the losses of a task with an online learner look at: the scores of every iterate of the optimiser, and the judged proposals.

Letters: B sequences, T test frames of each, S scores per side, K proposals per frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from torch import Tensor


@dataclass(frozen=True)
class SequenceInput:
    """All that a loss of a `SequenceTask` may look at.

    Attributes:
        scores: One (B, T, S, S) per iterate of the filter on the test frames, the initial filter first; empty without a classifier.
        judged: (B, T, K) what the box network gives for the proposals.
        truth: Arrays of the samples by name: `label` (B, T, S, S), `proposal_iou`, `proposal_density`, `truth_density` (B, T, K).
    """

    scores: tuple[Tensor, ...] = ()
    judged: Tensor | None = None
    truth: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class FirstIterate:
    """The filter of the initializer, before any step."""

    def __call__(self, scores: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return the scores of the first iterate."""
        return scores[:1]


@dataclass(frozen=True, kw_only=True, slots=True)
class MiddleIterates:
    """The filters between the first and the last; none where there is a single step."""

    def __call__(self, scores: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return the scores of the iterates in the middle."""
        return scores[1:-1]


@dataclass(frozen=True, kw_only=True, slots=True)
class LastIterate:
    """The filter after the last step."""

    def __call__(self, scores: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return the scores of the last iterate."""
        return scores[-1:]


Iterates: TypeAlias = FirstIterate | MiddleIterates | LastIterate

__all__ = ["FirstIterate", "Iterates", "LastIterate", "MiddleIterates", "SequenceInput"]
