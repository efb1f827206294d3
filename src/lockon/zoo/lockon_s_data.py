"""The training data of lockon-s: which images, how often, and the objects that synthetic videos are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np

from lockon.data.datasets.registry import load_videos
from lockon.data.datasets.stills import StillImage, list_sets, load_stills, short_videos
from lockon.data.samples.crop_steps import Images
from lockon.data.samples.frames import FrameDraw, FrameRule, NearPair
from lockon.data.samples.pools import VideoPool
from lockon.data.samples.sources import MixedDraw, StillSource, SyntheticSource
from lockon.data.samples.views import Draw, ImageCache
from lockon.data.sequence import VideoSequence
from lockon.data.synthesize import Cutout
from lockon.errors import LockonError
from lockon.train.recipe import TrainSources
from lockon.types import Frame

# Chance of a set of stills relative to the square root of its image count: narrow or loosely annotated sets count less.
SET_FACTORS = {
    "coco_samples": 3.0,
    "caltech101_pseudo": 1.5,
    "weizmann_horses": 0.8,
    "drone_detection_V": 0.35,
    "drone_detection_IR": 0.5,
    "fod_a": 0.4,
    "gtea_gaze_plus": 0.4,
    "davis_tennis": 0.4,
    "qr_codes": 0.3,
    "ships_aerial": 0.6,
    "deer": 0.6,
    "toys": 0.4,
    "bus_door_people": 0.4,
    "rail_wagons": 0.4,
    "lion": 0.6,
    "bottles": 0.6,
    "gym_equipment": 0.5,
}
EXCLUDED_SETS = ("extra_unlabelled", "segtrackv2_bmx")  # no boxes; may overlap a sequence of VOT2016
CUTOUT_SETS = ("coco_samples", "caltech101_pseudo", "weizmann_horses")  # masks that follow the object's outline
MAX_GAP = 60  # frames between the template and the search frame of a video
VIDEO_FACTORS = {"AntiUAV": 0.12, "TinyTLP": 1.0}  # infrared specks 14 px wide, loosely boxed


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceWeights:
    """Where training pairs come from; a source whose folder is not given is left out.

    Attributes:
        videos: Weight of annotated videos.
        stills: Weight of still images.
        synthetic: Weight of synthetic scenes, which are made of objects of the stills.
        negative: Chance of a negative pair.
        still_video_share: Chance that a pair of the stills is two images of one short video.
    """

    videos: float = 0.22
    stills: float = 0.45
    synthetic: float = 0.33
    negative: float = 0.08
    still_video_share: float = 0.12


@dataclass(frozen=True, slots=True)
class PairSources:
    """The data of a run, read and ready to draw from.

    Attributes:
        draw: Draws pairs.
        backdrops: Draws any still image; None without stills.
        notes: One line per source with boxes that cannot train, with their count.
    """

    draw: Draw
    backdrops: Images | None
    notes: tuple[str, ...]


def load_sources(sources: TrainSources, mix: SourceWeights, rule: FrameRule | None = None) -> PairSources:
    """Read videos, stills and what synthetic scenes are made of, as far as their folders are given.

    Args:
        sources: Where they lie.
        mix: How often each is drawn.
        rule: Which frames of a video or scene make a sample; None makes pairs.

    Raises:
        LockonError: Folders without usable data.
    """
    cache = ImageCache()
    parts: list[tuple[Draw, float]] = []
    skipped: dict[str, int] = {}
    backdrops: Images | None = None
    sequences: list[VideoSequence] = []
    if sources.videos is not None:
        sequences = load_videos(sources.videos)
        weights = [len(sequence) ** 0.5 * VIDEO_FACTORS.get(sequence.dataset, 1.0) for sequence in sequences]
        pool = VideoPool(sequences, cache, weights)
        skipped["videos"] = pool.skipped
        parts.append((FrameDraw(pool, rule or NearPair(MAX_GAP, MAX_GAP)), mix.videos))
    if sources.stills is not None:
        known = list_sets(sources.stills)
        images = load_stills(sources.stills, exclude=[name for name in EXCLUDED_SETS if name in known])
        counts = Counter(image.set for image in images)
        chances = {name: count**0.5 * SET_FACTORS.get(name, 1.0) for name, count in counts.items()}
        stills = StillSource(images, cache, chances, short_videos(images), mix.still_video_share, rule)
        skipped["stills"] = stills.skipped
        parts.append((stills, mix.stills))
        cutouts = collect_cutouts([image for image in images if image.set in CUTOUT_SETS], sequences)
        backgrounds = images if "extra_unlabelled" not in known else [*images, *load_stills(sources.stills, sets=["extra_unlabelled"])]
        backdrops = partial(random_image, images=backgrounds, cache=cache)
        if cutouts:
            parts.append((SyntheticSource(cutouts, backgrounds, cache, rule=rule), mix.synthetic))
    if not parts:
        raise LockonError("no stills and no videos to train on: give --data-root DIR with train/ or train_video/, --stills or --videos")
    why = "not finite, under 6 px, thinner than 1:8, or off the image"
    notes = tuple(f"{name}: {count} boxes skipped ({why})" for name, count in skipped.items() if count)
    return PairSources(MixedDraw(parts, mix.negative), backdrops, notes)


def describe_data(sources: TrainSources) -> dict[str, list[str]]:
    """Return the names of the sets of stills and of the videos that a run trains on, for the header of its weights."""
    stills = [name for name in list_sets(sources.stills) if name != "segtrackv2_bmx"] if sources.stills is not None else []
    videos = [f"{video.dataset}/{video.name}" for video in load_videos(sources.videos)] if sources.videos is not None else []
    return {"stills": stills, "videos": videos}


def random_image(rng: np.random.Generator, images: list[StillImage], cache: ImageCache) -> Frame:
    """Return any of the images, decoded."""
    image = images[int(rng.integers(len(images)))]
    return cache.get(str(image.path), image.read)


def collect_cutouts(images: Iterable[StillImage], sequences: Iterable[VideoSequence], frames_per_sequence: int = 8) -> list[Cutout]:
    """Cut out every masked object of the stills, and of a few frames of every video that has masks.

    Objects that the image's border cuts are left out.
    """
    cutouts: list[Cutout | None] = []
    for image in images:
        wanted = [i for i, item in enumerate(image.objects) if item.has_mask and _inside(item.box, image.width, image.height)]
        pixels = image.read() if wanted else None
        for index in wanted:
            mask = image.mask(index)
            if pixels is not None and mask is not None:
                cutouts.append(Cutout.from_mask(pixels, mask, image.objects[index].category))
    for sequence in sequences:
        if sequence.masks is None:
            continue
        for index in range(0, len(sequence), max(1, len(sequence) // frames_per_sequence)):
            frame = sequence.frames[index]
            if _inside(tuple(sequence.boxes[index]), frame.shape[1], frame.shape[0]):
                cutouts.append(Cutout.from_mask(frame, sequence.masks[index], sequence.name))
    return [cutout for cutout in cutouts if cutout is not None]


def _inside(box: Iterable[float], width: int, height: int, margin: float = 1.5) -> bool:
    x, y, w, h = box
    return min(w, h) >= 20 and x > margin and y > margin and x + w < width - margin and y + h < height - margin
