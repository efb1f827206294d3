"""Which two boxes make a training pair, as the PySOT family draws them: lists of videos per dataset, a range of frames, negative pairs.

Each dataset gives a list of `num_use` videos, its shuffled videos over and over. The lists of all datasets make one, and each pass goes
through it in another order. All is a function of the seed and the index.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator, SeedSequence
from numpy.typing import NDArray

from lockon.data.tracks import TrackSet
from lockon.errors import LockonError

_LISTS, _PASSES = 1, 2  # streams of random numbers beside those of the samples


@dataclass(frozen=True, slots=True)
class SetUse:
    """How one dataset is used.

    Attributes:
        name: of the dataset.
        frame_range: the search frame is at most this many annotated frames of its track away from the template's.
        num_use: videos per pass; -1 takes each once.
    """

    name: str
    frame_range: int = 100
    num_use: int = -1

    def __post_init__(self) -> None:
        if self.frame_range < 0 or (self.num_use < 1 and self.num_use != -1):
            raise LockonError(
                f"{self.name}: frame_range {self.frame_range}, num_use {self.num_use}; expected frame_range >= 0 and num_use >= 1 or -1"
            )


@dataclass(frozen=True, slots=True)
class Draw:
    """One pair: rows of boxes in the sets of these numbers. `present`: whether the search view shows the template's object."""

    template_set: int
    template_row: int
    search_set: int
    search_row: int
    present: bool


class PysotSampler:
    """Draws pairs from several datasets.

    Args:
        sets: the datasets. uses: how they are used, by name; a set without one is used as `SetUse(name)`.
        negative: chance that the search view is any object of any video of a dataset, each dataset alike. seed: fixes the lists.

    Raises:
        LockonError: no set, two of one name, or a use of a set that is not there.
    """

    def __init__(self, sets: Sequence[TrackSet], uses: Sequence[SetUse] = (), *, negative: float = 0.2, seed: int = 0) -> None:
        names = [one.name for one in sets]
        if not sets or len(set(names)) != len(names):
            raise LockonError(f"training sets {', '.join(names) or 'none'}; expected at least one, each once")
        unknown = [use.name for use in uses if use.name not in names]
        if unknown:
            raise LockonError(f"no training set {unknown[0]!r}, which the configuration uses; there are: {', '.join(names)}")
        by_name = {use.name: use for use in uses}
        self.sets = tuple(sets)
        self.uses = tuple(by_name.get(name, SetUse(name)) for name in names)
        self.negative = negative
        self.seed = seed
        lists = [self._list(number) for number in range(len(self.sets))]
        self.items = np.concatenate(lists)  # (L, 2) set and video
        self._pass: tuple[int, NDArray[np.intp]] = (-1, np.zeros(0, np.intp))

    def __len__(self) -> int:
        """Pairs per pass over all lists."""
        return len(self.items)

    def draw(self, index: int, rng: Generator) -> Draw:
        """The pair of an index; what is random in it comes from `rng`."""
        number, video = (int(value) for value in self.items[self._place(index)])
        tracks = self.sets[number]
        rows = tracks.rows(int(rng.choice(tracks.tracks_of(video))))
        template = int(rng.integers(rows.start, rows.stop))
        if self.negative > rng.random():
            other = int(rng.integers(len(self.sets)))
            return Draw(number, template, other, self._any(other, rng), False)
        reach = self.uses[number].frame_range
        search = int(rng.integers(max(template - reach, rows.start), min(template + reach + 1, rows.stop)))
        return Draw(number, template, number, search, True)

    def _any(self, number: int, rng: Generator) -> int:
        """A frame of a track of a video of one dataset, each drawn evenly."""
        tracks = self.sets[number]
        rows = tracks.rows(int(rng.choice(tracks.tracks_of(int(rng.integers(len(tracks)))))))
        return int(rng.integers(rows.start, rows.stop))

    def _list(self, number: int) -> NDArray[np.int32]:
        """(num_use, 2) set and video."""
        count = len(self.sets[number])
        wanted = count if self.uses[number].num_use == -1 else self.uses[number].num_use
        rng = np.random.default_rng(SeedSequence(self.seed, spawn_key=(_LISTS, number)))
        videos = np.concatenate([rng.permutation(count) for _ in range(-(-wanted // count))])[:wanted]
        return np.column_stack([np.full(wanted, number), videos]).astype(np.int32)

    def _place(self, index: int) -> int:
        """Where in the list an index falls; the order of the latest pass is kept."""
        turn, place = divmod(index, len(self.items))
        if self._pass[0] != turn:
            rng = np.random.default_rng(SeedSequence(self.seed, spawn_key=(_PASSES, turn)))
            self._pass = turn, rng.permutation(len(self.items))
        return int(self._pass[1][place])


__all__ = ["Draw", "PysotSampler", "SetUse"]
