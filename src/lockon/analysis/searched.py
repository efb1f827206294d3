"""What a tracker sees of single frames of a sequence that it tracks: for pictures of its candidates and scores."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from lockon.analysis.absence import Advance, usable_frames
from lockon.data.sequence import VideoSequence
from lockon.errors import LockonError
from lockon.ops.boxes import cxcywh_to_xyxy, iou_xyxy, xywh_to_xyxy
from lockon.ops.crop import Crop
from lockon.ops.score_map import ScoreMap
from lockon.session import ScoreMapSource, Tracker
from lockon.tracker import CandidateTracker, SearchOutput
from lockon.types import FloatArray, Frame


@dataclass(frozen=True, slots=True)
class SearchedFrame:
    """One frame as a tracker searched it; boxes are pixels of the search crop.

    Attributes:
        sequence: Name of the video.
        frame: Number of the frame, from 0.
        window: The search window, one crop.
        image: (S, S, 3) uint8 RGB pixels of the window; black outside of the frame.
        box: (4,) x1, y1, x2, y2 answer of the tracker.
        truth: (4,) true box, None where the target is absent or not annotated.
        scores: (s, s) the tracker's score map.
        stride: Distance of its points in crop pixels; the map's middle is the middle of the crop.
        seen: All candidates, of trackers that show them.
    """

    sequence: str
    frame: int
    window: Crop
    image: Frame
    box: FloatArray
    truth: FloatArray | None
    scores: FloatArray
    stride: float
    seen: SearchOutput | None = None

    @property
    def iou(self) -> float:
        """Return the IoU of the answer with the true box; NaN without one."""
        return self.overlap(self.box)

    def overlap(self, box: FloatArray) -> float:
        """Return the IoU of a box (4,) in crop pixels with the true box; NaN without one."""
        return float("nan") if self.truth is None else float(iou_xyxy(box, self.truth))

    def points(self, side: int) -> tuple[FloatArray, FloatArray]:
        """Return the (side,) x and the (side,) y of the points of a map that fills the crop as the score map does, in crop pixels."""
        offset = (np.arange(side) - (side - 1) / 2) * self.stride
        middle = self.window.to_crop(np.tile(self.window.center, 2))
        return middle[0] + offset, middle[1] + offset


def frame_numbers(sequence: VideoSequence, count: int) -> tuple[int, ...]:
    """Return the numbers of at most `count` frames after the first annotated one, evenly spread, the last frame among them.

    Raises:
        LockonError: No frame after an annotated one.
    """
    start, last = _start(sequence), len(sequence) - 1
    if start >= last:
        raise LockonError(f"{sequence.name} has no frame after its first annotated one; give a longer sequence")
    numbers = np.linspace(start, last, count + 1)[1:].round().astype(int)
    return tuple(dict.fromkeys(int(number) for number in numbers if number > start))


def searched_frames(
    tracker: Tracker, sequence: VideoSequence, numbers: Collection[int], advance: Advance | None = None
) -> Iterator[SearchedFrame]:
    """Track a sequence from its first annotated frame up to the last of some frames, and yield what was seen of these.

    Args:
        tracker: One that shows its candidates, or its score maps.
        sequence: The video.
        numbers: Of the frames, from 0, after the first annotated one.
        advance: Told the number of frames that were just done, for a progress bar.

    Raises:
        LockonError: A tracker that shows neither, or a number that is none of a tracked frame.
    """
    start = _start(sequence)
    if min(numbers) <= start or max(numbers) >= len(sequence):
        raise LockonError(f"{sequence.name} has tracked frames {start + 1} to {len(sequence) - 1}; {sorted(numbers)} were asked for")
    if isinstance(tracker, CandidateTracker):
        found = _with_candidates(tracker, sequence, start, numbers)
    elif isinstance(tracker, ScoreMapSource):
        tracker.keep_scores = True
        found = _with_score_maps(tracker, lambda: tracker.score_maps[0], sequence, start, numbers)
    else:
        name = type(tracker).__name__
        raise LockonError(f"{name} shows neither candidates nor score maps; give a tracker with a network, such as lockon-s")
    for searched in found:
        if searched is not None:
            yield searched
        if advance is not None:
            advance(1)


def _with_candidates(
    tracker: CandidateTracker[Any], sequence: VideoSequence, start: int, numbers: Collection[int]
) -> Iterator[SearchedFrame | None]:
    """Yield what was seen of each frame; None for those that nobody asked for."""
    targets = tracker.start(sequence.frames[start], sequence.boxes[start])
    for number in range(start + 1, max(numbers) + 1):
        frame = sequence.frames[number]
        yield _of_candidates(sequence, number, frame, tracker.search([frame], targets)) if number in numbers else None
        targets = tracker.step([frame], targets)


def _with_score_maps(
    tracker: Tracker, last_map: Callable[[], ScoreMap], sequence: VideoSequence, start: int, numbers: Collection[int]
) -> Iterator[SearchedFrame | None]:
    """Yield what was seen of each frame; None for those that nobody asked for."""
    tracker.init(sequence.frames[start], sequence.boxes[start])
    for number in range(start + 1, max(numbers) + 1):
        frame = sequence.frames[number]
        result = tracker.track(frame)
        if number not in numbers:
            yield None
            continue
        scores = last_map()
        box = scores.crop.to_crop(xywh_to_xyxy(result.box))
        yield _searched(sequence, number, frame, scores.crop, box=box, scores=(scores.scores, scores.stride))


def _start(sequence: VideoSequence) -> int:
    """Return the number of the first annotated frame.

    Raises:
        LockonError: There is none.
    """
    known = usable_frames(sequence)
    if not len(known):
        raise LockonError(f"{sequence.name} has no annotated frame; give an annotated sequence")
    return int(known[0])


def _of_candidates(sequence: VideoSequence, number: int, frame: Frame, seen: SearchOutput) -> SearchedFrame:
    window, ranked = seen.crops[0], seen.localization.ranked
    box = window.to_crop(cxcywh_to_xyxy(seen.localization.boxes[0]))
    scores = by_point(seen.localization.scores[0], ranked.anchors)
    stride = window.size / len(scores) if seen.stride is None else seen.stride
    return _searched(sequence, number, frame, window, box=box, scores=(scores, stride), seen=seen)


def _searched(
    sequence: VideoSequence,
    number: int,
    frame: Frame,
    window: Crop,
    *,
    box: FloatArray,
    scores: tuple[FloatArray, float],
    seen: SearchOutput | None = None,
) -> SearchedFrame:
    truth = window.to_crop(xywh_to_xyxy(sequence.boxes[number])) if number in usable_frames(sequence) else None
    image = window.extract(frame, np.zeros(3))
    return SearchedFrame(sequence.name, number, window, image, box, truth, scores[0], scores[1], seen)


def by_point(values: FloatArray, anchors: int) -> FloatArray:
    """Return (A s s,) values of candidates, one anchor's map after the other, as the (s, s) map of the highest at each point."""
    side = round((values.size / anchors) ** 0.5)
    return np.asarray(np.reshape(values, (anchors, side, side)).max(axis=0), dtype=np.float64)


__all__ = ["SearchedFrame", "by_point", "frame_numbers", "searched_frames"]
