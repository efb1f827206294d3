"""The training data of lockon-s: which images, how often, and the objects that synthetic videos are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np

from lockon.data.datasets.registry import load_videos
from lockon.data.datasets.stills import StillImage, list_sets, load_stills, short_videos
from lockon.data.pipeline import PairPipeline, PipelineConfig
from lockon.data.sampler import ImageCache, PairSampler, Source, StillSource, SyntheticSource, VideoSource
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
VIDEO_FACTORS = {"AntiUAV": 0.12, "TinyTLP": 1.0}  # infrared specks 14 px wide, loosely boxed


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceWeights:
    """Where training pairs come from.

    Attributes:
        videos, stills, synthetic: weights of the sources; those whose folder is not given are left out.
        negative: chance of a negative pair.
        still_video_share: chance that a pair of the stills is two images of one short video.
    """

    videos: float = 0.22
    stills: float = 0.45
    synthetic: float = 0.33
    negative: float = 0.08
    still_video_share: float = 0.12


def make_pipeline(sources: TrainSources, *, mix: SourceWeights, config: PipelineConfig, seed: int) -> PairPipeline:
    """Videos, stills and synthetic scenes, as far as their folders are given, mixed by `mix`.

    Raises:
        LockonError: folders without usable data.
    """
    cache = ImageCache()
    parts: list[tuple[Source, float]] = []
    draw_backdrop = None
    sequences: list[VideoSequence] = []
    if sources.videos is not None:
        sequences = load_videos(sources.videos)
        weights = [len(sequence) ** 0.5 * VIDEO_FACTORS.get(sequence.dataset, 1.0) for sequence in sequences]
        parts.append((VideoSource(sequences, cache, weights), mix.videos))
    if sources.stills is not None:
        known = list_sets(sources.stills)
        images = load_stills(sources.stills, exclude=[name for name in EXCLUDED_SETS if name in known])
        counts = Counter(image.set for image in images)
        chances = {name: count**0.5 * SET_FACTORS.get(name, 1.0) for name, count in counts.items()}
        parts.append((StillSource(images, cache, chances, short_videos(images), mix.still_video_share), mix.stills))
        cutouts = collect_cutouts([image for image in images if image.set in CUTOUT_SETS], sequences)
        backdrops = images if "extra_unlabelled" not in known else [*images, *load_stills(sources.stills, sets=["extra_unlabelled"])]
        draw_backdrop = partial(random_image, images=backdrops, cache=cache)
        if cutouts:
            parts.append((SyntheticSource(cutouts, backdrops, cache), mix.synthetic))
    if not parts:
        raise LockonError("no stills and no videos to train on: give --data-root DIR with train/ or train_video/, --stills or --videos")
    return PairPipeline(PairSampler(parts, mix.negative), config, seed, draw_backdrop)


def describe_data(sources: TrainSources) -> dict[str, list[str]]:
    """Names of the sets of stills and of the videos that a run trains on, for the header of its weights."""
    stills = [name for name in list_sets(sources.stills) if name != "segtrackv2_bmx"] if sources.stills is not None else []
    videos = [f"{video.dataset}/{video.name}" for video in load_videos(sources.videos)] if sources.videos is not None else []
    return {"stills": stills, "videos": videos}


def describe_skipped(pipeline: PairPipeline) -> tuple[str, ...]:
    """One line per source with boxes that cannot train, with their count."""
    counts = [(type(source).__name__, getattr(source, "skipped", 0)) for source, _ in pipeline.sampler.sources]
    return tuple(
        f"{name}: {count} boxes skipped (not finite, under 6 px, thinner than 1:8, or off the image)" for name, count in counts if count
    )


def random_image(rng: np.random.Generator, images: list[StillImage], cache: ImageCache) -> Frame:
    """Any of the images, decoded."""
    image = images[int(rng.integers(len(images)))]
    return cache.get(str(image.path), image.read)


def collect_cutouts(images: Iterable[StillImage], sequences: Iterable[VideoSequence], frames_per_sequence: int = 8) -> list[Cutout]:
    """Every masked object of the stills, and a few frames of every video that has masks. Objects cut by the image's border are left out."""
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
