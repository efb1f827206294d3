"""A target that leaves the frame and returns, made from two videos: is it reported gone, and is it found again.

A target that is cut out along its masks, frame after frame, is pasted on another video. It moves in the frame, crosses
the border, stays away, and returns near where it left, as a tracker that searches around the last place can find it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lockon.analysis.absence import Advance
from lockon.data.sequence import VideoSequence
from lockon.data.synthesize import Cutout, Layer, Motion, paste
from lockon.ops.boxes import clip_xyxy, iou_xyxy, xywh_to_xyxy
from lockon.session import SteppedTracker
from lockon.types import FloatArray, Frame, State

PRESENT = 0.5  # the target counts as present where at least this part of its box is in the frame, as absent where none is
BATCH = 16  # composites that are tracked together


@dataclass(frozen=True, slots=True, kw_only=True)
class PresenceSchedule:
    """The phases of a composite, in frames: in the frame, leaving, away, returning, in the frame."""

    stay: int = 30
    leave: int = 10
    away: int = 20
    back: int = 10
    end: int = 30

    def __len__(self) -> int:
        return self.stay + self.leave + self.away + self.back + self.end

    def outside(self, t: int) -> float:
        """Return 0 in the frame, 1 outside, a number between them on the way."""
        times = np.cumsum([self.stay, self.leave, self.away, self.back])
        return float(np.interp(t, times, [0, 1, 1, 0]))


@dataclass(frozen=True, slots=True)
class Composite:
    """A target that is cut out of one video and pasted on another one, leaves the frame and returns beside where it left.

    Attributes:
        target: Name of the video that the `cutouts` are of, frame after frame.
        scene: The video that they are pasted on.
        size: sqrt(area) of the cut-out in frame pixels.
        inside: (2,) x, y around which it moves in the frame.
        outside: (2,) where it is while away.
        shift: (2,) how far from where it left it returns.
        phase: Of its movement, in radians.
    """

    target: str
    scene: VideoSequence
    cutouts: tuple[Cutout, ...]
    size: float
    inside: FloatArray
    outside: FloatArray
    shift: FloatArray
    phase: float
    schedule: ClassVar = PresenceSchedule()

    def render(self, t: int) -> tuple[Frame, FloatArray, float]:
        """Return frame `t` (H, W, 3), the target's (4,) xyxy box clipped to the frame, and the part of its box in the frame, 0..1."""
        frame = self.scene.frames[_to_and_fro(t, len(self.scene))].copy()
        x, y = self._place(t)
        still = Motion(np.array([x, y, np.log(self.size), 0, 0, 0]), np.zeros(6), np.zeros(6), 0.0, 0.0)
        box = paste(frame, Layer(self.cutouts[_to_and_fro(t, len(self.cutouts))], still), 0.0)  # type: ignore[arg-type]
        if not np.isfinite(box).all():
            return frame, np.zeros(4), 0.0  # type: ignore[return-value]
        clipped = np.clip(box, 0, [frame.shape[1], frame.shape[0]] * 2)
        part = np.prod(clipped[2:] - clipped[:2]) / np.prod(box[2:] - box[:2])
        return frame, clipped, float(part)  # type: ignore[return-value]

    def _place(self, t: int) -> FloatArray:
        angle = 2 * np.pi * t / 40 + self.phase
        sway = 0.3 * self.size * np.array([np.sin(angle), np.cos(1.7 * angle)])
        c = self.schedule
        back = self.shift if t >= c.stay + c.leave + c.away / 2 else np.zeros(2)
        way = c.outside(t)
        return np.asarray((self.inside + sway + back) * (1 - way) + (self.outside + back) * way)


def _to_and_fro(t: int, count: int) -> int:
    """Count 0, 1, ..., count - 1, count - 2, ..., 0, 1, ...: a video of any length from a short one."""
    if count == 1:
        return 0
    place = t % (2 * count - 2)
    return min(place, 2 * count - 2 - place)


def make_composites(sequences: Sequence[VideoSequence], seed: int, scenes: int = 2) -> list[Composite]:
    """Make `scenes` composites of every sequence that has masks, each on another video; empty where none has masks."""
    made = []
    for index, sequence in enumerate(sequences):
        others = [other for other in sequences if other.frames.paths[0] != sequence.frames.paths[0]]
        cutouts = cut_out(sequence)
        if not cutouts or not others:
            continue
        rng = np.random.default_rng((seed, index))
        for scene in rng.permutation(len(others))[:scenes]:
            made.append(_composite(rng, sequence.name, others[int(scene)], cutouts))
    return made


def cut_out(sequence: VideoSequence, count: int = 50) -> tuple[Cutout, ...]:
    """Return the masked target of the first `count` frames; frames where it is too small to be cut out are left out."""
    if sequence.masks is None:
        return ()
    indices = range(min(count, len(sequence)))
    cutouts = (Cutout.from_mask(sequence.frames[i], sequence.masks[i], sequence.name) for i in indices)
    return tuple(cutout for cutout in cutouts if cutout is not None)


def _composite(rng: Generator, target: str, scene: VideoSequence, cutouts: tuple[Cutout, ...]) -> Composite:
    """Place the cut-outs: inside is 1.2 sizes from a random border, outside as far beyond it that nothing is seen of any cut-out."""
    height, width = scene.frames[0].shape[:2]
    size = rng.uniform(0.15, 0.28) * min(width, height)
    axis, far = int(rng.integers(2)), bool(rng.integers(2))
    longest = max(max(cutout.rgba.shape[:2]) / np.sqrt(np.prod(cutout.rgba.shape[:2])) for cutout in cutouts) * size  # its longest side
    border = float((width, height)[axis]) if far else 0.0
    outwards = 1.0 if far else -1.0
    along = rng.uniform(0.35, 0.65) * (width, height)[1 - axis]
    inside, outside, shift = np.full(2, along), np.full(2, along), np.zeros(2)
    inside[axis] = border - outwards * 1.2 * size
    outside[axis] = border + outwards * (longest / 2 + 4)
    shift[1 - axis] = rng.uniform(-0.5, 0.5) * size
    return Composite(target, scene, cutouts, float(size), inside, outside, shift, float(rng.uniform(0, 2 * np.pi)))


@dataclass(frozen=True, slots=True)
class AbsenceClip:
    """What a tracker answered on one composite of T frames, the first one (the start) excluded.

    Attributes:
        target: Name of the target's video.
        scene: Name of the video that it was put into.
        scores: (T - 1,).
        overlaps: (T - 1,) IoU with the truth, both boxes clipped to the frame.
        visible: (T - 1,) part of the target's box in the frame, 0..1.
        states: T - 1 states.
    """

    target: str
    scene: str
    scores: FloatArray
    overlaps: FloatArray
    visible: FloatArray
    states: tuple[State, ...]

    @property
    def present(self) -> NDArray[np.bool_]:
        """(T - 1,) at least `PRESENT` of the target in the frame."""
        return np.asarray(self.visible >= PRESENT)

    @property
    def absent(self) -> NDArray[np.bool_]:
        """(T - 1,) nothing of the target in the frame."""
        return np.asarray(self.visible == 0)

    @property
    def on_target_before(self) -> bool:
        """Whether the tracker overlapped the target (IoU > 0.5) when it was last wholly in the frame before it left."""
        before = np.flatnonzero(self.visible[: int(self.absent.argmax())] >= 1)
        return bool(len(before) and self.overlaps[before[-1]] > 0.5)

    @property
    def frames_to_return(self) -> int | None:
        """Frames from the target's return until IoU > 0.5, 0 if at once; None if it was not found again."""
        last_absent = len(self.absent) - 1 - int(self.absent[::-1].argmax())
        after = np.flatnonzero(self.present[last_absent:])
        if not len(after):
            return None
        found = np.flatnonzero(self.overlaps[last_absent + after[0] :] > 0.5)
        return int(found[0]) if len(found) else None


def run_composites(tracker: SteppedTracker[Any], composites: Sequence[Composite], advance: Advance) -> list[AbsenceClip]:
    """Track the composites to their ends, frame by frame together.

    Raises:
        LockonError: Whatever the tracker or the videos raise.
    """
    batches = (composites[begin : begin + BATCH] for begin in range(0, len(composites), BATCH))
    return [clip for batch in batches for clip in _run_together(tracker, batch, advance)]


def _run_together(tracker: SteppedTracker[Any], composites: Sequence[Composite], advance: Advance) -> list[AbsenceClip]:
    targets, steps = [], []
    for composite in composites:
        frame, box, _ = composite.render(0)
        targets += tracker.start(frame, [*box[:2], *(box[2:] - box[:2])])
    for t in range(1, len(composites[0].schedule)):
        frames, boxes, visible = zip(*(composite.render(t) for composite in composites), strict=True)
        targets = tracker.step(frames, targets)
        results = [target.result for target in targets]
        clipped = [
            clip_xyxy(xywh_to_xyxy(result.box), frame.shape[1], frame.shape[0]) for result, frame in zip(results, frames, strict=True)
        ]
        overlaps = iou_xyxy(np.stack(clipped), np.stack(boxes))
        steps.append(([result.score for result in results], overlaps, visible, [result.state for result in results]))
        advance(len(composites))
    scores, overlap, part, states = zip(*steps, strict=True)
    return [
        AbsenceClip(composite.target, composite.scene.name, *columns, tuple(row[i] for row in states))
        for i, composite in enumerate(composites)
        for columns in [(np.array(scores)[:, i], np.array(overlap)[:, i], np.array(part)[:, i])]
    ]


__all__ = ["AbsenceClip", "Composite", "PresenceSchedule", "cut_out", "make_composites", "run_composites"]
