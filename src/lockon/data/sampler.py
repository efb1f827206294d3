"""Which two views of which object make a training pair.

A `View` is one image with one object's box. Sources draw pairs of views from videos, short videos, stills and synthetic
scenes; `PairSampler` mixes the sources by weight and makes negative pairs. Everything is drawn from the generator that is
passed in, so a pair is a function of its seed alone.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lockon.data.datasets.stills import ShortVideo, StillImage
from lockon.data.sequence import VideoSequence
from lockon.data.synthesize import Cutout, random_scene
from lockon.errors import LockonError
from lockon.ops.boxes import xywh_to_xyxy
from lockon.types import FloatArray, Frame

MIN_SIDE = 6.0  # pixels: smaller boxes say nothing about appearance
MIN_ASPECT = 1 / 8


@dataclass(frozen=True, slots=True)
class View:
    """One object in one image.

    Attributes:
        image: (H, W, 3) uint8 RGB. box: (4,) xyxy in its pixels. id: for error reports.
        mask: makes the (H, W) bool mask of the object when it is called, or None; None where it is known that there is none.
    """

    image: Frame
    box: FloatArray
    id: str
    mask: Callable[[], NDArray[np.bool_] | None] | None = None


class Source(Protocol):
    """Draws two views of one object, template first."""

    def draw(self, rng: Generator) -> tuple[View, View]:
        """Two views of one object."""


class ImageCache:
    """Decoded images by key, least recently used dropped first above `limit` bytes. Decoding costs more than all else here."""

    def __init__(self, limit: int = 3_000_000_000) -> None:
        self.limit = limit
        self.size = 0
        self.items: OrderedDict[str, Frame] = OrderedDict()

    def get(self, key: str, read: Callable[[], Frame]) -> Frame:
        """The image under `key`, read on first use."""
        if key in self.items:
            self.items.move_to_end(key)
            return self.items[key]
        image = read()
        self.items[key] = image
        self.size += image.nbytes
        while self.size > self.limit and len(self.items) > 1:
            self.size -= self.items.popitem(last=False)[1].nbytes
        return image


def is_trainable(box_xywh: FloatArray, width: float, height: float) -> bool:
    """Whether a box can train: finite, at least 6 px a side and 1:8 in aspect, and centred inside the image."""
    x, y, w, h = (float(value) for value in box_xywh)
    if not np.isfinite([x, y, w, h]).all() or min(w, h) < MIN_SIDE or min(w, h) / max(w, h) < MIN_ASPECT:
        return False
    return 0 <= x + w / 2 <= width and 0 <= y + h / 2 <= height


@dataclass(slots=True)
class VideoSource:
    """Pairs from annotated videos, at most `max_gap` frames apart, either one first."""

    sequences: Sequence[VideoSequence]
    cache: ImageCache
    weights: Sequence[float] | None = None
    max_gap: int = 60
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

    def draw(self, rng: Generator) -> tuple[View, View]:
        """A sequence by weight, a frame of it, and another within `max_gap`."""
        index = int(rng.choice(len(self.sequences), p=self._chances))
        frames = self._frames[index]
        first = int(rng.choice(frames))
        near = frames[np.abs(frames - first) <= self.max_gap]
        return self._view(index, first), self._view(index, int(rng.choice(near)))

    def _view(self, index: int, frame: int) -> View:
        sequence = self.sequences[index]
        name = f"{sequence.dataset}/{sequence.name}/{frame}"
        image = self.cache.get(name, lambda: sequence.frames[frame])
        mask = None if sequence.masks is None else partial(sequence.masks.__getitem__, frame)
        return View(image, xywh_to_xyxy(sequence.boxes[frame]), name, mask)


@dataclass(slots=True)
class StillSource:
    """Both views from the same still image (augmentation makes the difference), or two images of one short video.

    Attributes:
        images: the stills. chances: drawing weight per set name; a set's images share it.
        videos: short videos drawn with the chance `video_share` instead of a still.
    """

    images: Sequence[StillImage]
    cache: ImageCache
    chances: dict[str, float]
    videos: Sequence[ShortVideo] = ()
    video_share: float = 0.0
    skipped: int = 0
    _items: list[tuple[StillImage, int]] = field(default_factory=list)
    _p: FloatArray = field(default_factory=lambda: np.ones(0))
    _video_p: FloatArray = field(default_factory=lambda: np.ones(0))

    def __post_init__(self) -> None:
        for image in self.images:
            good = [i for i, item in enumerate(image.objects) if is_trainable(np.asarray(item.box), image.width, image.height)]
            self.skipped += len(image.objects) - len(good)
            self._items += [(image, index) for index in good]
        if not self._items:
            raise LockonError("no still image has a usable box; check the data with `lockon data check`")
        # within a set every image weighs the same, however many objects it shows
        per_image: dict[str, int] = {}
        per_set: dict[str, set[str]] = {}
        for image, _ in self._items:
            per_image[str(image.path)] = per_image.get(str(image.path), 0) + 1
            per_set.setdefault(image.set, set()).add(str(image.path))
        p = np.array([self.chances.get(image.set, 1.0) / len(per_set[image.set]) / per_image[str(image.path)] for image, _ in self._items])
        self._p = np.cumsum(p / p.sum())
        if self.videos:
            per_video_set: dict[str, int] = {}
            for video in self.videos:
                per_video_set[video.set] = per_video_set.get(video.set, 0) + 1
            v = np.array([self.chances.get(video.set, 1.0) / per_video_set[video.set] for video in self.videos])
            self._video_p = np.cumsum(v / v.sum())

    def draw(self, rng: Generator) -> tuple[View, View]:
        """Two views of one object."""
        if self.videos and rng.random() < self.video_share:
            video = self.videos[min(int(np.searchsorted(self._video_p, rng.random())), len(self.videos) - 1)]
            pair = rng.choice(len(video), 2, replace=False)
            if all(is_trainable(np.asarray(video.images[i].objects[video.indices[i]].box), 1e9, 1e9) for i in pair):
                one, other = (self.view(video.images[i], video.indices[i]) for i in pair)
                return one, other
        image, index = self._items[min(int(np.searchsorted(self._p, rng.random())), len(self._items) - 1)]
        view = self.view(image, index)
        return view, view

    def view(self, image: StillImage, index: int) -> View:
        """One object of one still."""
        pixels = self.cache.get(str(image.path), image.read)
        name = f"{image.set}/{image.path.name}#{image.objects[index].id}"
        mask = partial(image.mask, index) if image.objects[index].has_mask else None
        return View(pixels, xywh_to_xyxy(image.objects[index].box), name, mask)


@dataclass(slots=True)
class SyntheticSource:
    """Two frames of a random `Scene` made of cut-outs; distractors are of the target's class where there are any.

    Attributes:
        cutouts: the objects. backgrounds: images that scenes play on (read through `cache`).
    """

    cutouts: Sequence[Cutout]
    backgrounds: Sequence[StillImage]
    cache: ImageCache
    max_gap: int = 60
    _by_label: dict[str, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.cutouts or not self.backgrounds:
            raise LockonError("synthetic videos need objects with masks and background images; give stills with masks")
        for index, cutout in enumerate(self.cutouts):
            self._by_label.setdefault(cutout.label, []).append(index)

    def draw(self, rng: Generator) -> tuple[View, View]:
        """Two visible frames of one scene; covered or departed targets are drawn again."""
        labels = list(self._by_label)
        for _ in range(8):
            label = (
                labels[int(rng.integers(len(labels)))] if rng.random() < 0.5 else self.cutouts[int(rng.integers(len(self.cutouts)))].label
            )
            peers = self._by_label[label]
            target = self.cutouts[int(rng.choice(peers))]
            others = []
            for _ in range(int(rng.integers(0, 4))):
                pool = peers if rng.random() < 0.6 and len(peers) > 1 else range(len(self.cutouts))
                others.append(self.cutouts[int(pool[int(rng.integers(len(pool)))])])
            backdrop = self.backgrounds[int(rng.integers(len(self.backgrounds)))]
            scene = random_scene(rng, self.cache.get(str(backdrop.path), backdrop.read), target, others)
            first = float(rng.integers(0, 2 * self.max_gap))
            second = first + float(rng.integers(-self.max_gap, self.max_gap + 1))
            times = (first, second)
            views = [scene.render(time) for time in times]
            if views[0][2] > 0.8 and views[1][2] > 0.4:
                name = f"scene:{label}@{backdrop.path.name}"
                one, other = (
                    View(image, box, f"{name}/{time:g}", partial(scene.mask, time))
                    for (image, box, _), time in zip(views, times, strict=True)
                )
                return one, other
        return View(views[0][0], np.zeros(4), "scene:none"), View(views[1][0], np.zeros(4), "scene:none")  # the pipeline draws again


@dataclass(slots=True)
class PairSampler:
    """Mixes sources by weight.

    Attributes:
        sources: (source, weight) pairs. negative: chance that the search view shows another pair's object instead.
    """

    sources: Sequence[tuple[Source, float]]
    negative: float = 0.1

    def draw(self, rng: Generator) -> tuple[View, View, bool]:
        """Template view, search view, and whether the template's object is in the search view."""
        template, search = self._source(rng).draw(rng)
        if rng.random() < self.negative:
            other = self._source(rng).draw(rng)[1]
            if other.id.rsplit("/", 1)[0] != search.id.rsplit("/", 1)[0]:
                return template, other, False
        return template, search, True

    def _source(self, rng: Generator) -> Source:
        weights = np.array([weight for _, weight in self.sources])
        return self.sources[int(rng.choice(len(self.sources), p=weights / weights.sum()))][0]
