"""One-pass evaluation: start on the first annotated frame, track to the end, never start again (Wu et al., CVPR 2013)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lockon.bench.protocols.plan import Protocol
from lockon.bench.protocols.trajectory import FAILED, SKIPPED, STARTED, TRACKED, OutputRows, Trajectory, start_on, track
from lockon.bench.record import RunKey
from lockon.data.sequence import VideoSequence, first_annotated
from lockon.driver import Episode, drive
from lockon.session import Tracker


@dataclass(frozen=True, slots=True, kw_only=True)
class OnePass(Protocol):
    """One pass over a sequence; without rules."""

    name: ClassVar[str] = "one-pass"
    text: ClassVar[str] = "one-pass evaluation (started once, on the first annotated frame)"
    in_real_time: ClassVar[str] = "real time (started once; a frame that comes while the tracker is busy keeps the last answer)"

    def episode(self, sequence: VideoSequence, run_key: RunKey) -> Episode[Trajectory]:
        """Return `one_pass`."""
        return one_pass(sequence)


def one_pass(sequence: VideoSequence) -> Episode[Trajectory]:
    """Return the episode of one pass; it needs no ground truth but the box of the first annotated frame.

    Raises:
        LockonError: No usable box.
    """
    start, rows = first_annotated(sequence), OutputRows(len(sequence))
    rows.put(start, (yield start_on(sequence, start, sequence.boxes[start])))
    for frame in range(start + 1, len(sequence)):
        rows.put(frame, (yield track(sequence, frame)))
    return rows.run(start)


def run_one_pass(tracker: Tracker, sequence: VideoSequence) -> Trajectory:
    """Run `tracker` once over `sequence`.

    Raises:
        LockonError: No usable box, an unreadable frame, or whatever the tracker raises.
    """
    return drive(tracker, one_pass(sequence))


__all__ = ["FAILED", "SKIPPED", "STARTED", "TRACKED", "OnePass", "Trajectory", "one_pass", "run_one_pass"]
