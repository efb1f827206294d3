"""One pipeline of every kind over the scenes of sample_scenes.py."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import sample_scenes as scenes

from lockon.data.datasets.stills import StillImage, short_videos
from lockon.data.samples.appearance import Appearance
from lockon.data.samples.frames import FrameDraw, NearPair
from lockon.data.samples.pairs import PairDataConfig, pair_pipeline
from lockon.data.samples.patch_jitter import PatchJitter
from lockon.data.samples.pipeline import SamplePipeline
from lockon.data.samples.placement import BoxJitter
from lockon.data.samples.pools import DatasetSampling, TrackPool, VideoPool
from lockon.data.samples.pysot import PysotDataConfig, pysot_pipeline
from lockon.data.samples.refine import RefineDataConfig, refine_pipeline
from lockon.data.samples.sources import MixedDraw, StillSource, SyntheticSource
from lockon.data.samples.views import ImageCache
from lockon.types import Frame

FULL = RefineDataConfig(
    size=192,
    official=False,
    reference=BoxJitter(scale=0.05, offset=0.05),
    search=BoxJitter(scale=0.3, offset=0.35),
    appearance=Appearance(gray=0.1, color=1.0, degrade=0.7, occlusion=0.3, flip=0.5, backdrop=0.5),
)


def any_image(rng: np.random.Generator, images: list[StillImage], cache: ImageCache) -> Frame:
    image = images[int(rng.integers(len(images)))]
    return cache.get(str(image.path), image.read)


def mixture(images: list[StillImage], cache: ImageCache, negative: float) -> MixedDraw:
    """Videos, stills, short videos and synthetic scenes."""
    video = FrameDraw(VideoPool(scenes.videos(), cache, [3.0, 1.0]), NearPair(6, 6))
    still = StillSource(images, cache, {"set0": 2.0, "set1": 1.0}, short_videos(images), 0.3)
    return MixedDraw([(video, 0.3), (still, 0.4), (SyntheticSource(scenes.cutouts(), images, cache), 0.3)], negative)


def tracks() -> MixedDraw:
    """Three training datasets, one of them of 511-pixel patches."""
    sets = (scenes.track_set("A", masks=True), scenes.track_set("B"), scenes.track_set("C", masks=True, cropped=True))
    samplings = (
        DatasetSampling("A", gap=5, min_boxes=2, min_span=2),
        DatasetSampling("B", gap=50, weight=2.0),
        DatasetSampling("C", gap=50, weight=1.5, min_boxes=5, min_span=8),
    )
    pools = [TrackPool(made, sampling) for made, sampling in zip(sets, samplings, strict=True)]
    return MixedDraw([(FrameDraw(pool, NearPair(pool.sampling.gap, pool.sampling.gap - 1)), pool.sampling.weight) for pool in pools])


def pipelines(folder: Path) -> dict[str, SamplePipeline]:
    images, cache = scenes.stills(folder), ImageCache()
    backdrops = partial(any_image, images=images, cache=cache)
    videos = FrameDraw(VideoPool(scenes.videos(), cache), NearPair(6, 6))
    sets = [scenes.track_set("A", masks=True), scenes.track_set("B"), scenes.track_set("C", masks=True, cropped=True)]
    listed = (DatasetSampling("A", 3, 10), DatasetSampling("C", 100, 7))
    flipped = PysotDataConfig(search=PatchJitter(size=287, shift=64, scale=0.18, blur=0.5, color=0.5, flip=0.5))
    plain = RefineDataConfig()
    paper = replace(plain, search=BoxJitter(scale=0.25, offset=0.5), masks=False, appearance=replace(plain.appearance, flip=0.5))
    slim = FrameDraw(TrackPool(scenes.slim_tracks(), DatasetSampling("slim")), NearPair(50, 49))
    return {
        "pairs": pair_pipeline(mixture(images, cache, 0.2), PairDataConfig(), 7, backdrops),
        "pairs_videos": pair_pipeline(MixedDraw([(videos, 1.0)], 0.2), PairDataConfig(), 8),
        "pysot": pysot_pipeline(sets, PysotDataConfig(sets=listed, gray=0.3, masks=True), 9),
        "pysot_flip": pysot_pipeline(sets[:2], flipped, 10, cache),
        "refine": refine_pipeline(tracks(), plain, 11),
        "refine_flip": refine_pipeline(tracks(), paper, 12),
        "refine_full": refine_pipeline(mixture(images, cache, 0.0), FULL, 13, backdrops),
        "refine_videos": refine_pipeline(MixedDraw([(videos, 1.0)]), FULL, 14),
        "pairs_redrawn": pair_pipeline(MixedDraw([(slim, 1.0)], 0.2), PairDataConfig(), 15),
        "refine_redrawn": refine_pipeline(MixedDraw([(slim, 1.0)]), FULL, 16, backdrops),
    }
