"""`RefinedTracker`: a refiner behind any tracker, which makes a tracker again; `with_refiner` makes it.

Yan et al., Alpha-Refine, CVPR 2021, Sec. 3.1: the base tracker finds the target, the refiner its exact box, and the refined box goes back
into the base tracker where that can be moved. What is asked, reported and written back is decided in `lockon.refiners.combine`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import NoneType
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from lockon._one_thread import OneThread, exclusive
from lockon.driver import as_result
from lockon.errors import LockonError, LockonWarning
from lockon.ops.arrays import brief
from lockon.ops.boxes import box_array
from lockon.ops.pixels import FrameConversion
from lockon.ops.score_map import ScoreMap
from lockon.refiners.combine import RefineConfig, refine_results
from lockon.refiners.guard import check_masks
from lockon.refiners.protocol import Refiner, SteppedRefiner
from lockon.session import Session, SteppedTracker, TargetState, Tracker, as_session, joined
from lockon.types import FloatArray, Frame, Result

T = TypeVar("T", bound=TargetState)
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class RefinedTarget(Generic[T, R]):
    """One target of a refined tracker.

    Attributes:
        base: The state of the tracker.
        reference: What the refiner keeps of the target.
        result: What was reported last.
    """

    base: T
    reference: R
    result: Result


class RefinedTracker(Session[RefinedTarget[T, R]]):
    """A tracker with a refiner behind it, both of them values. Score and state are the tracker's.

    Args:
        tracker: Any `SteppedTracker`; it goes on from refined boxes.
        refiner: Any `SteppedRefiner`.
        config: What is refined.

    Raises:
        LockonError: Masks are asked of a refiner that makes none.
    """

    def __init__(self, tracker: SteppedTracker[T], refiner: SteppedRefiner[R], config: RefineConfig | None = None) -> None:
        super().__init__()
        self.tracker = tracker
        self.refiner = refiner
        self.config = config or RefineConfig()
        check_masks(mask=self.config.needs_masks, masks=refiner.masks)

    @property
    def makes_masks(self) -> bool:
        """Whether results have masks."""
        return self.config.mask or bool(getattr(self.tracker, "makes_masks", True))

    @property
    def keep_scores(self) -> bool:
        """Whether the tracker keeps its score maps; an AttributeError where it has none."""
        base: Any = self.tracker
        return bool(base.keep_scores)

    @keep_scores.setter
    def keep_scores(self, keep: bool) -> None:
        base: Any = self.tracker
        base.keep_scores = keep

    @property
    def score_maps(self) -> tuple[ScoreMap, ...]:
        """The tracker's score maps of the last `track` call, one per target."""
        bases: list[Any] = [target.base for target in self.targets]
        return tuple(base.scores for base in bases if base.scores is not None)

    def start(self, frame: Frame, boxes: ArrayLike, *, seed: int = 0) -> list[RefinedTarget[T, R]]:
        """Return one state per box (4,) or (n, 4) x, y, w, h, see `SteppedTracker.start`.

        Raises:
            LockonError: Whatever tracker and refiner raise.
        """
        boxes = _start_boxes(self.config, boxes)
        bases, references = self.tracker.start(frame, boxes, seed=seed), self.refiner.start(frame, boxes)
        return [RefinedTarget(base, reference, base.result) for base, reference in zip(bases, references, strict=True)]

    def step(self, frames: Sequence[Frame], targets: Sequence[RefinedTarget[T, R]]) -> list[RefinedTarget[T, R]]:
        """Return the next state of each target: the tracker's step, then one pass of the refiner for all targets.

        Where the refiner has no box, the tracker's box stays, to the last bit.

        Raises:
            LockonError: Whatever the tracker raises.
        """
        bases = self.tracker.step(frames, [target.base for target in targets])
        results = [base.result for base in bases]
        references = [target.reference for target in targets]

        def refine(asked: FloatArray) -> list[Result]:
            return self.refiner.refine_batch(frames, references, asked, mask=self.config.needs_masks)

        made = []
        for base, target, (result, box) in zip(bases, targets, refine_results(self.config, frames, results, refine), strict=True):
            moved = base if box is None or not self.config.write_back else self.tracker.moved(base, box)
            made.append(replace(target, base=moved, result=result))
        return made

    def moved(self, target: RefinedTarget[T, R], box_xywh: FloatArray) -> RefinedTarget[T, R]:
        """Return the target as its tracker moves it to the box (4,) x, y, w, h."""
        base = self.tracker.moved(target.base, box_xywh)
        return replace(target, base=base, result=base.result)


class RefinedSession(OneThread):
    """A tracker with `init` and `track` alone and a refiner behind it, such as OpenCV's; it cannot be stepped in a batch.

    Args:
        tracker: One with ``move(boxes)`` goes on from refined boxes.
        refiner: Any `Refiner`.
        config: What is refined.

    Raises:
        LockonError: Masks are asked of a refiner that makes none.
    """

    def __init__(self, tracker: Tracker, refiner: Refiner, config: RefineConfig | None = None) -> None:
        self.tracker = tracker
        self.refiner = refiner
        self.config = config or RefineConfig()
        self._conversion = FrameConversion()
        self._warned = False
        check_masks(mask=self.config.needs_masks, masks=bool(getattr(refiner, "masks", True)))

    @property
    def makes_masks(self) -> bool:
        """Whether results have masks."""
        return self.config.mask or bool(getattr(self.tracker, "makes_masks", True))

    @property
    def move(self) -> Callable[[ArrayLike], None]:
        """The tracker's own `move`; an AttributeError where it has none, as if this were not here."""
        tracker: Any = self.tracker
        moves: Callable[[ArrayLike], None] = tracker.move
        return moves

    @exclusive
    def init(self, frame: ArrayLike, box: ArrayLike, *, range: ArrayLike | None = None, color: str = "rgb") -> None:
        """Start tracker and refiner on `frame` with one box (4,) or n boxes (n, 4), x, y, w, h in pixels.

        Args:
            frame: As for `Session.init`.
            box: (4,) or (n, 4).
            range: As for `Session.init`.
            color: As for `Session.init`.

        Raises:
            LockonError: Whatever either of them raises.
        """
        self._conversion = FrameConversion(range, color)
        frame, box = self._conversion(frame), _start_boxes(self.config, box)
        self.tracker.init(frame, box)
        self.refiner.init(frame, box)

    @exclusive
    def track(self, frame: ArrayLike, *, color: str | None = None) -> Result:
        """Return the tracker's result with refined boxes; where the refiner has no box, the tracker's stays, to the last bit.

        Args:
            frame: As for `Session.track`.
            color: As for `Session.track`.

        Raises:
            LockonError: Whatever the tracker raises, or an output of it that is no box.
        """
        frame = self._conversion(frame, color)
        base = as_result(self.tracker.track(frame))
        single, results = base.box.ndim == 1, list(base.each())

        def refine(asked: FloatArray) -> list[Result]:
            return list(self.refiner.refine(frame, asked[0] if single else asked, mask=self.config.needs_masks).each())

        made = refine_results(self.config, [frame] * len(results), results, refine)
        boxes = np.stack([np.full(4, np.nan) if box is None else box for _, box in made])
        if self.config.write_back and np.isfinite(boxes).any():
            self._write_back(boxes[0] if single else boxes)
        return joined([result for result, _ in made], single=single)

    def _write_back(self, boxes: FloatArray) -> None:
        move = getattr(self.tracker, "move", None)
        if move is not None:
            move(boxes)
        elif not self._warned:
            self._warned = True
            name = type(self.tracker).__name__
            text = f"{name} has no move(boxes), so it goes on from its own boxes; silence this with refine.write_back=false"
            warnings.warn(text, LockonWarning, stacklevel=4)


def with_refiner(
    tracker: Tracker | SteppedTracker[Any], refiner: Refiner, config: RefineConfig | None = None
) -> RefinedTracker[Any, Any] | RefinedSession:
    """Return a tracker with a refiner behind it: steps in batches where both can, else one video at a time.

    Args:
        tracker: Ours, OpenCV's, or anybody's with `init` and `track`.
        refiner: `AlphaRefiner`, `SiamMaskRefiner`, or anybody's with `init` and `refine`.
        config: What is refined.

    Raises:
        LockonError: An argument of another kind, or masks that are asked of a refiner that says it makes none.
    """
    for name, value, kinds, expected in (
        (
            "tracker",
            tracker,
            (Tracker, SteppedTracker),
            "an object with init(frame, box) and track(frame); lockon.load makes one of a name",
        ),
        (
            "refiner",
            refiner,
            (Refiner, SteppedRefiner),
            "an object with init(frame, box) and refine(frame, box), which load_refiner makes of a name",
        ),
        ("config", config, (RefineConfig, NoneType), "a RefineConfig"),
    ):
        if isinstance(value, type) or not isinstance(value, kinds):
            raise LockonError(f"{name}={brief(value)} given, expected {expected}")
    if isinstance(tracker, SteppedTracker) and isinstance(refiner, SteppedRefiner):
        return RefinedTracker(tracker, refiner, config)
    return RefinedSession(as_session(tracker), refiner, config)


def _start_boxes(config: RefineConfig, boxes: ArrayLike) -> FloatArray:
    rows = box_array(boxes)
    return np.add(rows, (0.5, 0.5, 0.0, 0.0)) if config.official_start else rows


__all__ = ["RefinedSession", "RefinedTarget", "RefinedTracker", "with_refiner"]
