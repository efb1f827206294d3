"""Frames that are decoded once and kept in memory, as far as a budget goes: a search reads every video hundreds of times."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from lockon.data.sequence import LazyList, VideoSequence
from lockon.types import Frame


@dataclass(slots=True)
class _Budget:
    """Bytes that are left for frames in this process."""

    left: int


@dataclass(slots=True)
class _Kept:
    """Reads frames of one sequence by number. A caller gets a copy, so that a tracker that draws on it does not change the next trial."""

    frames: LazyList[Frame]
    budget: _Budget
    kept: dict[int, Frame] = field(default_factory=dict)

    def __call__(self, index: Any) -> Frame:
        frame = self.kept.get(index)
        if frame is None:
            frame = self.frames[index]
            if frame.nbytes > self.budget.left:
                return frame
            self.budget.left -= frame.nbytes
            self.kept[index] = frame
        copy: Frame = frame.copy()
        return copy


def keep_frames(sequences: Iterable[VideoSequence], limit: int) -> list[VideoSequence]:
    """Return the sequences with frames that stay in memory once read, first come first served, up to `limit` bytes together."""
    budget = _Budget(limit)
    numbers: Any = range  # in place of paths: they are only handed on to the reader
    return [replace(one, frames=LazyList(numbers(len(one)), _Kept(one.frames, budget))) for one in sequences]


__all__ = ["keep_frames"]
