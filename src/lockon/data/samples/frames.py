"""Which frames of a track make a sample: pairs, causal pairs, several support and query frames; and the draw that applies such a rule.

A `FramePool` gives a track of annotated frames, a `FrameRule` chooses among them by role. Any pool goes with any rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lockon.data.samples.views import SEARCH, TEMPLATE, View, Views
from lockon.errors import LockonError

TRAIN, TEST = "train", "test"
"""The roles of a sequence: frames to learn a target from, and frames to find it in."""


@dataclass(frozen=True, slots=True)
class TrackFrames:
    """The annotated frames of one object.

    Attributes:
        frames: (n,) frame numbers, ascending, n >= 1.
        view: Reads the view at a place from 0 to n - 1.
    """

    frames: NDArray[np.integer]
    view: Callable[[int], View]


class FramePool(Protocol):
    """Holds the tracks of one dataset."""

    def choose(self, rng: Generator) -> TrackFrames:
        """Draw a track."""


class FrameRule(Protocol):
    """Chooses the frames of a sample among those of a track."""

    def __call__(self, rng: Generator, frames: NDArray[np.integer]) -> Mapping[str, tuple[int, ...]]:
        """Return places in (n,) ascending frame numbers, by role."""


@dataclass(frozen=True, slots=True)
class NearPair:
    """Any frame as the template, and one near in time, before or after it, as the search frame; both may be the same.

    Attributes:
        before: The search frame is at most so many frames before the template.
        after: The search frame is at most so many frames after the template.

    Raises:
        LockonError: A negative number.
    """

    before: int
    after: int

    def __post_init__(self) -> None:
        if min(self.before, self.after) < 0:
            raise LockonError(f"a search frame from {self.before} before to {self.after} after the template; expected numbers from 0 on")

    def __call__(self, rng: Generator, frames: NDArray[np.integer]) -> Mapping[str, tuple[int, ...]]:
        """Draw the template evenly, then the search frame evenly among those in reach."""
        first = int(rng.integers(len(frames)))
        low = np.searchsorted(frames, frames[first] - self.before)
        high = np.searchsorted(frames, frames[first] + self.after, side="right")
        return {TEMPLATE: (first,), SEARCH: (int(rng.integers(low, high)),)}


@dataclass(frozen=True, slots=True)
class SupportQuery:
    """Several frames to learn a target from and several to find it in (DiMP: 3 + 3; OSTrack's causal pair: 1 + 1).

    The first support frame is drawn evenly from the track; the others, which may repeat, are at most `gap` frames away from it.
    Causal samples have the other support frames at or before it and all query frames after it; where none is in reach, the next frame
    of the track is the query. A track of one frame gives it for everything.

    Attributes:
        support: Number of support frames.
        query: Number of query frames.
        gap: Largest distance from the first support frame, in frames.
        causal: Whether query frames come after the support frames.
        roles: Names of the two roles.

    Raises:
        LockonError: A number under 1, or twice the same role.
    """

    support: int = 3
    query: int = 3
    gap: int = 30
    causal: bool = False
    roles: tuple[str, str] = (TRAIN, TEST)

    def __post_init__(self) -> None:
        if min(self.support, self.query, self.gap) < 1:
            raise LockonError(f"{self.support} support and {self.query} query frames within {self.gap}; expected whole numbers from 1 on")
        if self.roles[0] == self.roles[1]:
            raise LockonError(f"both roles are {self.roles[0]!r}; give two names")

    @classmethod
    def causal_pair(cls, gap: int) -> SupportQuery:
        """Return the rule of a template and a later search frame."""
        return cls(1, 1, gap, causal=True, roles=(TEMPLATE, SEARCH))

    def __call__(self, rng: Generator, frames: NDArray[np.integer]) -> Mapping[str, tuple[int, ...]]:
        """Draw the first support frame, the other ones, and the query frames, in this order."""
        count = len(frames)
        first = int(rng.integers(max(count - 1, 1) if self.causal else count))  # a causal sample needs a later frame
        low = int(np.searchsorted(frames, frames[first] - self.gap))
        high = int(np.searchsorted(frames, frames[first] + self.gap, side="right"))
        past = (low, first + 1) if self.causal else (low, high)
        future = (first + 1, max(high, first + 2)) if self.causal and count > 1 else (low, high)
        others = rng.integers(*past, self.support - 1).tolist()
        return {self.roles[0]: (first, *others), self.roles[1]: tuple(rng.integers(*future, self.query).tolist())}


@dataclass(frozen=True, slots=True)
class WithTemplates:
    """Another rule, whose support frames are templates as well, under a role of their own that comes first (DuML).

    Attributes:
        inner: Gives the roles `TRAIN` and `TEST`.
    """

    inner: SupportQuery

    def __call__(self, rng: Generator, frames: NDArray[np.integer]) -> Mapping[str, tuple[int, ...]]:
        """Draw the frames of the inner rule."""
        chosen = self.inner(rng, frames)
        return {TEMPLATE: chosen[self.inner.roles[0]], **chosen}


@dataclass(frozen=True, slots=True)
class FrameDraw:
    """Draws a track from a pool and its frames by a rule.

    Attributes:
        pool: The tracks.
        rule: Which frames of a track make a sample.
    """

    pool: FramePool
    rule: FrameRule

    def draw(self, rng: Generator, index: int = 0) -> Views:
        """Draw the views of one sample."""
        track = self.pool.choose(rng)
        return views_by_role(self.rule(rng, track.frames), track.view)


def views_by_role(places: Mapping[str, tuple[int, ...]], view: Callable[[int], View]) -> Views:
    """Return the views at the chosen places of a track, by role; each image is read once."""
    made = {place: view(place) for place in dict.fromkeys(place for chosen in places.values() for place in chosen)}
    return Views({role: tuple(made[place] for place in chosen) for role, chosen in places.items()})


__all__ = [
    "TEST",
    "TRAIN",
    "FrameDraw",
    "FramePool",
    "FrameRule",
    "NearPair",
    "SupportQuery",
    "TrackFrames",
    "WithTemplates",
    "views_by_role",
]
