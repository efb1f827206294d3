"""Pairs as the PySOT family draws them, or several frames likewise: lists of videos per dataset, a range of frames, negative pairs.

Each dataset gives a list of `count` videos, its shuffled videos over and over. The lists of all datasets make one, and each pass goes
through it in another order. All is a function of the seed and the index.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.random import Generator, SeedSequence
from numpy.typing import NDArray

from lockon.data.samples.augment import to_gray
from lockon.data.samples.frames import FrameRule, views_by_role
from lockon.data.samples.patches import as_patch
from lockon.data.samples.pools import DatasetSampling, read_view
from lockon.data.samples.views import Draw, ImageCache, View, Views
from lockon.data.tracks import TrackSet
from lockon.errors import LockonError

_LISTS, _PASSES = 1, 2  # streams of random numbers beside those of the samples


class PairRows(NamedTuple):
    """One pair: rows of boxes in the sets of these numbers, and whether the search view shows the template's object."""

    template_set: int
    template_row: int
    search_set: int
    search_row: int
    present: bool


class ListedPairs:
    """Draws pairs of 511-pixel patches from several datasets.

    Args:
        sets: The datasets.
        samplings: How they are used, by name; a set without one is used as `DatasetSampling(name)`.
        negative: Chance that the search view is any object of any video of a dataset, each dataset alike.
        rule: A dataset's gap -> which frames of a track make a sample, in place of pairs; there are no negative samples then.
        seed: Fixes the lists.
        cache: Keeps decoded images; worth its memory only where the images are few.

    Raises:
        LockonError: No set, two of one name, or a sampling of a set that is not there or with numbers that lists do not have.
    """

    def __init__(
        self,
        sets: Sequence[TrackSet],
        samplings: Sequence[DatasetSampling] = (),
        *,
        negative: float = 0.2,
        rule: Callable[[int], FrameRule] | None = None,
        seed: int = 0,
        cache: ImageCache | None = None,
    ) -> None:
        names = [tracks.name for tracks in sets]
        if not sets or len(set(names)) != len(names):
            raise LockonError(f"training sets {', '.join(names) or 'none'}; expected at least one, each once")
        for sampling in samplings:
            if sampling.name not in names:
                raise LockonError(f"no training set {sampling.name!r}, which the configuration uses; there are: {', '.join(names)}")
            if (sampling.weight, sampling.min_boxes, sampling.min_span) != (1.0, 1, 1):
                raise LockonError(
                    f"{sampling.name}: this dataset is drawn from a list; set its count in place of weight, min_boxes, min_span"
                )
        by_name = {sampling.name: sampling for sampling in samplings}
        self.sets = tuple(sets)
        self.samplings = tuple(by_name.get(name, DatasetSampling(name)) for name in names)
        self.negative = negative
        self.rule = rule
        self.seed = seed
        self.cache = cache
        self.items = np.concatenate([self._list(number) for number in range(len(self.sets))])  # (L, 2) set and video
        self._pass: tuple[int, NDArray[np.intp]] = (-1, np.zeros(0, np.intp))

    def __len__(self) -> int:
        """Return the number of pairs per pass over all lists."""
        return len(self.items)

    def draw(self, rng: Generator, index: int = 0) -> Views:
        """Draw the patches of the pair of an index, or of its several frames; a wrong object has no mask."""
        if self.rule is not None:
            number, rows = self._listed(rng, index)
            return views_by_role(self.rule(self.samplings[number].gap)(rng, np.arange(len(rows))), lambda at: self._view(number, rows[at]))
        pair = self.rows(rng, index)
        template = self._view(pair.template_set, pair.template_row)
        search = self._view(pair.search_set, pair.search_row)
        return Views.pair(template, search if pair.present else replace(search, mask=None), present=pair.present)

    def rows(self, rng: Generator, index: int) -> PairRows:
        """Draw the rows of the pair of an index, without reading an image."""
        number, rows = self._listed(rng, index)
        template = int(rng.integers(rows.start, rows.stop))
        if self.negative > rng.random():
            other = int(rng.integers(len(self.sets)))
            wrong = self._track(rng, self.sets[other], int(rng.integers(len(self.sets[other]))))
            return PairRows(number, template, other, int(rng.integers(wrong.start, wrong.stop)), present=False)
        gap = self.samplings[number].gap
        search = int(rng.integers(max(template - gap, rows.start), min(template + gap + 1, rows.stop)))
        return PairRows(number, template, number, search, present=True)

    def _view(self, number: int, row: int) -> View:
        tracks = self.sets[number]
        return as_patch(read_view(tracks, row, self.cache), cropped=tracks.cropped)

    def _listed(self, rng: Generator, index: int) -> tuple[int, range]:
        """Return the number of the set that is on the list at an index, and the rows of a track of the video there."""
        number, video = (int(value) for value in self.items[self._place(index)])
        return number, self._track(rng, self.sets[number], video)

    def _track(self, rng: Generator, tracks: TrackSet, video: int) -> range:
        """Draw a track of a video; return its rows."""
        return tracks.rows(int(rng.choice(tracks.tracks_of(video))))

    def _list(self, number: int) -> NDArray[np.int32]:
        """Return (count, 2) set and video."""
        videos_there = len(self.sets[number])
        count = videos_there if self.samplings[number].count == -1 else self.samplings[number].count
        rng = np.random.default_rng(SeedSequence(self.seed, spawn_key=(_LISTS, number)))
        videos = np.concatenate([rng.permutation(videos_there) for _ in range(-(-count // videos_there))])[:count]
        return np.column_stack([np.full(count, number), videos]).astype(np.int32)

    def _place(self, index: int) -> int:
        """Return where in the list an index falls; the order of the latest pass is kept."""
        turn, place = divmod(index, len(self.items))
        if self._pass[0] != turn:
            rng = np.random.default_rng(SeedSequence(self.seed, spawn_key=(_PASSES, turn)))
            self._pass = turn, rng.permutation(len(self.items))
        return int(self._pass[1][place])


@dataclass(frozen=True, slots=True)
class GrayDraw:
    """Another draw, whose views all lose their colour by chance, before anything is cropped.

    Attributes:
        inner: The draw.
        chance: From 0 to 1.
    """

    inner: Draw
    chance: float

    def draw(self, rng: Generator, index: int = 0) -> Views:
        """Draw the views of one sample."""
        gray = self.chance > rng.random()
        views = self.inner.draw(rng, index)
        if not gray:
            return views
        roles = {role: tuple(replace(view, image=to_gray(view.image)) for view in seen) for role, seen in views.roles.items()}
        return replace(views, roles=roles)


__all__ = ["GrayDraw", "ListedPairs", "PairRows"]
