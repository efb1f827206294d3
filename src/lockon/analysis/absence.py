"""Does the score fall where the target is not there: absence made from videos whose targets are always there.

The template of one video is searched in frames of the others, where it cannot be, and in its own frames, where it is:
single steps of a tracker around a true box. `lockon.analysis.composites` makes absence that has a before and after.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lockon.data.sequence import VideoSequence
from lockon.errors import LockonError
from lockon.session import PlacedTracker

Advance = Callable[[int], None]  # told the number of frames that were just done

Plan = tuple[int, int, int, int]  # indices of the target's sequence and the scene, the frame, and the scene's frame that is searched around
GAP = 3  # most frames between the box that is searched around and the frame that is searched
BATCH = 16  # searches in one forward pass


def usable_frames(sequence: VideoSequence) -> NDArray[np.intp]:
    """Return the numbers of the frames whose target is annotated with a box of positive size and not absent."""
    usable = np.isfinite(sequence.boxes).all(axis=1) & (sequence.boxes[:, 2:] > 0).all(axis=1)
    return np.flatnonzero(usable if sequence.visible is None else usable & sequence.visible)


@dataclass(frozen=True, slots=True)
class Search:
    """One step of a tracker.

    Attributes:
        template: Name of the sequence whose target is searched.
        scene: Name of the one it is searched in.
        frame: Number of the frame.
        present: Whether the target is there.
        score: The tracker's.
    """

    template: str
    scene: str
    frame: int
    present: bool
    score: float


def search_swapped(
    tracker: PlacedTracker[Any], sequences: Sequence[VideoSequence], counts: Sequence[int], seed: int, advance: Advance
) -> list[Search]:
    """Search each target in frames of other videos and, as often, in frames of its own.

    Absent: around the box of the other video's target, so that there is an object to be mistaken for the right one.
    Present: around the target's true box one to `GAP` frames earlier.

    Args:
        tracker: Its own targets stay as they are.
        sequences: At least two videos. Two targets of one video are never searched in each other's frames.
        counts: Searches of either kind, per sequence.
        seed: Of the choice of videos and frames.
        advance: Told the number of frames that were just done.

    Raises:
        LockonError: Fewer than two videos, or a sequence with fewer than two annotated frames.
    """
    plans = [plan for index, count in enumerate(counts) for plan in _plan(sequences, index, count, np.random.default_rng((seed, index)))]
    templates = []
    for sequence in sequences:
        first = usable_frames(sequence)[0]
        (target,) = tracker.start(sequence.frames[first], sequence.boxes[first])
        templates.append(target)
    found: list[Search] = []
    for begin in range(0, len(plans), BATCH):
        batch = plans[begin : begin + BATCH]
        frames = [sequences[scene].frames[number] for _, scene, number, _ in batch]
        targets = [
            tracker.placed(templates[template], frame, sequences[scene].boxes[around])
            for (template, scene, _, around), frame in zip(batch, frames, strict=True)
        ]
        for (template, scene, number, _), target in zip(batch, tracker.step(frames, targets), strict=True):
            names = sequences[template].name, sequences[scene].name
            found.append(Search(*names, number, template == scene, target.result.score))
        advance(len(batch))
    return found


def _plan(sequences: Sequence[VideoSequence], index: int, count: int, rng: Generator) -> list[Plan]:
    own = sequences[index]
    others = [i for i, other in enumerate(sequences) if other.frames.paths[0] != own.frames.paths[0]]
    if not others:
        raise LockonError(f"no other video than that of {own.name} to search its target in; give a dataset of at least two videos")
    plans: list[Plan] = []
    order = rng.permutation(others)
    for number in range(count):  # the others in turn, so that all of them occur
        scene = int(order[number % len(order)])
        frame = int(rng.choice(usable_frames(sequences[scene])))
        plans.append((index, scene, frame, frame))
    known = usable_frames(own)
    pairs = [(frame, before) for frame in known[1:] for before in known[(known < frame) & (known >= frame - GAP)]]
    if not pairs:
        raise LockonError(f"sequence {own.name} has no two annotated frames within {GAP}; leave it out")
    chosen = (pairs[i] for i in rng.integers(len(pairs), size=count))
    return plans + [(index, index, int(frame), int(before)) for frame, before in chosen]


__all__ = ["Advance", "Search", "search_swapped", "usable_frames"]
