"""What a refiner costs: milliseconds per frame of a tracker without and with it, measured side by side (Alpha-Refine's Table 4).

Yan et al., CVPR 2021, Sec. 4.2. Both trackers run in one process and take turns on every frame, the one first that was second before, so
that whatever else the machine does meets both alike. What is added is the difference of each frame's pair.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lockon.bench.tables.markdown import markdown
from lockon.bench.tables.model import Cell, Table, number, speed
from lockon.data.sequence import VideoSequence, first_annotated
from lockon.errors import LockonError
from lockon.session import Tracker
from lockon.types import FloatArray, Frame


@dataclass(frozen=True, slots=True)
class LatencyScene:
    """What is tracked: frames (H, W, 3) uint8 RGB, the target's box (4,) x, y, w, h on the first of them, and a name."""

    name: str
    frames: Sequence[Frame]
    box: FloatArray


@dataclass(frozen=True, slots=True)
class Latency:
    """One tracker without and with a refiner.

    Attributes:
        base: Label of the tracker without the refiner.
        refined: Label of the tracker with it.
        milliseconds: (2, N) of each counted frame, base first; columns are pairs.
    """

    base: str
    refined: str
    milliseconds: FloatArray

    def summary(self) -> dict[str, float]:
        """Return the median and mean per frame in milliseconds, frames per second at the median, and what is added.

        What is added is the median and the mean of the pairs' differences.
        """
        base, refined = self.milliseconds
        found: dict[str, float] = {}
        for name, values in (("base", base), ("refined", refined), ("added", refined - base)):
            found |= {f"{name}_median_ms": float(np.median(values)), f"{name}_mean_ms": float(np.mean(values))}
        return {**found, **{f"{name}_fps": 1000 / found[f"{name}_median_ms"] for name in ("base", "refined")}}

    def as_json(self) -> dict[str, Any]:
        """Return the labels, number of frames and metrics as JSON values."""
        return {"base": self.base, "refined": self.refined, "frames": self.milliseconds.shape[1], **self.summary()}


def scene_of(sequence: VideoSequence, frames: int) -> LatencyScene:
    """Return the first frames of a sequence from its first usable box on, read now, so that no reading stands between two trackers.

    Args:
        sequence: The video.
        frames: Most of them, from 2.

    Raises:
        LockonError: No usable box, or an unreadable frame.
    """
    start = first_annotated(sequence)
    return LatencyScene(
        sequence.name, [sequence.frames[i] for i in range(start, min(start + frames, len(sequence)))], sequence.boxes[start]
    )


def measure(
    base: Tracker,
    refined: Tracker,
    scenes: Sequence[LatencyScene],
    *,
    rounds: int = 3,
    warmup: int = 10,
    labels: tuple[str, str] = ("base", "refined"),
    advance: Callable[[int], None] | None = None,
) -> Latency:
    """Track every scene with both trackers, taking turns frame by frame.

    Args:
        base: Without the refiner.
        refined: With the refiner; an object that shares nothing with `base`.
        scenes: At least one with more frames than `warmup` + 1.
        rounds: Over all scenes.
        warmup: Frames after each start that do not count.
        labels: Of the two.
        advance: Told the number of frames just done.

    Raises:
        LockonError: Rounds below 1, a negative warm-up, no frame left to count, or whatever a tracker raises.
    """
    if rounds < 1 or warmup < 0:
        raise LockonError(f"rounds={rounds}, warmup={warmup}; expected rounds of 1 or more and a warm-up of 0 or more")
    pairs: list[tuple[float, float]] = []
    for turn in range(rounds):
        for scene in scenes:
            for tracker in (base, refined):
                tracker.init(scene.frames[0], scene.box)
            for place, frame in enumerate(scene.frames[1:]):
                pair = _pair(base, refined, frame, swapped=(place + turn) % 2 == 1)
                if place >= warmup:
                    pairs.append(pair)
            if advance is not None:
                advance(len(scene.frames))
    if not pairs:
        longest = max((len(scene.frames) for scene in scenes), default=0)
        raise LockonError(f"scenes of at most {longest} frames and {warmup} of warm-up leave none to measure; give more frames")
    return Latency(*labels, np.array(pairs).T * 1000)


def _pair(base: Tracker, refined: Tracker, frame: Frame, *, swapped: bool) -> tuple[float, float]:
    """Measure the seconds of both on one frame, base first, whichever begins."""
    if swapped:
        later = _seconds(refined, frame)
        return _seconds(base, frame), later
    return _seconds(base, frame), _seconds(refined, frame)


def _seconds(tracker: Tracker, frame: Frame) -> float:
    begin = time.perf_counter()
    tracker.track(frame)
    return time.perf_counter() - begin


def latency_markdown(rows: Sequence[Latency], conditions: Sequence[str] = ()) -> str:
    """Write one row per tracker: milliseconds and frames per second without and with the refiner, and the milliseconds added.

    Args:
        rows: As measured.
        conditions: Sentences about machine, threads and data, for below.
    """
    body = []
    for row in rows:
        values = row.summary()
        cells = [row.base, row.refined.rpartition("+")[2]]
        for side in ("base", "refined"):
            cells += [_both(values, side), speed(values[f"{side}_fps"])]
        added = f"{values['added_median_ms']:+.1f} ({values['added_mean_ms']:+.1f})"
        body.append(tuple(map(Cell, (*cells, added, str(row.milliseconds.shape[1])))))
    head = ("tracker", "refiner", "ms", "fps", "refined ms", "fps", "added ms", "frames")
    notes = (
        "Per frame: median, in brackets mean, without decoding and without starts; fps at the median. Added: of the differences "
        "frame by frame; both trackers ran in one process and took turns on every frame.",
        *conditions,
    )
    return markdown([Table("What a refiner costs", "latency", head, tuple(body), notes)])


def _both(values: Mapping[str, float], side: str) -> str:
    return f"{number(values[f'{side}_median_ms'], 1)} ({number(values[f'{side}_mean_ms'], 1)})"


__all__ = ["Latency", "LatencyScene", "latency_markdown", "measure", "scene_of"]
