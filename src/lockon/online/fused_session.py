"""`FusedSession`: what trackers have in common whose candidates a learner judges too: their score maps are those of the fused scores."""

from __future__ import annotations

from typing import Protocol, TypeVar

from lockon.ops.score_map import ScoreMap
from lockon.session import Session, TargetState
from lockon.target import Target
from lockon.tracker import NetworkTracker


class BasedTarget(TargetState, Protocol):
    """A target with a state of the tracker that gives its boxes."""

    @property
    def base(self) -> Target:
        """Return that state."""


B = TypeVar("B", bound=BasedTarget)


class FusedSession(Session[B]):
    """A session whose scores are those of a `NetworkTracker`.

    Attributes:
        base: Gives boxes and scores.
    """

    base: NetworkTracker

    @property
    def keep_scores(self) -> bool:
        """Whether every target's score map is kept, for `score_maps`; False at first."""
        return self.base.keep_scores

    @keep_scores.setter
    def keep_scores(self, keep: bool) -> None:
        self.base.keep_scores = keep

    @property
    def score_maps(self) -> tuple[ScoreMap, ...]:
        """One map of fused scores per target, of the last `track` call; empty before it and where `keep_scores` is off."""
        return tuple(target.base.scores for target in self.targets if target.base.scores is not None)


__all__ = ["BasedTarget", "FusedSession"]
