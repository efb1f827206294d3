"""Frames that are decoded once and kept in memory, as far as a budget goes: a search reads every video hundreds of times."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from lockon.data.sequence import LazyList, VideoSequence
from lockon.types import Frame


@dataclass(slots=True)
class Budget:
    """Bytes that frames may take in this process.

    Attributes:
        limit: All of them.
        used: How many are taken.
    """

    limit: int
    used: int = 0

    def take(self, count: int) -> bool:
        """Take `count` bytes if they are left, and return whether they were."""
        if self.used + count > self.limit:
            return False
        self.used += count
        return True


@dataclass(slots=True)
class _Kept:
    """Reads frames of one sequence by number. A caller gets a copy, so that a tracker that draws on it does not change the next trial."""

    frames: LazyList[Frame]
    budget: Budget
    kept: dict[int, Frame] = field(default_factory=dict)

    def __call__(self, index: Any) -> Frame:
        frame = self.kept.get(index)
        if frame is None:
            frame = self.frames[index]
            if not self.budget.take(frame.nbytes):
                return frame
            self.kept[index] = frame
        copy: Frame = frame.copy()
        return copy


def keep_frames(sequences: Iterable[VideoSequence], limit: int) -> list[VideoSequence]:
    """Return the sequences with frames that stay in memory once read, first come first served, up to `limit` bytes together."""
    budget = Budget(limit)
    kept = []
    for sequence in sequences:
        numbers: Any = range(len(sequence))  # in place of paths: they are only handed on to the reader
        kept.append(replace(sequence, frames=LazyList(numbers, _Kept(sequence.frames, budget))))
    return kept


__all__ = ["Budget", "keep_frames"]
