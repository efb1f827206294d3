"""Frames of any source (a video file, a folder of images, a webcam, a URL or arrays) as numbered RGB frames of one size.

Decoding and colour conversion run in a background thread that stays a few frames ahead, so memory does not grow with
the video. A frame that cannot be decoded is skipped with a `LockonWarning`; the frames after it keep their numbers.
"""

from __future__ import annotations

import math
import threading
import warnings
import weakref
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from lockon._background import in_background
from lockon.errors import LockonError, LockonWarning
from lockon.ops.pixels import to_rgb
from lockon.types import Frame
from lockon.video_sources import Gap, Item, NumberedFrame, OpenedSource, Source, open_source

_AHEAD = 4  # decoded frames that wait for the consumer at most
_LISTED = 100  # frame numbers that a report lists at most

T = TypeVar("T")


@dataclass(slots=True)
class ReadReport:
    """Frames that were not read.

    Attributes:
        skipped: Number of frames that could not be decoded.
        indices: The numbers of the first 100 of them.
        dropped: Frames of a live source that were left out because tracking was slower than the camera.
    """

    skipped: int = 0
    indices: list[int] = field(default_factory=list)
    dropped: int = 0


class FrameReader(Iterator[NumberedFrame]):
    """An iterator over the numbered frames of one source, and a context manager; `open_frames` makes it.

    Attributes:
        name: The source, for messages.
        fps: Frames per second, or None where the source does not state it.
        count: Number of frames in the source as it states it, or None where it is unknown (live sources, generators).
        size: Width, height in pixels of every frame.
        images: Names of the image files by frame number, of a folder of images; else empty.
        first: The first frame; iterating starts with this same frame.
        report: Frames that were skipped so far.
    """

    def __init__(self, opened: OpenedSource, start: int) -> None:
        self.name, self.fps, self.count = opened.name, opened.fps, opened.count
        self.images = opened.images
        self.report = ReadReport()
        ahead = _Ahead(opened.items, _AHEAD, opened.live) if opened.background else _Inline(opened.items)
        self._ahead: _Ahead[Item] | _Inline[Item] = ahead
        self._finalizer = weakref.finalize(self, ahead.stop)
        try:
            self.first = self._advance()
        except StopIteration:
            self.close()
            frames = f"no frame from number {start} on" if start else "no frame"
            raise LockonError(f"{self.name}: {frames} could be read; check that it plays and how many frames it has") from None
        except BaseException:
            self.close()
            raise
        height, width = self.first.image.shape[:2]
        self.size = (width, height)
        self._pending: NumberedFrame | None = self.first

    def __iter__(self) -> FrameReader:
        return self

    def __next__(self) -> NumberedFrame:
        """Return the next frame.

        Raises:
            LockonError: The frame's size differs from the first frame's.
        """
        if self._pending is not None:
            frame, self._pending = self._pending, None
            return frame
        frame = self._advance()
        height, width = frame.image.shape[:2]
        if (width, height) != self.size:
            self.close()
            raise LockonError(
                f"{self.name}: frame {frame.number} is {width}x{height} pixels but the first frame is {self.size[0]}x{self.size[1]}; "
                "resize all frames to one size, or split the source there and track each part"
            )
        return frame

    def _advance(self) -> NumberedFrame:
        while True:
            item = self._ahead.next()
            self.report.dropped = self._ahead.dropped
            if isinstance(item, NumberedFrame):
                return item
            self._note(item)

    def _note(self, gap: Gap) -> None:
        self.report.skipped += gap.last - gap.first + 1
        room = max(_LISTED - len(self.report.indices), 0)
        self.report.indices += range(gap.first, min(gap.last + 1, gap.first + room))
        numbers = f"frame {gap.first}" if gap.first == gap.last else f"frames {gap.first} to {gap.last}"
        warnings.warn(f"{self.name}: {numbers} skipped: {gap.reason}", LockonWarning, stacklevel=4)

    def close(self) -> None:
        """Stop decoding and free the source. Iterating ends; closing twice is fine."""
        self._pending = None
        self._finalizer()

    def __enter__(self) -> FrameReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_frames(source: Source, start: int = 0, *, range: ArrayLike | None = None, color: str = "rgb") -> FrameReader:
    """Open a source of frames; decoding starts at once in the background.

    Args:
        source: A video file, a folder of images (read in natural order: 2.jpg before 10.jpg), a webcam number,
            a URL (rtsp://, http://), or an iterable of arrays as `to_rgb` takes them (RGB order). Arrays are taken in
            the caller's thread, when they are needed.
        start: Number of the first frame to yield; the frames keep their numbers.
        range: (low, high), the values of pixels that become black and white, for frames of more than 8 bits; None to
            find them once for the whole video.
        color: Order of the channels of arrays, "rgb" or "bgr".

    Returns:
        Iterator of `NumberedFrame`, all of one size, uint8 (H, W, 3) RGB. A live source yields its newest frames; those
        that a slow consumer missed leave gaps in the numbers. Images whose size changes end the iteration with an
        error; video streams whose size changes are scaled to their first size by OpenCV.

    Raises:
        LockonError: The source is missing, unreadable or empty, or has no frame number `start`.

    >>> with open_frames([np.zeros((4, 6, 3), np.uint8)] * 2) as reader:
    ...     reader.size, [frame.number for frame in reader]
    ((6, 4), [0, 1])
    """
    if start < 0:
        raise LockonError(f"start frame {start} is negative; frames are numbered from 0")
    reader = FrameReader(open_source(source, start, range, color), start)
    if range is None:
        _warn_of_little_contrast(reader.first.image, reader.name)
    return reader


def _warn_of_little_contrast(frame: Frame, name: str) -> None:
    """Warn where the values of the frame on which tracking begins span 4 to 32 of the 256 grey levels: with less it shows nothing."""
    rows, columns = (max(1, size // 128) for size in frame.shape[:2])
    lows, highs = np.percentile(frame[::rows, ::columns].reshape(-1, 3), (0.1, 99.9), axis=0)  # a few pixels may be dead
    if 4 <= np.max(highs - lows) < 32:
        low, high = float(lows.min()), float(highs.max())
        margin = (high - low) / 4  # for what later frames bring
        darkest, brightest = max(math.floor(low - margin), 0), min(math.ceil(high + margin), 255)
        text = f"{name}: the first frame has little contrast, values from {low:g} to {high:g} of 0 to 255"
        hint = f"stretch it with --range {darkest}:{brightest}, in Python range=({darkest}, {brightest})"
        warnings.warn(f"{text}; {hint}", LockonWarning, stacklevel=3)


class _Ahead(Generic[T]):
    """A generator that runs in a background thread, at most `depth` items ahead of its consumer.

    `drop_oldest` is for live sources: the thread never waits, and the consumer gets the newest items.
    """

    def __init__(self, items: Generator[T, None, None], depth: int, drop_oldest: bool) -> None:
        self._items, self._depth, self._drop_oldest = items, depth, drop_oldest
        self._ready: deque[T] = deque()
        self._changed = threading.Condition()
        self._stopped = self._done = False
        self._error: BaseException | None = None
        self.dropped = 0
        self._wait = in_background(self._run)

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            for item in self._items:
                if not self._put(item):
                    break
            self._items.close()
        except BaseException as caught:  # noqa: BLE001 - raised again in the consumer's thread
            error = caught
        with self._changed:
            self._error, self._done = error, True
            self._changed.notify_all()

    def _put(self, item: T) -> bool:
        with self._changed:
            if self._drop_oldest and len(self._ready) >= self._depth:
                self._ready.popleft()
                self.dropped += 1
            self._changed.wait_for(lambda: self._stopped or len(self._ready) < self._depth)
            if self._stopped:
                return False
            self._ready.append(item)
            self._changed.notify_all()
            return True

    def next(self) -> T:
        """Return the next item; raise StopIteration at the end and the generator's own error where it failed."""
        with self._changed:
            while not (self._ready or self._done or self._stopped):
                self._changed.wait(0.5)  # with a timeout, so that Ctrl-C is seen on every system
            if self._ready:
                item = self._ready.popleft()
                self._changed.notify_all()
                return item
            if self._error is not None and not self._stopped:
                raise self._error
            raise StopIteration

    def stop(self) -> None:
        """Stop the generator and drop what it has read. A thread that hangs in a dead network stream is left behind."""
        with self._changed:
            self._stopped = True
            self._ready.clear()
            self._changed.notify_all()
        self._wait(2.0)


class _Inline(Generic[T]):
    """The interface of `_Ahead` without a thread: items are taken from the caller's iterable when they are needed."""

    dropped = 0

    def __init__(self, items: Generator[T, None, None]) -> None:
        self._items = items

    def next(self) -> T:
        return next(self._items)

    def stop(self) -> None:
        self._items.close()


__all__ = ["FrameReader", "NumberedFrame", "ReadReport", "Source", "open_frames", "to_rgb"]
