"""Draws from still images and synthetic scenes, and the mixture of several draws with negative samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lockon.data.datasets.stills import ShortVideo, StillImage
from lockon.data.samples.frames import FrameRule, views_by_role
from lockon.data.samples.views import SEARCH, TEMPLATE, Draw, ImageCache, View, Views, is_trainable
from lockon.data.synthesize import Cutout, random_scene
from lockon.errors import LockonError
from lockon.ops.boxes import xywh_to_xyxy
from lockon.types import FloatArray


@dataclass(slots=True)
class StillSource:
    """Pairs from the same still image (augmentation makes the difference), or of two images of one short video; or more views than two.

    Attributes:
        images: The stills.
        cache: Keeps decoded images.
        chances: Weight by the name of a set; a set's images share it.
        videos: Short videos, drawn with the chance `video_share` instead of a still.
        video_share: Chance of a short video, from 0 to 1.
        rule: Which images of a short video make a sample, and how often a still is in one; None makes pairs.
        skipped: Number of boxes that cannot train.

    Raises:
        LockonError: No box is left.
    """

    images: Sequence[StillImage]
    cache: ImageCache
    chances: dict[str, float]
    videos: Sequence[ShortVideo] = ()
    video_share: float = 0.0
    rule: FrameRule | None = None
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
        """Draw the views of one object."""
        rule = self.rule or _two_places
        if self.videos and rng.random() < self.video_share:
            video = self.videos[_pick(rng, self._video_p)]
            boxes = [image.objects[index].box for image, index in zip(video.images, video.indices, strict=True)]
            places = rule(rng, np.arange(len(video)))
            if all(is_trainable(np.asarray(boxes[place]), 1e9, 1e9) for chosen in places.values() for place in chosen):
                return views_by_role(places, lambda place: self.view(video.images[place], video.indices[place]))
        image, item = self._items[_pick(rng, self._p)]
        return views_by_role(rule(rng, np.arange(1)), lambda _: self.view(image, item))

    def view(self, image: StillImage, index: int) -> View:
        """Return one object of one still."""
        pixels = self.cache.get(str(image.path), image.read)
        name = f"{image.set}/{image.path.name}#{image.objects[index].id}"
        mask = partial(image.mask, index) if image.objects[index].has_mask else None
        return View(pixels, xywh_to_xyxy(image.objects[index].box), name, mask)


def _two_places(rng: Generator, frames: NDArray[np.integer]) -> Mapping[str, tuple[int, ...]]:
    """Return two different places in the frames as a pair; the only one twice where there is no other."""
    pair = rng.choice(len(frames), 2, replace=False) if len(frames) > 1 else (0, 0)
    return {TEMPLATE: (int(pair[0]),), SEARCH: (int(pair[1]),)}


def _pick(rng: Generator, cumulated: FloatArray) -> int:
    return min(int(np.searchsorted(cumulated, rng.random())), len(cumulated) - 1)


@dataclass(slots=True)
class SyntheticSource:
    """Pairs of two frames of a random `Scene` made of cut-outs, or more; distractors are of the target's class where there are any.

    Attributes:
        cutouts: The objects.
        backgrounds: Images that scenes play on.
        cache: Keeps decoded backgrounds.
        max_gap: Largest distance of the two frames; half the length of a scene.
        rule: Which frames of a scene make a sample; None makes pairs.

    Raises:
        LockonError: No object, or no background.
    """

    cutouts: Sequence[Cutout]
    backgrounds: Sequence[StillImage]
    cache: ImageCache
    max_gap: int = 60
    rule: FrameRule | None = None
    _by_label: dict[str, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.cutouts or not self.backgrounds:
            raise LockonError("synthetic videos need objects with masks and background images; give stills with masks")
        for index, cutout in enumerate(self.cutouts):
            self._by_label.setdefault(cutout.label, []).append(index)

    def draw(self, rng: Generator, index: int = 0) -> Views:
        """Draw frames of one scene with a visible target; after eight scenes without, a sample that the pipeline draws again."""
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
            times = (self.rule or self._two_times)(rng, np.arange(2 * self.max_gap))
            renders = {time: scene.render(time) for time in dict.fromkeys(time for chosen in times.values() for time in chosen)}
            first = next(iter(times))  # the role that shows what the target looks like
            if all(renders[time][2] > (0.8 if role == first else 0.4) for role, chosen in times.items() for time in chosen):
                name = f"scene:{label}@{backdrop.path.name}"
                views = {time: View(*renders[time][:2], f"{name}/{time:g}", partial(scene.mask, time)) for time in renders}
                return views_by_role(times, views.__getitem__)
        return views_by_role(times, lambda time: View(renders[time][0], np.zeros(4), "scene:none"))

    def _two_times(self, rng: Generator, frames: NDArray[np.integer]) -> Mapping[str, tuple[int, ...]]:
        """Return any of the frames as the template, and a search frame at most `max_gap` before or after it."""
        first = int(rng.integers(0, len(frames)))
        return {TEMPLATE: (first,), SEARCH: (first + int(rng.integers(-self.max_gap, self.max_gap + 1)),)}


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
