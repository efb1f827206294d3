"""Driving trackers: a course asks for frames one by one and gets answers; a tracker runs one course, or a network many at once.

A course is a generator. It yields a `Request` (start here, or track this frame), is sent the `Output`, and returns what came of it.
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
class Request:
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
class Output:
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


Episode: TypeAlias = Generator[Request, Output, R]


def drive(tracker: Tracker, episode: Episode[R]) -> R:
    """Run one course with any tracker.

    Raises:
        LockonError: an answer that is neither a `Result` of one target nor four numbers; a tracker that shall be moved and has no `move`;
            whatever tracker, frames and course raise.
    """
    output: Output | None = None
    while True:
        try:
            request = next(episode) if output is None else episode.send(output)
        except StopIteration as end:
            value: R = end.value
            return value
        frame = request.read()
        size = (frame.shape[1], frame.shape[0])
        if request.move is not None:
            put(tracker, request.move)
        begin = time.perf_counter()
        if request.box is not None:
            tracker.init(frame, request.box)
            output = _started(request.box, time.perf_counter() - begin, size)
        else:
            result = tracker.track(frame)
            output = _output(result, time.perf_counter() - begin, size)


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


def _started(box: FloatArray, seconds: float, size: tuple[int, int]) -> Output:
    return Output(np.asarray(box, dtype=np.float64), 1.0, "tracked", None, seconds, size)


def _output(result: Any, seconds: float, size: tuple[int, int]) -> Output:
    """What one target's result says."""
    targets = as_result(result).each()
    if len(targets) != 1:
        raise LockonError(f"track() returned {len(targets)} targets after a start with one; expected one")
    (only,) = targets
    state: State = only.state if isinstance(only.state, str) else only.state[0]
    return Output(np.asarray(only.box, dtype=np.float64), float(np.asarray(only.score)), state, only.mask, seconds, size)


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
class _Slot(Generic[R]):
    """One course on its way: its number, what it asks for, and the target that its tracker has."""

    number: int
    episode: Episode[R]
    request: Request
    target: Target | None = None


def drive_together(
    tracker: NetworkTracker, episodes: Iterable[Episode[R]], batch: int, *, readers: int = 0
) -> Iterator[tuple[int, R | Exception]]:
    """Run many courses, `batch` of them side by side, with one forward pass per step for all; equal to one by one up to rounding.

    Seconds are the batch's time divided by its size. A course that fails, or whose frames cannot be read, ends alone.

    Args:
        tracker: its own targets stay as they are.
        courses: taken one by one when a lane is free.
        lanes: largest batch, from 1.
        readers: threads that decode the frames of a step; 0 for none.

    Yields:
        number of the course in `episodes`, and what it returned or raised, as soon as it ends.

    Raises:
        LockonError: `batch` below 1.
    """
    if batch < 1:
        raise LockonError(f"lanes={batch}; expected 1 or more")
    waiting = enumerate(episodes)
    active: list[_Slot[R]] = []
    with ThreadPoolExecutor(max(readers, 1)) as pool:
        while True:
            while len(active) < batch and (following := next(waiting, None)) is not None:
                begun = _advance(*following, None)
                if isinstance(begun, _Slot):
                    active.append(begun)
                else:
                    yield begun
            if not active:
                return
            frames = list((pool.map if readers else map)(_read, active))
            going = []
            for slot, output in zip(active, _outputs(tracker, active, frames), strict=True):
                moved = _advance(slot.number, slot.episode, output, slot.target)
                if isinstance(moved, _Slot):
                    going.append(moved)
                else:
                    yield moved
            active = going


def _read(slot: _Slot[R]) -> Frame | Exception:
    try:
        return slot.request.read()
    except Exception as error:  # noqa: BLE001  # it ends this course, not the others
        return error


def _advance(
    number: int, episode: Episode[R], output: Output | Exception | None, target: Target | None = None
) -> _Slot[R] | tuple[int, R | Exception]:
    """The lane with its next call, or how the course ended."""
    if isinstance(output, Exception):
        episode.close()
        return number, output
    try:
        return _Slot(number, episode, next(episode) if output is None else episode.send(output), target)
    except StopIteration as end:
        return number, end.value
    except Exception as error:  # noqa: BLE001  # as above
        return number, error


def _outputs(tracker: NetworkTracker, batch: list[_Slot[R]], frames: list[Frame | Exception]) -> list[Output | Exception]:
    """One answer per lane; the lanes' targets are replaced."""
    outputs: dict[int, Output | Exception] = {}
    stepping: list[tuple[_Slot[R], Frame]] = []
    for slot, frame in zip(batch, frames, strict=True):
        if isinstance(frame, Exception):
            outputs[slot.number] = frame
        elif slot.request.box is not None:
            outputs[slot.number] = _start(tracker, slot, frame)
        else:
            if slot.request.move is not None and slot.target is not None:
                slot.target = tracker.moved(slot.target, slot.request.move)
            stepping.append((slot, frame))
    outputs |= _step(tracker, stepping)
    return [outputs[slot.number] for slot in batch]


def _start(tracker: NetworkTracker, slot: _Slot[R], frame: Frame) -> Output | Exception:
    box = slot.request.box
    begin = time.perf_counter()
    try:
        (slot.target,) = tracker.start(frame, box)  # type: ignore[arg-type]  # a start has a box
    except Exception as error:  # noqa: BLE001  # as above
        return error
    return _started(box, time.perf_counter() - begin, (frame.shape[1], frame.shape[0]))  # type: ignore[arg-type]


def _step(tracker: NetworkTracker, pairs: list[tuple[_Slot[R], Frame]]) -> dict[int, Output | Exception]:
    """One forward pass; where it fails, one per lane, to find whose fault it is."""
    if not pairs:
        return {}
    begin = time.perf_counter()
    try:
        if any(slot.target is None for slot, _ in pairs):
            raise LockonError("a course asked to track before it started")
        targets = tracker.step([to_rgb(frame) for _, frame in pairs], [slot.target for slot, _ in pairs])  # type: ignore[misc]
    except Exception as error:  # noqa: BLE001  # as above
        if len(pairs) == 1:
            return {pairs[0][0].number: error}
        return {number: output for pair in pairs for number, output in _step(tracker, [pair]).items()}
    seconds = (time.perf_counter() - begin) / len(pairs)
    outputs: dict[int, Output | Exception] = {}
    for (slot, _), target in zip(pairs, targets, strict=True):
        slot.target = target
        outputs[slot.number] = Output(cxcywh_to_xywh(target.box), target.score, target.state, target.mask, seconds, target.size)
    return outputs


__all__ = ["Episode", "Output", "Request", "as_result", "drive", "drive_together"]
