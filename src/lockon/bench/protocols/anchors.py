"""The multi-start protocol of the VOT challenges since 2020: from each anchor frame, forward or backward, never start again.

Anchors lie 50 frames apart; from each the tracker runs to the end of the video that is farther away, so that no run is short.
(M. Kristan et al., The Eighth Visual Object Tracking VOT2020 Challenge Results, ECCVW 2020, section 2.1.) Anchors and directions
come with the benchmark; sequences without any get one on every 50th frame, from the first on.

The benchmark's truth is masks. A tracker starts on the box of the mask; what it answers is kept as a mask too: its own, or its box
filled as the VOT toolkit fills a rectangle (columns floor(x) to floor(x + w) - 1, rows alike, within the frame).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lockon.bench.protocols.plan import Protocol
from lockon.bench.protocols.trajectory import OutputRows, Trajectory, start_on, track
from lockon.bench.record import RunKey
from lockon.data.sequence import VideoSequence, check_command, usable_rows
from lockon.driver import Episode, Output
from lockon.errors import LockonError
from lockon.types import FloatArray

SPACING = 50


@dataclass(frozen=True, slots=True)
class Anchor:
    """A frame that a run starts on, and whether it goes to the first frame instead of the last."""

    frame: int
    backward: bool

    def frames(self, count: int) -> range:
        """Return the frames of the run in a video of `count`, in their order."""
        return range(self.frame, -1, -1) if self.backward else range(self.frame, count)


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchors(Protocol):
    """A run from each anchor.

    Attributes:
        spacing: Frames between the anchors of sequences that bring none.

    Raises:
        LockonError: `spacing` below 1.
    """

    name: ClassVar[str] = "anchors"
    text: ClassVar[str] = "multi-start from anchor frames, forward or backward, without resets (VOT2020 and later)"
    in_real_time: ClassVar[str] = "multi-start from anchor frames, in real time"
    scoring: ClassVar[str] = "anchors"
    spacing: int = SPACING

    def __post_init__(self) -> None:
        Protocol.__post_init__(self)
        if self.spacing < 1:
            raise LockonError(f"spacing={self.spacing}; expected 1 or more")

    def starts(self, sequence: VideoSequence) -> Sequence[int | None]:
        """List the frames of `anchors_of`."""
        return [anchor.frame for anchor in anchors_of(sequence, self.spacing)]

    def rules(self, sequence: VideoSequence) -> dict[str, Any]:
        """Return the spacing where the sequence brings no anchors."""
        return Protocol.rules(self, sequence) if sequence.anchors is None else {}

    def frames(self, sequence: VideoSequence, run_key: RunKey) -> range:
        """Return the frames from the anchor to the end that is farther away."""
        return self._anchor(sequence, run_key).frames(len(sequence))

    def episode(self, sequence: VideoSequence, run_key: RunKey) -> Episode[Trajectory]:
        """Return `from_anchor`."""
        return from_anchor(sequence, self._anchor(sequence, run_key))

    def _anchor(self, sequence: VideoSequence, run_key: RunKey) -> Anchor:
        for anchor in anchors_of(sequence, self.spacing):
            if anchor.frame == run_key.anchor:
                return anchor
        raise LockonError(f"sequence {sequence.name} has no anchor on frame {run_key.anchor}")


def anchors_of(sequence: VideoSequence, spacing: int = SPACING) -> list[Anchor]:
    """Return the benchmark's anchors; else one on every `spacing`-th frame.

    An anchor is on the next usable frame where that one has no box to start on, and backward where the way to the first frame is the
    longer one.

    Raises:
        LockonError: No anchor has a usable box.
    """
    usable = usable_rows(sequence)
    count = len(sequence)
    if sequence.anchors is not None:
        found = [Anchor(frame, frame in sequence.backward) for frame in sequence.anchors if usable[frame]]
    else:
        starts = np.flatnonzero(usable)
        frames = sorted({int(starts[starts >= frame][0]) for frame in range(0, count, spacing) if (starts >= frame).any()})
        found = [Anchor(frame, backward=count - frame < frame + 1) for frame in frames]
    if not found:
        raise LockonError(
            f"sequence {sequence.name} has no anchor with a usable box; run `{check_command(sequence.source or sequence.dataset)}`"
        )
    return found


def from_anchor(sequence: VideoSequence, anchor: Anchor) -> Episode[Trajectory]:
    """Return the episode of one run; its rows are in the order of tracking, the first one is the anchor's.

    Where the sequence has masks, answers without a mask are kept as filled boxes.
    """
    frames = anchor.frames(len(sequence))
    rows = OutputRows(len(frames))
    masked = sequence.masks is not None
    box, mask = _start(sequence, anchor.frame)
    answer = yield start_on(sequence, anchor.frame, box)
    rows.put(0, replace(answer, mask=mask))
    for row, frame in enumerate(frames[1:], start=1):
        answer = yield track(sequence, frame)
        rows.put(row, _with_mask(answer) if masked else answer)
    return rows.run(0)


def _start(sequence: VideoSequence, frame: int) -> tuple[FloatArray, NDArray[np.bool_] | None]:
    """Return the mask's box, first to last column and row, and the mask; the annotated box where there are no masks."""
    if sequence.masks is None:
        return sequence.boxes[frame], None
    mask = np.asarray(sequence.masks[frame], dtype=np.bool_)
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if not columns.size:
        return sequence.boxes[frame], mask
    x, y = int(columns[0]), int(rows[0])
    return np.array([x, y, columns[-1] + 1 - x, rows[-1] + 1 - y], dtype=np.float64), mask


def _with_mask(answer: Output) -> Output:
    return answer if answer.mask is not None else replace(answer, mask=filled_box(answer.box, answer.size))


def filled_box(box: FloatArray, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the (H, W) mask of a box x, y, w, h in a frame of `size` (width, height); empty where the box is not finite.

    >>> filled_box(np.array([1.5, 0, 2, 1]), (4, 2)).astype(int).tolist()
    [[0, 1, 1, 0], [0, 0, 0, 0]]
    """
    width, height = size
    mask = np.zeros((height, width), dtype=np.bool_)
    x, y, w, h = (float(value) for value in box)
    if all(map(math.isfinite, (x, y, w, h))):
        left, top, right, bottom = (max(math.floor(value), 0) for value in (x, y, x + w, y + h))
        mask[top:bottom, left:right] = True
    return mask


__all__ = ["SPACING", "Anchor", "Anchors", "anchors_of", "filled_box", "from_anchor"]
