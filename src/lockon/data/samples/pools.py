"""The tracks that samples are drawn from: of annotated videos, and of a training dataset; and how a dataset is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lockon.data.samples.frames import TrackFrames
from lockon.data.samples.patches import box_in_patch
from lockon.data.samples.views import ImageCache, View, is_trainable
from lockon.data.sequence import VideoSequence
from lockon.data.tracks import TrackSet
from lockon.errors import LockonError
from lockon.ops.boxes import xywh_to_xyxy
from lockon.types import FloatArray, Frame


@dataclass(frozen=True, slots=True)
class DatasetSampling:
    """How one dataset is used.

    Attributes:
        name: Name of the dataset.
        gap: How far apart the frames of a sample may be: annotated frames of the track in `ListedPairs`, frames of the video elsewhere.
        count: Videos per pass over the lists of `ListedPairs`; -1 takes each once.
        weight: How often the dataset is drawn beside the others, where datasets are mixed by weight.
        min_boxes: Tracks with fewer boxes are left out of a `TrackPool`.
        min_span: Tracks over fewer frames, from the first to the last, are left out of a `TrackPool`.

    Raises:
        LockonError: A number out of its range.
    """

    name: str
    gap: int = 100
    count: int = -1
    weight: float = 1.0
    min_boxes: int = 1
    min_span: int = 1

    def __post_init__(self) -> None:
        if self.gap < 0 or (self.count < 1 and self.count != -1):
            raise LockonError(f"{self.name}: gap {self.gap}, count {self.count}; expected a gap from 0 on and a count from 1 on, or -1")
        if not 0 < self.weight < np.inf or min(self.min_boxes, self.min_span) < 1:
            numbers = f"weight {self.weight}, min_boxes {self.min_boxes}, min_span {self.min_span}"
            raise LockonError(f"{self.name}: {numbers}; expected a weight above 0 and whole numbers from 1 on")


@dataclass(slots=True)
class VideoPool:
    """The trainable, visible frames of annotated videos; a video with fewer than two is left out.

    Attributes:
        sequences: The videos.
        cache: Keeps decoded images.
        weights: How often each video is drawn; None draws all alike.
        skipped: Number of boxes that cannot train.

    Raises:
        LockonError: No video is left.
    """

    sequences: Sequence[VideoSequence]
    cache: ImageCache
    weights: Sequence[float] | None = None
    skipped: int = 0
    _frames: list[NDArray[np.intp]] = field(default_factory=list)
    _chances: FloatArray = field(default_factory=lambda: np.ones(0))

    def __post_init__(self) -> None:
        kept, weights = [], []
        for index, sequence in enumerate(self.sequences):
            height, width = sequence.frames[0].shape[:2]
            good = np.array([is_trainable(box, width, height) for box in sequence.boxes])
            if sequence.visible is not None:
                good &= sequence.visible
            self.skipped += int((~good).sum())
            if good.sum() >= 2:
                kept.append(sequence)
                self._frames.append(np.flatnonzero(good))
                weights.append(1.0 if self.weights is None else self.weights[index])
        if not kept:
            raise LockonError("no training video has two usable boxes; check the data with `lockon data check`")
        self.sequences = kept
        self._chances = np.asarray(weights) / sum(weights)

    def choose(self, rng: Generator) -> TrackFrames:
        """Draw a video by weight."""
        index = int(rng.choice(len(self.sequences), p=self._chances))
        frames = self._frames[index]
        return TrackFrames(frames, lambda place: self._view(self.sequences[index], int(frames[place])))

    def _view(self, sequence: VideoSequence, frame: int) -> View:
        name = f"{sequence.dataset}/{sequence.name}/{frame}"
        image = self.cache.get(name, lambda: sequence.frames[frame])
        mask = None if sequence.masks is None else partial(sequence.masks.__getitem__, frame)
        return View(image, xywh_to_xyxy(sequence.boxes[frame]), name, mask)


@dataclass(slots=True)
class TrackPool:
    """The tracks of a training dataset, each drawn alike.

    Attributes:
        tracks: The dataset.
        sampling: Which tracks.
        cache: Keeps decoded images; worth it where they are few.
        skipped: Number of tracks that are left out.

    Raises:
        LockonError: No track is left, or the sampling has a number of videos, which only lists have.
    """

    tracks: TrackSet
    sampling: DatasetSampling
    cache: ImageCache | None = None
    skipped: int = 0
    _kept: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, np.intp))

    def __post_init__(self) -> None:
        c = self.sampling
        if c.count != -1:
            raise LockonError(f"{c.name}: count {c.count} given, but this dataset is drawn by weight; set its weight")
        starts, frames = self.tracks.track_starts, self.tracks.frames
        spans = frames[starts[1:] - 1] - frames[starts[:-1]] + 1
        self._kept = np.flatnonzero((np.diff(starts) >= c.min_boxes) & (spans >= c.min_span))
        self.skipped = len(spans) - len(self._kept)
        if not len(self._kept):
            numbers = f"{c.min_boxes} boxes over {c.min_span} frames"
            raise LockonError(f"{self.tracks.name} has no track of {numbers}; lower min_boxes and min_span of its sampling")

    def choose(self, rng: Generator) -> TrackFrames:
        """Draw a track."""
        rows = self.tracks.rows(int(self._kept[int(rng.integers(len(self._kept)))]))
        return TrackFrames(self.tracks.frames[rows.start : rows.stop], lambda place: self._view(rows[place]))

    def _view(self, row: int) -> View:
        view = read_view(self.tracks, row, self.cache)
        # the middle of a patch, counted from the first pixel's corner
        return replace(view, box=box_in_patch(*view.sides) + 0.5) if self.tracks.cropped else view


def read_view(tracks: TrackSet, row: int, cache: ImageCache | None) -> View:
    """Return the view of one row of a dataset, its image from the cache where there is one."""
    if cache is None:
        return tracks.view(row)

    def read(video: str, track: str, frame: int) -> Frame:
        key = f"{tracks.name}/{video}/{frame}.{track if tracks.cropped else ''}"
        return cache.get(key, partial(tracks.read, video, track, frame))

    return tracks.view(row, read)


__all__ = ["DatasetSampling", "TrackPool", "VideoPool", "read_view"]
