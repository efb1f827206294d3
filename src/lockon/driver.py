"""Driving trackers: a course asks for frames one by one and gets answers; a tracker runs one course, or a network many at once.

A course is a generator. It yields a `Call` (start here, or track this frame), is sent the `Answer`, and returns what came of it.
What to do next (go on, start again after a failure, go backward) is the course's business and written once; who answers, one
tracker or one batch over many videos, is decided here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from lockon.errors import LockonError
from lockon.ops.boxes import cxcywh_to_xywh
from lockon.ops.pixels import to_rgb
from lockon.tracker import NetworkTracker, Target, Tracker
from lockon.types import FloatArray, Frame, Result, State

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Call:
    """What a course asks for.

    Attributes:
        read: gives the frame, (H, W, 3) uint8 RGB.
        box: (4,) x, y, w, h to start on; None to track.
        move: (4,) x, y, w, h, finite, to put the tracker on before it tracks; None to leave it where it is.
    """

    read: Callable[[], Frame]
    box: FloatArray | None = None
    move: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the tracker said of one frame.

    Attributes:
        box: (4,) x, y, w, h; the given one after a start. score: in [0, 1], 1 after a start, NaN from trackers without scores.
        state: tracked, uncertain or lost. mask: (H, W) bool or None.
        seconds: that the tracker took, without reading the frame; NaN where it was not asked.
        size: width, height of the frame.
    """

    box: FloatArray
    score: float
    state: State
    mask: NDArray[np.bool_] | None
    seconds: float
    size: tuple[int, int]


Course: TypeAlias = Generator[Call, Answer, R]


def drive(tracker: Tracker, course: Course[R]) -> R:
    """Run one course with any tracker.

    Raises:
        LockonError: an answer that is neither a `Result` of one target nor four numbers; a tracker that shall be moved and has no `move`;
            whatever tracker, frames and course raise.
    """
    answer: Answer | None = None
    while True:
        try:
            call = next(course) if answer is None else course.send(answer)
        except StopIteration as end:
            value: R = end.value
            return value
        frame = call.read()
        size = (frame.shape[1], frame.shape[0])
        if call.move is not None:
            put(tracker, call.move)
        begin = time.perf_counter()
        if call.box is not None:
            tracker.init(frame, call.box)
            answer = _started(call.box, time.perf_counter() - begin, size)
        else:
            result = tracker.track(frame)
            answer = _answer(result, time.perf_counter() - begin, size)


def put(tracker: Tracker, box: FloatArray) -> None:
    """Put a tracker of one target on a box (4,) x, y, w, h.

    Raises:
        LockonError: it has no `move`.
    """
    move = getattr(tracker, "move", None)
    if move is None:
        raise LockonError(
            f"{type(tracker).__name__} has no move(boxes), so it cannot be put anywhere; networks (lockon-s) and refiners have"
        )
    move(box)


def _started(box: FloatArray, seconds: float, size: tuple[int, int]) -> Answer:
    return Answer(np.asarray(box, dtype=np.float64), 1.0, "tracked", None, seconds, size)


def _answer(result: Any, seconds: float, size: tuple[int, int]) -> Answer:
    """What one target's result says."""
    targets = as_result(result).each()
    if len(targets) != 1:
        raise LockonError(f"track() returned {len(targets)} targets after a start with one; expected one")
    (only,) = targets
    state: State = only.state if isinstance(only.state, str) else only.state[0]
    return Answer(np.asarray(only.box, dtype=np.float64), float(np.asarray(only.score)), state, only.mask, seconds, size)


def as_result(found: Any) -> Result:
    """Our own `Result` as it is; the bare box that a foreign tracker may return becomes one, "tracked" with a score of NaN.

    Raises:
        LockonError: neither a `Result` nor four numbers.
    """
    if isinstance(found, Result):
        return found
    try:
        box = np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError):
        box = np.zeros(0)
    if box.shape != (4,):
        raise LockonError(f"track() returned {type(found).__name__} {found!r:.60}; expected a lockon.Result or a box x, y, w, h")
    return Result(box, np.nan, "tracked")


@dataclass(slots=True)
class _Lane(Generic[R]):
    """One course on its way: its number, what it asks for, and the target that its tracker has."""

    number: int
    course: Course[R]
    call: Call
    target: Target | None = None


def drive_together(
    tracker: NetworkTracker, courses: Iterable[Course[R]], lanes: int, *, readers: int = 0
) -> Iterator[tuple[int, R | Exception]]:
    """Run many courses, `lanes` of them side by side, with one forward pass per step for all; equal to one by one up to rounding.

    Seconds are the batch's time divided by its size. A course that fails, or whose frames cannot be read, ends alone.

    Args:
        tracker: its own targets stay as they are.
        courses: taken one by one when a lane is free.
        lanes: largest batch, from 1.
        readers: threads that decode the frames of a step; 0 for none.

    Yields:
        number of the course in `courses`, and what it returned or raised, as soon as it ends.

    Raises:
        LockonError: `lanes` below 1.
    """
    if lanes < 1:
        raise LockonError(f"lanes={lanes}; expected 1 or more")
    waiting = enumerate(courses)
    active: list[_Lane[R]] = []
    with ThreadPoolExecutor(max(readers, 1)) as pool:
        while True:
            while len(active) < lanes and (following := next(waiting, None)) is not None:
                begun = _advance(*following, None)
                if isinstance(begun, _Lane):
                    active.append(begun)
                else:
                    yield begun
            if not active:
                return
            frames = list((pool.map if readers else map)(_read, active))
            going = []
            for lane, answer in zip(active, _answers(tracker, active, frames), strict=True):
                moved = _advance(lane.number, lane.course, answer, lane.target)
                if isinstance(moved, _Lane):
                    going.append(moved)
                else:
                    yield moved
            active = going


def _read(lane: _Lane[R]) -> Frame | Exception:
    try:
        return lane.call.read()
    except Exception as error:  # noqa: BLE001  # it ends this course, not the others
        return error


def _advance(
    number: int, course: Course[R], answer: Answer | Exception | None, target: Target | None = None
) -> _Lane[R] | tuple[int, R | Exception]:
    """The lane with its next call, or how the course ended."""
    if isinstance(answer, Exception):
        course.close()
        return number, answer
    try:
        return _Lane(number, course, next(course) if answer is None else course.send(answer), target)
    except StopIteration as end:
        return number, end.value
    except Exception as error:  # noqa: BLE001  # as above
        return number, error


def _answers(tracker: NetworkTracker, lanes: list[_Lane[R]], frames: list[Frame | Exception]) -> list[Answer | Exception]:
    """One answer per lane; the lanes' targets are replaced."""
    answers: dict[int, Answer | Exception] = {}
    stepping: list[tuple[_Lane[R], Frame]] = []
    for lane, frame in zip(lanes, frames, strict=True):
        if isinstance(frame, Exception):
            answers[lane.number] = frame
        elif lane.call.box is not None:
            answers[lane.number] = _start(tracker, lane, frame)
        else:
            if lane.call.move is not None and lane.target is not None:
                lane.target = tracker.moved(lane.target, lane.call.move)
            stepping.append((lane, frame))
    answers |= _step(tracker, stepping)
    return [answers[lane.number] for lane in lanes]


def _start(tracker: NetworkTracker, lane: _Lane[R], frame: Frame) -> Answer | Exception:
    box = lane.call.box
    begin = time.perf_counter()
    try:
        (lane.target,) = tracker.start(frame, box)  # type: ignore[arg-type]  # a start has a box
    except Exception as error:  # noqa: BLE001  # as above
        return error
    return _started(box, time.perf_counter() - begin, (frame.shape[1], frame.shape[0]))  # type: ignore[arg-type]


def _step(tracker: NetworkTracker, pairs: list[tuple[_Lane[R], Frame]]) -> dict[int, Answer | Exception]:
    """One forward pass; where it fails, one per lane, to find whose fault it is."""
    if not pairs:
        return {}
    begin = time.perf_counter()
    try:
        if any(lane.target is None for lane, _ in pairs):
            raise LockonError("a course asked to track before it started")
        targets = tracker.step([to_rgb(frame) for _, frame in pairs], [lane.target for lane, _ in pairs])  # type: ignore[misc]
    except Exception as error:  # noqa: BLE001  # as above
        if len(pairs) == 1:
            return {pairs[0][0].number: error}
        return {number: answer for pair in pairs for number, answer in _step(tracker, [pair]).items()}
    seconds = (time.perf_counter() - begin) / len(pairs)
    answers: dict[int, Answer | Exception] = {}
    for (lane, _), target in zip(pairs, targets, strict=True):
        lane.target = target
        answers[lane.number] = Answer(cxcywh_to_xywh(target.box), target.score, target.state, target.mask, seconds, target.size)
    return answers


__all__ = ["Answer", "Call", "Course", "as_result", "drive", "drive_together"]
