"""Driving trackers: an episode asks for frames one by one and gets outputs; a tracker runs one episode, or a batch of them.

An episode is a generator. It yields a `Request` (start here, or track this frame), is sent the `Output`, and returns its result.
What to do next (go on, start again after a failure, go backward) is the episode's business and written once; who answers, one
tracker or one batch over many videos, is decided here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from lockon.errors import LockonError
from lockon.ops.pixels import to_rgb
from lockon.session import SteppedTracker, TargetState, Tracker
from lockon.types import FloatArray, Frame, Result, State

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Request:
    """What an episode asks for.

    Attributes:
        read: Gives the frame, (H, W, 3) uint8 RGB.
        box: (4,) x, y, w, h to start on; None to track.
        move: (4,) x, y, w, h, finite, to put the tracker on before it tracks; None to leave it where it is.
        seed: Of the random numbers after a start.
    """

    read: Callable[[], Frame]
    box: FloatArray | None = None
    move: FloatArray | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Output:
    """What the tracker answered to one request.

    Attributes:
        box: (4,) x, y, w, h; the requested one after a start.
        score: In [0, 1], 1 after a start, NaN from trackers without scores.
        state: Tracked, uncertain or lost.
        mask: (H, W) bool or None.
        seconds: Time of the tracker, without reading the frame; NaN where it was not asked.
        size: Width and height of the frame.
    """

    box: FloatArray
    score: float
    state: State
    mask: NDArray[np.bool_] | None
    seconds: float
    size: tuple[int, int]


Episode: TypeAlias = Generator[Request, Output, R]


def seeded(episode: Episode[R], seed: int) -> Episode[R]:
    """Return the episode with `seed` in every request to start."""
    try:
        request = next(episode)
        while True:
            request = episode.send((yield request if request.box is None else replace(request, seed=seed)))
    except StopIteration as end:
        value: R = end.value
        return value
    finally:
        episode.close()


def drive(tracker: Tracker | SteppedTracker[Any], episode: Episode[R]) -> R:
    """Run one episode with any tracker.

    Raises:
        LockonError: An output that is neither a `Result` of one target nor four numbers; a tracker that has no `move` must be moved;
            whatever tracker, frames and episode raise.
    """
    if isinstance(tracker, SteppedTracker):
        ((_, value),) = drive_together(tracker, [episode], 1)
        if isinstance(value, Exception):
            raise value
        return value
    output: Output | None = None
    while True:
        try:
            request = next(episode) if output is None else episode.send(output)
        except StopIteration as end:
            result: R = end.value
            return result
        frame = request.read()
        size = (frame.shape[1], frame.shape[0])
        if request.move is not None:
            put(tracker, request.move)
        begin = time.perf_counter()
        if request.box is not None:
            tracker.init(frame, request.box)
            output = _started(request.box, time.perf_counter() - begin, size)
        else:
            tracked = tracker.track(frame)
            output = _output(tracked, time.perf_counter() - begin, size)


def put(tracker: Tracker, box: FloatArray) -> None:
    """Put a tracker of one target on a box (4,) x, y, w, h.

    Raises:
        LockonError: It has no `move`.
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
    """Return one target's result as an output."""
    targets = as_result(result).each()
    if len(targets) != 1:
        raise LockonError(f"track() returned {len(targets)} targets after a start with one; expected one")
    (only,) = targets
    state: State = only.state if isinstance(only.state, str) else only.state[0]
    return Output(np.asarray(only.box, dtype=np.float64), float(np.asarray(only.score)), state, only.mask, seconds, size)


def as_result(value: Any) -> Result:
    """Return a `Result` as it is; the bare box that an external tracker may return becomes one, "tracked" with a score of NaN.

    Raises:
        LockonError: Neither a `Result` nor four numbers.
    """
    if isinstance(value, Result):
        return value
    try:
        box = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        box = np.zeros(0)
    if box.shape != (4,):
        raise LockonError(f"track() returned {type(value).__name__} {value!r:.60}; expected a lockon.Result or a box x, y, w, h")
    return Result(box, np.nan, "tracked")


@dataclass(slots=True)
class _Slot(Generic[R]):
    """One episode on its way: its number, what it asks for, and the target that its tracker has."""

    number: int
    episode: Episode[R]
    request: Request
    target: TargetState | None = None


def drive_together(
    tracker: SteppedTracker[Any], episodes: Iterable[Episode[R]], batch: int, *, readers: int = 0
) -> Iterator[tuple[int, R | Exception]]:
    """Run many episodes, `batch` of them side by side, stepping all with one call; equal to one by one up to rounding.

    Seconds are the batch's time divided by its size. An episode that fails, or whose frames cannot be read, ends alone.

    Args:
        tracker: A session of it keeps its own targets.
        episodes: Taken one by one when a slot is free.
        batch: Largest number of episodes side by side, from 1.
        readers: Threads that decode the frames of a step; 0 for none.

    Yields:
        The number of the episode in `episodes`, and what it returned or raised, as soon as it ends.

    Raises:
        LockonError: `batch` below 1.
    """
    if batch < 1:
        raise LockonError(f"batch={batch}; expected 1 or more")
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
    except Exception as error:  # noqa: BLE001  # it ends this episode, not the others
        return error


def _advance(
    number: int, episode: Episode[R], output: Output | Exception | None, target: TargetState | None = None
) -> _Slot[R] | tuple[int, R | Exception]:
    """Return the slot with its next request, or how the episode ended."""
    if isinstance(output, Exception):
        episode.close()
        return number, output
    try:
        return _Slot(number, episode, next(episode) if output is None else episode.send(output), target)
    except StopIteration as end:
        return number, end.value
    except Exception as error:  # noqa: BLE001  # as above
        return number, error


def _outputs(tracker: SteppedTracker[Any], batch: list[_Slot[R]], frames: list[Frame | Exception]) -> list[Output | Exception]:
    """Return one output per slot; the slots' targets are replaced."""
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


def _start(tracker: SteppedTracker[Any], slot: _Slot[R], frame: Frame) -> Output | Exception:
    box = slot.request.box
    begin = time.perf_counter()
    try:
        (slot.target,) = tracker.start(to_rgb(frame), box, seed=slot.request.seed)  # type: ignore[arg-type]  # a start has a box
    except Exception as error:  # noqa: BLE001  # as above
        return error
    return _started(box, time.perf_counter() - begin, (frame.shape[1], frame.shape[0]))  # type: ignore[arg-type]


def _step(tracker: SteppedTracker[Any], pairs: list[tuple[_Slot[R], Frame]]) -> dict[int, Output | Exception]:
    """Step all together; where that fails, one by one, to find whose fault it is."""
    if not pairs:
        return {}
    begin = time.perf_counter()
    try:
        if any(slot.target is None for slot, _ in pairs):
            raise LockonError("an episode asked to track before it started")
        targets = tracker.step([to_rgb(frame) for _, frame in pairs], [slot.target for slot, _ in pairs])  # type: ignore[misc]
    except Exception as error:  # noqa: BLE001  # as above
        if len(pairs) == 1:
            return {pairs[0][0].number: error}
        return {number: output for pair in pairs for number, output in _step(tracker, [pair]).items()}
    seconds = (time.perf_counter() - begin) / len(pairs)
    outputs: dict[int, Output | Exception] = {}
    for (slot, frame), target in zip(pairs, targets, strict=True):
        slot.target = target
        outputs[slot.number] = _output(target.result, seconds, (frame.shape[1], frame.shape[0]))
    return outputs


__all__ = ["Episode", "Output", "Request", "as_result", "drive", "drive_together", "put", "seeded"]
