"""The samples of trackers built on pytracking (OSTrack, TransT, RTrack): square crops of whole pixels around a box that is a little wrong.

Pairs come from datasets that are mixed by weight. Both crops have the side ``factor * sqrt(w h)`` of the wrong box. The defaults are those
of OSTrack with crops of 128 and 256 pixels (Ye et al., ECCV 2022, and its published code).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.random import Generator

from lockon._config_values import check_range
from lockon.data.samples.appearance import Appearance, appearance_steps, mirror_each
from lockon.data.samples.crop_steps import MIN_CROP_SIDE, clip_boxes, extract, place
from lockon.data.samples.frames import FrameRule, NearPair, SupportQuery
from lockon.data.samples.mixed_pairs import MixedDataConfig, mixed_pairs
from lockon.data.samples.pipeline import Draft, RoleArrays, SamplePipeline, SampleStep
from lockon.data.samples.placement import BoxJitter
from lockon.data.samples.pools import DatasetSampling
from lockon.data.samples.views import SEARCH, TEMPLATE, ImageCache
from lockon.data.samples.whole_windows import MeanSideJitter, WholeWindow
from lockon.data.tracks import TrackSet
from lockon.ops.borders import Replicate, Zero
from lockon.ops.crop_rules import OSTrackRule


@dataclass(frozen=True, kw_only=True, slots=True)
class JitteredCrop:
    """Size and scale of one of the two crops, and how the box that it is taken around is made a little wrong.

    Attributes:
        size: Side of the crop in pixels.
        factor: Side of the window in units of the wrong box's sqrt(w h).
        jitter: `BoxJitter` (OSTrack, RTrack, DiMP) or `MeanSideJitter` (TransT).

    Raises:
        LockonError: A size under 16, or a factor that is not above 0.
    """

    size: int
    factor: float
    jitter: BoxJitter | MeanSideJitter = field(default_factory=BoxJitter)

    def __post_init__(self) -> None:
        check_range("size", self.size, 16)
        check_range("factor", self.factor, 0, 100, above=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class PytrackingDataConfig(MixedDataConfig):
    """Crops, pairs and augmentation; the defaults are those of OSTrack's published training at 256 pixels.

    Attributes:
        template: Size, scale and jitter of the template crop.
        search: Those of the search crop.
        border: What crops show outside the image: `Zero` (OSTrack) or `Replicate` (TransT).
        official: Boxes as the published code counts them, see `WholeWindow`; otherwise exact, from the first pixel's corner.
        clip: Boxes end at the border of their crop (RTrack); otherwise they may reach outside, and losses clip them (OSTrack).
        causal: The search frame comes after the template (OSTrack), by at most the dataset's gap; otherwise before or after it (TransT).
    """

    template: JitteredCrop = field(default_factory=lambda: JitteredCrop(size=128, factor=2.0))
    search: JitteredCrop = field(default_factory=lambda: JitteredCrop(size=256, factor=4.0, jitter=BoxJitter(scale=0.25, offset=3.0)))
    border: Zero | Replicate = field(default_factory=Zero)
    official: bool = True
    clip: bool = False
    causal: bool = True
    appearance: Appearance = field(default_factory=lambda: Appearance(gray=0.05, brightness=0.2, flip=0.5))
    flip_each: float = 0.5

    def frame_rule(self, sampling: DatasetSampling) -> FrameRule:
        """Return which two frames of a track of a dataset make a pair."""
        return SupportQuery.causal_pair(max(sampling.gap, 1)) if self.causal else NearPair(sampling.gap, sampling.gap)


def pytracking_pipeline(
    sets: Sequence[TrackSet],
    config: PytrackingDataConfig,
    seed: int,
    cache: ImageCache | None = None,
    *,
    weights: Mapping[str, float] | None = None,
) -> SamplePipeline:
    """Return the pipeline of template, search and box.

    `template_box` and `box` are (4,) xyxy of the target in pixels of its crop; they may reach outside it. A target of which the search
    crop shows less than 4 pixels a side is drawn again.

    Args:
        sets: The datasets.
        config: All the numbers.
        seed: With the sample's index it fixes everything.
        cache: Keeps decoded images; worth its memory only where the images are few.
        weights: How often a dataset is drawn beside the others, by name, in place of its sampling's weight.

    Raises:
        LockonError: As `mixed_pairs`.
    """
    samplings = [config.sampling(tracks.name) for tracks in sets]
    draw, notes = mixed_pairs(sets, samplings, config.frame_rule, weights=weights or {}, cache=cache)
    crops = {TEMPLATE: config.template, SEARCH: config.search}
    placements = {
        role: WholeWindow(OSTrackRule(factor=crop.factor, border=config.border), crop.size, crop.jitter, config.official)
        for role, crop in crops.items()
    }
    steps: list[SampleStep] = [
        partial(place, roles=placements, checked=(TEMPLATE, SEARCH)),
        only_shown,
        extract,
        *((clip_boxes,) if config.clip else ()),
        *appearance_steps(config.appearance, covered=False),
        partial(mirror_each, chance=config.flip_each),
    ]
    arrays = (RoleArrays(TEMPLATE, box="template_box"), RoleArrays(SEARCH, box="box"))
    return SamplePipeline(draw, steps, arrays=arrays, seed=seed, notes=notes)


def only_shown(rng: Generator, draft: Draft) -> Draft | None:
    """Have a sample drawn again whose search crop shows next to nothing of its target."""
    for crop in draft.placed[draft.views.searched]:
        shown = np.clip(crop.box, 0, crop.crop.size)  # (4,)
        if min(shown[2:] - shown[:2]) < MIN_CROP_SIDE:
            return None
    return draft


__all__ = ["JitteredCrop", "PytrackingDataConfig", "only_shown", "pytracking_pipeline"]
