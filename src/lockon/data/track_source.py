"""Pairs of views from a `TrackSet`, as Alpha-Refine's training draws them: any track, any of its boxes, and another one near in time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lockon.data.pysot_crop import box_in_patch
from lockon.data.sampler import ImageCache, View
from lockon.data.tracks import TrackSet
from lockon.errors import LockonError
from lockon.types import Frame


@dataclass(frozen=True, slots=True)
class SetShare:
    """How one dataset is used.

    Attributes:
        name: of the dataset. weight: how often it is drawn beside the others.
        gap: the search frame is less than this many frames away from the reference.
        min_boxes, min_span: tracks with fewer boxes, or over fewer frames from the first to the last, are left out.

    Raises:
        LockonError: a number out of its range.
    """

    name: str
    weight: float = 1.0
    gap: int = 50
    min_boxes: int = 5
    min_span: int = 20

    def __post_init__(self) -> None:
        if not 0 < self.weight < np.inf or min(self.gap, self.min_boxes, self.min_span) < 1:
            numbers = f"weight {self.weight}, gap {self.gap}, min_boxes {self.min_boxes}, min_span {self.min_span}"
            raise LockonError(f"{self.name}: {numbers}; expected a weight above 0 and whole numbers from 1 on")


@dataclass(slots=True)
class TrackSource:
    """Two views of one track, each track alike; tracks of one box, which still images are, give it twice.

    Attributes:
        tracks: the dataset. share: which tracks, and how far apart. cache: keeps decoded images; worth it where they are few.
        skipped: number of tracks that are left out.

    Raises:
        LockonError: no track is left.
    """

    tracks: TrackSet
    share: SetShare
    cache: ImageCache | None = None
    skipped: int = 0
    _kept: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, np.intp))

    def __post_init__(self) -> None:
        starts, frames = self.tracks.track_starts, self.tracks.frames
        spans = frames[starts[1:] - 1] - frames[starts[:-1]] + 1
        self._kept = np.flatnonzero((np.diff(starts) >= self.share.min_boxes) & (spans >= self.share.min_span))
        self.skipped = len(spans) - len(self._kept)
        if not len(self._kept):
            given = f"{self.share.min_boxes} boxes over {self.share.min_span} frames"
            raise LockonError(f"{self.tracks.name} has no track of {given}; lower min_boxes and min_span of its share")

    def draw(self, rng: Generator) -> tuple[View, View]:
        """Reference and search view."""
        rows = self.tracks.rows(int(self._kept[int(rng.integers(len(self._kept)))]))
        first = int(rng.integers(rows.start, rows.stop))
        frames = self.tracks.frames[rows.start : rows.stop]
        ends = np.searchsorted(frames, [self.tracks.frames[first] - self.share.gap, self.tracks.frames[first] + self.share.gap])
        return self._view(first), self._view(rows.start + int(rng.integers(*ends)))

    def _view(self, row: int) -> View:
        tracks, cache = self.tracks, self.cache
        found = tracks.view(row, None if cache is None else partial(_read, tracks, cache))
        mask: Callable[[], NDArray[np.bool_] | None] | None = None if tracks.masks is None else partial(tracks.mask, row)
        if not found.cropped:
            return View(found.image, found.box, found.id, mask)
        middle = box_in_patch(*(found.box[2:] - found.box[:2])) + 0.5  # counted from the first pixel's corner
        return View(found.image, middle, found.id, mask)


def _read(tracks: TrackSet, cache: ImageCache, video: str, track: str, frame: int) -> Frame:
    key = f"{tracks.name}/{video}/{frame}.{track if tracks.cropped else ''}"
    return cache.get(key, partial(tracks.read, video, track, frame))


__all__ = ["SetShare", "TrackSource"]
