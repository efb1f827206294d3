"""Draws from still images and synthetic scenes, and the mixture of several draws with negative samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.random import Generator

from lockon.data.datasets.stills import ShortVideo, StillImage
from lockon.data.samples.views import Draw, ImageCache, View, Views, is_trainable
from lockon.data.synthesize import Cutout, random_scene
from lockon.errors import LockonError
from lockon.ops.boxes import xywh_to_xyxy
from lockon.types import FloatArray


@dataclass(slots=True)
class StillSource:
    """Pairs from the same still image (augmentation makes the difference), or of two images of one short video.

    Attributes:
        images: The stills.
        cache: Keeps decoded images.
        chances: Weight by the name of a set; a set's images share it.
        videos: Short videos, drawn with the chance `video_share` instead of a still.
        video_share: Chance of a short video, from 0 to 1.
        skipped: Number of boxes that cannot train.

    Raises:
        LockonError: No box is left.
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
        per_image = Counter(image.path for image, _ in self._items)
        per_set = Counter(name for name, _ in {(image.set, image.path) for image, _ in self._items})
        self._p = self._cumulated((image.set, per_set[image.set], per_image[image.path]) for image, _ in self._items)
        per_set = Counter(video.set for video in self.videos)
        self._video_p = self._cumulated((video.set, per_set[video.set], 1) for video in self.videos)

    def _cumulated(self, shares: Iterable[tuple[str, int, int]]) -> FloatArray:
        """Return cumulated chances of items, of each a set's name and the numbers among which its chance is shared."""
        p = np.array([self.chances.get(name, 1.0) / first / second for name, first, second in shares])
        return np.asarray(np.cumsum(p / p.sum()))

    def draw(self, rng: Generator, index: int = 0) -> Views:
        """Draw two views of one object."""
        if self.videos and rng.random() < self.video_share:
            video = self.videos[_pick(rng, self._video_p)]
            pair = rng.choice(len(video), 2, replace=False)
            if all(is_trainable(np.asarray(video.images[i].objects[video.indices[i]].box), 1e9, 1e9) for i in pair):
                return Views.pair(*(self.view(video.images[i], video.indices[i]) for i in pair))
        image, item = self._items[_pick(rng, self._p)]
        view = self.view(image, item)
        return Views.pair(view, view)

    def view(self, image: StillImage, index: int) -> View:
        """Return one object of one still."""
        pixels = self.cache.get(str(image.path), image.read)
        name = f"{image.set}/{image.path.name}#{image.objects[index].id}"
        mask = partial(image.mask, index) if image.objects[index].has_mask else None
        return View(pixels, xywh_to_xyxy(image.objects[index].box), name, mask)


def _pick(rng: Generator, cumulated: FloatArray) -> int:
    return min(int(np.searchsorted(cumulated, rng.random())), len(cumulated) - 1)


@dataclass(slots=True)
class SyntheticSource:
    """Pairs of two frames of a random `Scene` made of cut-outs; distractors are of the target's class where there are any.

    Attributes:
        cutouts: The objects.
        backgrounds: Images that scenes play on.
        cache: Keeps decoded backgrounds.
        max_gap: Largest distance of the two frames.

    Raises:
        LockonError: No object, or no background.
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

    def draw(self, rng: Generator, index: int = 0) -> Views:
        """Draw two frames of one scene with a visible target; after eight scenes without, a pair that the pipeline draws again."""
        labels = list(self._by_label)
        for _ in range(8):
            evenly = rng.random() < 0.5
            label = labels[int(rng.integers(len(labels)))] if evenly else self.cutouts[int(rng.integers(len(self.cutouts)))].label
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
            renders = {time: scene.render(time) for time in (first, second)}
            if renders[first][2] > 0.8 and renders[second][2] > 0.4:
                name = f"scene:{label}@{backdrop.path.name}"
                views = {time: View(*renders[time][:2], f"{name}/{time:g}", partial(scene.mask, time)) for time in renders}
                return Views.pair(views[first], views[second])
        return Views.pair(*(View(renders[time][0], np.zeros(4), "scene:none") for time in (first, second)))


@dataclass(frozen=True, slots=True)
class MixedDraw:
    """Draws from several draws by weight, and makes negative samples: the searched views show what another draw shows.

    Attributes:
        parts: Pairs of a draw and its weight; all give the same roles.
        negative: Chance of a negative sample, from 0 to 1; it stays positive where the other draw is of the same video.
    """

    parts: Sequence[tuple[Draw, float]]
    negative: float = 0.0

    def draw(self, rng: Generator, index: int = 0) -> Views:
        """Draw the views of one sample."""
        views = self._part(rng).draw(rng, index)
        if rng.random() < self.negative:
            other = self._part(rng).draw(rng, index)
            if _video(other) != _video(views):
                return views.with_negative(other)
        return views

    def _part(self, rng: Generator) -> Draw:
        weights = np.array([weight for _, weight in self.parts])
        return self.parts[int(rng.choice(len(self.parts), p=weights / weights.sum()))][0]


def _video(views: Views) -> str:
    """Return the name of what the searched view is from: all of its id but the frame."""
    return views.roles[views.searched][0].id.rsplit("/", 1)[0]


__all__ = ["MixedDraw", "StillSource", "SyntheticSource"]
