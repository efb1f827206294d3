"""`Target`, all that a network's tracker knows of one target, and `StatePolicy`, which decides its state and where it is searched next."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lockon._config_values import check_range
from lockon.errors import LockonWarning
from lockon.localizers.verdict import Verdict
from lockon.ops.boxes import cxcywh_to_xywh
from lockon.ops.score_map import ScoreMap
from lockon.types import FloatArray, Result, State, Template


@dataclass(frozen=True, slots=True)
class Target:
    """All that is known of one target between two frames; a new value per frame.

    Attributes:
        box: (4,) cx, cy, w, h in image pixels, float64.
        trusted: The last box that was not below the `StatePolicy.lost` score.
        template: Its features, a batch of one.
        border_color: (3,) what crops show outside the frame; None repeats the outermost pixels.
        size: Width, height of the video's frames.
        score: Calibrated, 0..1.
        state: Tracked, uncertain or lost.
        low: Frames in a row below the `StatePolicy.lost` score.
        absent: Frames in a row below the `StatePolicy.absent_score`.
        mask: (H, W) bool of the last frame, or None.
        scores: The last search region's score map, where the tracker keeps them.
        seed: Of the run.
        frame: Number of frames since the start; with `seed` it fixes the random numbers of a step.
        unanswered: Frames on which the network's answer was no number.
    """

    box: FloatArray
    trusted: FloatArray
    template: Template
    border_color: FloatArray | None
    size: tuple[int, int]
    score: float = 1.0
    state: State = "tracked"
    low: int = 0
    absent: int = 0
    mask: NDArray[np.bool_] | None = None
    scores: ScoreMap | None = None
    seed: int = 0
    frame: int = 0
    unanswered: int = 0

    @property
    def result(self) -> Result:
        """Return box, score, state and mask as one target's `Result`."""
        return Result(cxcywh_to_xywh(self.box), self.score, self.state, self.mask)


T = TypeVar("T", bound=Target)


@dataclass(frozen=True, kw_only=True, slots=True)
class CenterInFrame:
    """Keeps the centre of a box in the frame, and its sides as they are, but no larger than the frame's."""

    def __call__(self, box: FloatArray, size: tuple[int, int], smallest: float) -> FloatArray:
        """Return a box (4,) cx, cy, w, h with sides of at least `smallest` pixels, in a frame of width and height `size`."""
        return np.concatenate([np.clip(box[:2], 0, size), np.clip(box[2:], smallest, size)])


@dataclass(frozen=True, kw_only=True, slots=True)
class CutToFrame:
    """Cuts off what lies outside the frame; at least `smallest` pixels of it count as inside (OSTrack, TransT)."""

    def __call__(self, box: FloatArray, size: tuple[int, int], smallest: float) -> FloatArray:
        """Return what is left of a box (4,) cx, cy, w, h, at least `smallest` pixels a side, in a frame of width and height `size`."""
        half = box[2:] / 2
        end = np.asarray(size, dtype=np.float64)
        first = np.minimum(np.maximum(0, box[:2] - half), end - smallest)
        last = np.minimum(np.maximum(smallest, box[:2] + half), end)
        sides = np.maximum(smallest, last - first)
        return np.concatenate([first + sides / 2, sides])


@dataclass(frozen=True, kw_only=True, slots=True)
class Unbounded:
    """Leaves boxes as they are but for their least sides (the published trackers that learn online)."""

    def __call__(self, box: FloatArray, size: tuple[int, int], smallest: float) -> FloatArray:
        """Return a box (4,) cx, cy, w, h with sides of at least `smallest` pixels, in a frame of width and height `size`."""
        return np.concatenate([box[:2], np.maximum(box[2:], smallest)])


@dataclass(frozen=True, kw_only=True, slots=True)
class StatePolicy:
    """What a score and a verdict mean for a target.

    Attributes:
        tracked: Score at or above which a target is "tracked".
        lost: Score below which it is "lost"; "uncertain" between `lost` and `tracked`.
        lost_after: Frames in a row below `lost` before the state turns "lost"; until then it is "uncertain" and the box follows.
        absent_score: After `lost_after` frames in a row below this score the target counts as gone: the last trusted box
            (score >= `lost`) is returned and searched around, until a candidate scores higher. A "lost" target above it is still
            followed: following a doubtful target costs little, holding on to an old place costs the target.
        search_growth: Factor on the search crop per "lost" frame, up to `max_growth`; 1..10.
        max_growth: Largest factor on the search crop, 1..100.
        min_size: Smallest width and height of a box, in pixels; 0..1000.
        bounds: What becomes of a box that reaches outside the frame.
    """

    tracked: float = 0.5
    lost: float = 0.3
    lost_after: int = 3
    absent_score: float = 0.05
    search_growth: float = 1.05
    max_growth: float = 1.5
    min_size: float = 3.0
    bounds: CenterInFrame | CutToFrame | Unbounded = CenterInFrame()

    def __post_init__(self) -> None:
        for name in ("tracked", "lost", "absent_score"):
            check_range(name, getattr(self, name), 0, 1)
        check_range("lost_after", self.lost_after, 0, 1e9)
        check_range("min_size", self.min_size, 0, 1000)
        check_range("search_growth", self.search_growth, 1, 10)
        check_range("max_growth", self.max_growth, 1, 100)

    def growth(self, target: Target) -> float:
        """Return the factor on the target's next search crop."""
        frames = max(target.low - self.lost_after, 0)
        if frames * math.log(self.search_growth) > math.log(self.max_growth):  # the power itself has no end
            return self.max_growth
        return min(self.search_growth**frames, self.max_growth)

    def inside(self, box: FloatArray, size: tuple[int, int]) -> FloatArray:
        """Return a box (4,) cx, cy, w, h as `bounds` keeps it in the frame, with sides of at least `min_size`."""
        return self.bounds(box, size, self.min_size)

    def update(self, target: T, box: FloatArray, score: float, verdict: Verdict = "normal") -> T:
        """Return the target's next state, given its localized box (4,) cx, cy, w, h and its score; "not_found" keeps the last box."""
        box = target.box if verdict == "not_found" else self.inside(box, target.size)
        frame = target.frame + 1
        if score >= self.lost and verdict != "not_found":
            state: State = "tracked" if score >= self.tracked and verdict != "uncertain" else "uncertain"
            return replace(target, box=box, trusted=box, score=score, state=state, low=0, absent=0, frame=frame)
        low, absent = target.low + 1, target.absent + 1 if score < self.absent_score else 0
        kept = target.trusted if absent > self.lost_after else box
        state = "lost" if low > self.lost_after else "uncertain"
        return replace(target, box=kept, score=score, state=state, low=low, absent=absent, frame=frame)

    def held(self, target: T) -> T:
        """Return the target as it was but "lost" with score 0, for a frame on which there is no answer that can be used."""
        return replace(target, score=0.0, state="lost", frame=target.frame + 1, unanswered=target.unanswered + 1)


def warn_unanswered(targets: Sequence[Target]) -> None:
    """Warn of an answer that is no number, on the first frame of a target that has one."""
    first = next((target for target in targets if target.state == "lost" and target.unanswered == 1), None)
    if first is not None:
        warnings.warn(
            f"frame {first.frame}: the network's answer is not finite, so the target is held in its place and counts as lost; "
            "the weights are broken or the precision too low: try others, or device='cpu'",
            LockonWarning,
            stacklevel=4,
        )


__all__ = ["CenterInFrame", "CutToFrame", "StatePolicy", "Target", "Unbounded", "warn_unanswered"]
