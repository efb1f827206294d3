"""The samples of trackers that learn online (ATOM, DiMP, PrDiMP, SuperDiMP): frames to learn a target from, and frames to find it in.

Every crop is a square of whole pixels around a box that is a little wrong. In the test frames there are proposals for the box network to
judge, and the labels of the score maps. The defaults are DiMP-50's (Bhat et al., ICCV 2019, and its published training).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.random import Generator

from lockon._config_values import check_range
from lockon.data.samples.appearance import Appearance, appearance_steps, mirror_each
from lockon.data.samples.crop_steps import extract, place
from lockon.data.samples.frames import TEST, TRAIN, FrameRule, SupportQuery
from lockon.data.samples.mixed_pairs import MixedDataConfig, mixed_pairs
from lockon.data.samples.pipeline import Draft, RoleArrays, SamplePipeline, SampleStep
from lockon.data.samples.placement import BoxJitter
from lockon.data.samples.pools import DatasetSampling
from lockon.data.samples.proposals import GaussianProposals, MixtureProposals
from lockon.data.samples.pytracking import only_shown
from lockon.data.samples.score_labels import DensityLabel, GaussianLabel
from lockon.data.samples.views import Draw, ImageCache
from lockon.data.samples.whole_windows import WholeWindow
from lockon.data.tracks import TrackSet
from lockon.errors import LockonError
from lockon.ops.borders import Replicate
from lockon.ops.crop_rules import OSTrackRule
from lockon.ops.inside_frame import InsideMajor

STRIDE = 16  # pixels from one cell of the features to the next


@dataclass(frozen=True, kw_only=True, slots=True)
class SequenceDataConfig(MixedDataConfig):
    """Crops, frames, proposals, labels and augmentation.

    Attributes:
        size: Side of all crops in pixels, a multiple of 16.
        factor: Side of a window in units of the wrong box's sqrt(w h).
        train: By how much the boxes are wrong that train crops are taken around.
        test: The same of test crops.
        inside: Keeps windows in the frame (SuperDiMP); None lets them reach outside, where the image's outermost pixels are repeated.
        train_frames: Frames per sample to learn from.
        test_frames: Frames per sample to find the target in.
        causal: Test frames come after the train frames, otherwise before or after; both within the dataset's gap.
        proposals: The boxes that the box network judges in test frames.
        label: The score maps of the test frames; None where no classifier is trained (ATOM).

    Raises:
        LockonError: A size that is no multiple of 16, a factor that is not above 0, or no frame.
    """

    appearance: Appearance = field(default_factory=lambda: Appearance(gray=0.05, brightness=0.2))
    flip_each: float = 0.0
    size: int = 288
    factor: float = 5.0
    train: BoxJitter = field(default_factory=lambda: BoxJitter(scale=0.25, offset=3.0))
    test: BoxJitter = field(default_factory=lambda: BoxJitter(scale=0.5, offset=4.5))
    inside: InsideMajor | None = None
    train_frames: int = 3
    test_frames: int = 3
    causal: bool = True
    proposals: GaussianProposals | MixtureProposals = field(default_factory=GaussianProposals)
    label: GaussianLabel | DensityLabel | None = field(default_factory=GaussianLabel)

    def __post_init__(self) -> None:
        MixedDataConfig.__post_init__(self)
        if self.size < 2 * STRIDE or self.size % STRIDE:
            raise LockonError(f"size={self.size} given, expected a multiple of {STRIDE} from {2 * STRIDE} on, for example 288")
        check_range("factor", self.factor, 0, 100, above=True)
        for name in ("train_frames", "test_frames"):
            check_range(name, getattr(self, name), 1)

    @property
    def arrays(self) -> tuple[str, ...]:
        """Return the names of what samples teach."""
        return (*self.proposals.arrays, *(("label",) if self.label is not None else ()))

    def frame_rule(self, sampling: DatasetSampling) -> FrameRule:
        """Return which frames of a track of a dataset make a sample."""
        return SupportQuery(self.train_frames, self.test_frames, max(sampling.gap, 1), self.causal, (TRAIN, TEST))

    def window(self, jitter: BoxJitter) -> WholeWindow:
        """Return how crops are placed around boxes that are wrong by so much."""
        rule = OSTrackRule(factor=self.factor, border=Replicate(), inside=self.inside)
        return WholeWindow(rule, self.size, jitter, official=self.inside is None)


def sequence_pipeline(
    sets: Sequence[TrackSet],
    config: SequenceDataConfig,
    seed: int,
    cache: ImageCache | None = None,
    *,
    weights: Mapping[str, float] | None = None,
) -> SamplePipeline:
    """Return the pipeline of train and test frames.

    A sample has `train` (N, S, S, 3) and `test` (T, S, S, 3) uint8 RGB; `train_box` (N, 4) and `test_box` (T, 4) xyxy of the target in crop
    pixels, which may reach outside; `proposals` (T, K, 4), and what its kind says of them (T, K); `label` (T, S', S') where there is one. A
    target of which a test crop shows less than 4 pixels a side is drawn again.

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
    return drawn_sequences(draw, config, seed, notes=notes)


def drawn_sequences(draw: Draw, config: SequenceDataConfig, seed: int, *, notes: Sequence[str] = ()) -> SamplePipeline:
    """Return the same pipeline, see `sequence_pipeline`, of samples that are drawn elsewhere.

    Args:
        draw: Draws views with the roles `TRAIN` and `TEST`, as many as the configuration says.
        config: All the numbers but those of the datasets.
        seed: With the sample's index it fixes everything.
        notes: What was left out on reading the data.
    """
    placements = {TRAIN: config.window(config.train), TEST: config.window(config.test)}
    steps: list[SampleStep] = [
        partial(place, roles=placements, checked=(TRAIN, TEST)),
        only_shown,
        extract,
        *appearance_steps(config.appearance, covered=False),
        partial(mirror_each, chance=config.flip_each),
        partial(teach, config=config),
    ]
    arrays = [RoleArrays(role, box=f"{role}_box", stacked=True) for role in (TRAIN, TEST)]
    return SamplePipeline(draw, steps, arrays=arrays, seed=seed, notes=notes)


def teach(rng: Generator, draft: Draft, *, config: SequenceDataConfig) -> Draft:
    """Add the proposals of the test crops, and their labels."""
    boxes = np.stack([crop.box for crop in draft.crops[TEST]])  # (T, 4)
    drawn = [config.proposals(rng, box) for box in boxes]
    more = {name: np.stack([each[name] for each in drawn]) for name in drawn[0]}
    if config.label is not None:
        more["label"] = config.label(boxes, config.size).astype(np.float32)
    return replace(draft, more={**draft.more, **more})


__all__ = ["SequenceDataConfig", "drawn_sequences", "sequence_pipeline", "teach"]
