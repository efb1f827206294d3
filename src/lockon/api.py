"""Tracking of whole videos: `track` yields results, `track_frames` results with their frames and numbers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from lockon._config_values import check_whole
from lockon.errors import LockonError
from lockon.ops.boxes import check_boxes
from lockon.session import SteppedTracker, Tracker, as_session
from lockon.types import FloatArray, Frame, Result, State
from lockon.video import FrameReader, Source, open_frames
from lockon.zoo.loading import load
from lockon.zoo.opencv import around_opencv, is_opencv_tracker


class TrackedFrame(NamedTuple):
    """A frame of a video with the tracker's result.

    Attributes:
        number: Number of the frame in its source, from 0.
        image: Pixels, (H, W, 3) uint8 RGB.
        result: The tracker's result.
    """

    number: int
    image: Frame
    result: Result


def track(
    source: Source,
    box: ArrayLike,
    tracker: str | Tracker = "lockon-s",
    *,
    start: int = 0,
    frames: int | None = None,
    range: ArrayLike | None = None,
    color: str = "rgb",
    weights: str | Path | None = None,
    preset: str = "default",
    device: str = "auto",
    **overrides: Any,
) -> Iterator[Result]:
    """Follow one target or several through a video.

    Mistakes are raised by the call itself, not at the first result. Leaving the loop early, or closing the iterator,
    closes the source.

    >>> for result in lockon.track("clip.mp4", (100, 80, 40, 60)):        # doctest: +SKIP
    ...     print(result.box, result.score, result.state)

    Args:
        source: A video file, a folder of images, a webcam number, a URL or an iterable of arrays.
        box: (4,) or (n, 4) x, y, w, h on the first frame, in pixels; or a text ``x,y,w,h``.
        tracker: A name of `lockon.list_trackers()`, any object with `init` and `track`, or a fresh tracker object of OpenCV,
            for example ``cv2.TrackerCSRT_create()``, for one target.
        start: Number of the frame that the box was drawn on.
        frames: Number of frames to track at most, the first one included; None for all.
        range: (low, high), the values that become black and white in frames of more than 8 bits; None to find them once.
        color: Order of the channels of arrays: "rgb", or "bgr" as OpenCV reads them.
        weights: Passed to `lockon.load`; only with a tracker's name, as are the following.
        preset: Passed to `lockon.load`.
        device: Passed to `lockon.load`.
        **overrides: Passed to `lockon.load`, for example ``refiner="refine-s"``.

    Returns:
        Iterator of one result per frame. The first is the start box itself with score 1; a frame that cannot be decoded has none
        (a `LockonWarning` names its number).

    Raises:
        LockonError: A source, box, tracker or option that does not work, or a frame size that changes midway.
    """
    check_whole(start=start, frames=0 if frames is None else frames)
    if isinstance(tracker, str):
        loaded = load(tracker, weights=weights, preset=preset, device=device, **overrides)
    elif weights is not None or preset != "default" or device != "auto" or overrides:
        raise LockonError(
            "weights, preset, device and overrides belong to a tracker's name; set them where the given tracker object is made"
        )
    else:
        loaded = _given(tracker)
    reader = open_frames(source, start, range=range, color=color)
    try:
        tracked = track_frames(reader, loaded, box, frames)
    except BaseException:
        reader.close()
        raise
    return _results(reader, tracked)


def _given(tracker: object) -> Tracker:
    """Return a tracker object that the user made as one of ours.

    Raises:
        LockonError: It is none.
    """
    if is_opencv_tracker(tracker):
        return around_opencv(tracker)
    if isinstance(tracker, Tracker | SteppedTracker):
        return as_session(tracker)
    raise LockonError(
        f"tracker={tracker!r:.60} is no tracker; give a name such as 'lockon-s', an object with init(frame, box) and track(frame), "
        "or one of OpenCV's trackers"
    )


def _results(reader: FrameReader, tracked: Iterator[TrackedFrame]) -> Iterator[Result]:
    with reader:
        for frame in tracked:
            yield frame.result


def track_frames(reader: FrameReader, tracker: Tracker, box: ArrayLike, frames: int | None = None) -> Iterator[TrackedFrame]:
    """Run the loop under `track` and the command line: start on the reader's first frame and follow.

    Args:
        reader: Fresh from `open_frames`; the caller closes it.
        tracker: Any `Tracker`.
        box: (4,) or (n, 4) x, y, w, h on the first frame.
        frames: Number of frames at most, the first one included; None for all.

    Raises:
        LockonError: A box that does not fit the frame (at once), or whatever the reader raises (on the way).
    """
    if frames is not None and frames < 1:
        raise LockonError(f"{frames} frames to track; give 1 or more")
    return _follow(reader, tracker, check_boxes(box, *reader.size), frames)


def _follow(reader: FrameReader, tracker: Tracker, boxes: FloatArray, frames: int | None) -> Iterator[TrackedFrame]:
    number, image = next(reader)
    tracker = as_session(tracker)
    tracker.init(image, boxes)
    yield TrackedFrame(number, image, _start_result(boxes))
    for number, image in islice(reader, None if frames is None else min(frames - 1, sys.maxsize)):
        yield TrackedFrame(number, image, tracker.track(image))


def _start_result(boxes: FloatArray) -> Result:
    """Return the result on the first frame: the start boxes."""
    if boxes.ndim == 1:
        return Result(boxes, 1.0, "tracked")
    tracked: State = "tracked"
    return Result(boxes, np.ones(len(boxes)), (tracked,) * len(boxes))


__all__ = ["TrackedFrame", "track", "track_frames"]
