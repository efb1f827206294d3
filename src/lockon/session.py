"""A tracker is three pure functions: `SteppedTracker` names them, `Session` writes `init`, `track` and `move` once around them.

``start`` makes an immutable state per target, ``step`` the next state of each, ``moved`` a state that goes on from another box. Nothing
else is kept, so the targets of many videos can be stepped together, stored, pickled, and stepped again from any earlier state.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from lockon._config_values import check_range, check_whole
from lockon._one_thread import OneThread, exclusive
from lockon.errors import LockonError
from lockon.ops.boxes import box_array
from lockon.ops.pixels import FrameConversion
from lockon.ops.score_map import ScoreMap
from lockon.types import FloatArray, Frame, Result


@runtime_checkable
class Tracker(Protocol):
    """Anything with these two methods is a tracker: ours, OpenCV's, yours.

    A tracker that can be put elsewhere between two frames also has ``move(boxes)``, see `Session.move`.
    """

    def init(self, frame: Frame, box: ArrayLike) -> None:
        """Start on `frame` (H, W, 3) uint8 RGB with one box (4,) or n boxes (n, 4), x, y, w, h in pixels."""

    def track(self, frame: Frame) -> Result:
        """Find the target or targets in the next frame."""


@runtime_checkable
class ScoreMapSource(Protocol):
    """A tracker that can keep the score maps of its last `track` call.

    Attributes:
        keep_scores: Keep every target's score map; False at first.
    """

    keep_scores: bool

    @property
    def score_maps(self) -> tuple[ScoreMap, ...]:
        """One score map per target, of the last `track` call; empty before it and where `keep_scores` is off."""


class TargetState(Protocol):
    """What everybody may read of a target between two frames; the rest of the state is its tracker's own."""

    @property
    def result(self) -> Result:
        """Return the box (4,) x, y, w, h in pixels, the score, the state and the mask of one target."""


T = TypeVar("T", bound=TargetState)


@runtime_checkable
class SteppedTracker(Protocol[T]):
    """A tracker without a memory of its own: every state is passed in and returned.

    Random numbers must be drawn from (seed of the start, number of the frame), for example by
    ``np.random.default_rng((target.seed, target.frame))``, so that a run gives the same boxes alone, in a batch, and after a resume.
    """

    def start(self, frame: Frame, boxes: ArrayLike, *, seed: int = 0) -> list[T]:
        """Return one state per box (4,) or (n, 4) x, y, w, h on `frame` (H, W, 3) uint8 RGB.

        Raises:
            LockonError: A box that is malformed, empty or outside the frame.
        """

    def step(self, frames: Sequence[Frame], targets: Sequence[T]) -> list[T]:
        """Return the next state of each target, given its next frame; the targets may belong to different videos.

        Args:
            frames: One (H, W, 3) uint8 RGB frame per target; the same array may occur several times.
            targets: States that `start`, `step` or `moved` returned; they stay valid.

        Raises:
            LockonError: A frame of another size than the target's first one.
        """

    def moved(self, target: T, box_xywh: FloatArray) -> T:
        """Return the state of a target that goes on from the box (4,) x, y, w, h, which must be finite."""


class PlacedTracker(SteppedTracker[T], Protocol[T]):
    """A `SteppedTracker` whose targets can be searched in other videos."""

    def placed(self, target: T, frame: Frame, box_xywh: FloatArray) -> T:
        """Return the target in the video of another frame, as if it had last been seen in the box (4,) x, y, w, h there."""


@runtime_checkable
class CalibratedTracker(PlacedTracker[T], Tracker, Protocol[T]):
    """A tracker whose score comes of a `Calibration`: its `config` has the fields `calibration` and `states`."""

    config: Any

    def with_config(self, config: Any) -> CalibratedTracker[T]:
        """Return a tracker of the same network with other inference parameters."""


class Session(OneThread, ABC, Generic[T]):
    """Keeps the states of the targets of one video: `init`, `track` and `move` around `start`, `step` and `moved`."""

    def __init__(self) -> None:
        self._targets: tuple[T, ...] = ()
        self._single = True
        self._conversion = FrameConversion()

    @abstractmethod
    def start(self, frame: Frame, boxes: ArrayLike, *, seed: int = 0) -> list[T]:
        """Return one state per box, see `SteppedTracker.start`."""

    @abstractmethod
    def step(self, frames: Sequence[Frame], targets: Sequence[T]) -> list[T]:
        """Return the next state of each target, see `SteppedTracker.step`."""

    @abstractmethod
    def moved(self, target: T, box_xywh: FloatArray) -> T:
        """Return the state of a target that goes on from another box, see `SteppedTracker.moved`."""

    @property
    def targets(self) -> tuple[T, ...]:
        """The states of the session's targets after the last frame; empty before `init`."""
        return self._targets

    @exclusive
    def init(self, frame: ArrayLike, box: ArrayLike, *, seed: int = 0, range: ArrayLike | None = None, color: str = "rgb") -> None:
        """Start on `frame` with one box (4,) or n boxes (n, 4), x, y, w, h in pixels.

        Args:
            frame: (H, W, 3) uint8 RGB; grey, RGBA, 16-bit and float frames are converted.
            box: (4,) or (n, 4). A box partly outside the frame is clipped with a warning.
            seed: Of the random numbers of trackers that draw any.
            range: (low, high), the values that become black and white in all frames of this video; None to find them in this one.
            color: Order of the channels of all frames: "rgb", or "bgr" as OpenCV reads them.

        Raises:
            LockonError: No frame; a box that is malformed, empty or outside the frame; another argument of the wrong kind.
        """
        check_whole(seed=seed)
        check_range("seed", seed, 0)
        boxes, conversion = box_array(box), FrameConversion(range, color)
        self._targets = tuple(self.start(conversion(frame), boxes, seed=seed))
        self._single, self._conversion = boxes.ndim == 1, conversion

    @exclusive
    def track(self, frame: ArrayLike, *, color: str | None = None) -> Result:
        """Find every target in the next frame.

        Args:
            frame: Of the size of the first one; converted as it was.
            color: Order of this frame's channels; None for that of `init`.

        Returns:
            A box (4,), a score and a state after a start with one box (4,); else n rows of each.

        Raises:
            LockonError: Called before `init`, or the frame's size differs from the first frame's.
        """
        if not self._targets:
            raise LockonError("track() before init(); call tracker.init(frame, (x, y, w, h)) on the first frame")
        self._targets = tuple(self.step([self._conversion(frame, color)] * len(self._targets), self._targets))
        return joined([target.result for target in self._targets], single=self._single)

    @exclusive
    def move(self, boxes: ArrayLike) -> None:
        """Go on from these boxes in the next frame: those of a refiner, or of an experiment that knows the truth.

        Args:
            boxes: (4,) or (n, 4) x, y, w, h in pixels, one per target; a box that is not finite leaves its target where it is.

        Raises:
            LockonError: Called before `init`, or with another number of boxes than there are targets.
        """
        rows = np.atleast_2d(box_array(boxes))
        if not self._targets or rows.shape != (len(self._targets), 4):
            raise LockonError(
                f"move() with boxes of shape {rows.shape} for {len(self._targets)} targets; call it after init(), one box per target"
            )
        self._targets = tuple(
            self.moved(target, row) if np.isfinite(row).all() else target for target, row in zip(self._targets, rows, strict=True)
        )


class _Around(Session[T]):
    """A session of a `SteppedTracker` that keeps no targets itself."""

    def __init__(self, tracker: SteppedTracker[T]) -> None:
        super().__init__()
        self.tracker = tracker

    def start(self, frame: Frame, boxes: ArrayLike, *, seed: int = 0) -> list[T]:
        return self.tracker.start(frame, boxes, seed=seed)

    def step(self, frames: Sequence[Frame], targets: Sequence[T]) -> list[T]:
        return self.tracker.step(frames, targets)

    def moved(self, target: T, box_xywh: FloatArray) -> T:
        return self.tracker.moved(target, box_xywh)


def as_session(tracker: Tracker | SteppedTracker[Any]) -> Tracker:
    """Return a tracker with `init` and `track`: the given one, or a `Session` around one that has only `start`, `step` and `moved`."""
    return tracker if isinstance(tracker, Tracker) else _Around(tracker)


def joined(results: Sequence[Result], *, single: bool) -> Result:
    """Return the results of n targets as one `Result` with n rows; `single` returns the only one as it is.

    >>> joined([Result(np.zeros(4), 0.5, "tracked"), Result(np.ones(4), 0.25, "lost")], single=False).state
    ('tracked', 'lost')
    """
    if single:
        return results[0]
    masks = [result.mask for result in results if result.mask is not None]
    return Result(
        np.stack([result.box for result in results]),
        np.array([result.score for result in results]),
        tuple(result.state for result in results),  # type: ignore[misc]  # one target each
        np.stack(masks) if masks else None,
    )


__all__ = ["ScoreMapSource", "Session", "SteppedTracker", "TargetState", "Tracker", "as_session", "joined"]
