"""The oracle protocol: the search always begins around the true centre, so that the estimated size alone decides.

Yan et al., Alpha-Refine, CVPR 2021, Sec. 1 and Table 1. The paper sets the centre of the search region on the truth, which is "before": the
truth of the frame that is about to be tracked. The published scripts move the tracker after each frame, on the truth of that frame, so
that the next one is searched around an older place: "after". The size is the tracker's own last one in both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from lockon.bench.protocols.plan import Protocol
from lockon.bench.protocols.trajectory import OutputRows, Trajectory, start_on, track
from lockon.bench.record import RunKey
from lockon.data.sequence import VideoSequence, first_annotated, usable_rows
from lockon.driver import Episode
from lockon.errors import unknown_name

When = Literal["before", "after"]
WHEN: tuple[When, ...] = ("before", "after")


@dataclass(frozen=True, slots=True, kw_only=True)
class Oracle(Protocol):
    """One pass whose tracker is put on the true centre.

    Attributes:
        when: Whose frame's true centre is given: that of the frame "before" it is tracked, or of the one tracked last ("after").

    Raises:
        LockonError: An unknown time.
    """

    name: ClassVar[str] = "oracle"
    text: ClassVar[str] = "oracle (started once; every search begins around the true centre, with the tracker's own last size)"
    gives_truth: ClassVar[bool] = True
    when: When = "before"

    def __post_init__(self) -> None:
        Protocol.__post_init__(self)
        if self.when not in WHEN:
            raise unknown_name("time of the oracle protocol", self.when, WHEN)

    def episode(self, sequence: VideoSequence, run_key: RunKey) -> Episode[Trajectory]:
        """Return `oracle`."""
        return oracle(sequence, self.when)


def oracle(sequence: VideoSequence, when: When = "before") -> Episode[Trajectory]:
    """Return the episode of one pass whose tracker is put on the true centre; where the target is absent or not annotated it is left alone.

    Args:
        sequence: Annotated.
        when: Which frame's truth is given, see above.

    Raises:
        LockonError: No usable box.
    """
    start, rows, known = first_annotated(sequence), OutputRows(len(sequence)), usable_rows(sequence)
    size = sequence.boxes[start, 2:]
    rows.put(start, (yield start_on(sequence, start, sequence.boxes[start])))
    for frame in range(start + 1, len(sequence)):
        seen = frame if when == "before" else frame - 1
        x, y, w, h = sequence.boxes[seen]
        there = np.array([x + w / 2 - size[0] / 2, y + h / 2 - size[1] / 2, *size])
        answer = yield replace(track(sequence, frame), move=there if known[seen] else None)
        rows.put(frame, answer)
        sides = answer.box[2:]
        size = sides if np.isfinite(sides).all() and (sides > 0).all() else size
    return rows.run(start)


__all__ = ["WHEN", "Oracle", "When", "oracle"]
