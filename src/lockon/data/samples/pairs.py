"""The samples of lockon's own trackers: a template and a search crop, moved, turned, recoloured, degraded and covered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from lockon.data.samples.appearance import Appearance, appearance_steps
from lockon.data.samples.crop_steps import Images, extract, pick_backdrop, pick_cover, place
from lockon.data.samples.frames import TEST, TRAIN, FrameRule
from lockon.data.samples.pipeline import RoleArrays, SamplePipeline, SampleStep
from lockon.data.samples.placement import MovedWindow, WindowJitter
from lockon.data.samples.pools import DatasetSampling
from lockon.data.samples.support_query import SequenceFrames, by_role
from lockon.data.samples.views import SEARCH, TEMPLATE, Draw
from lockon.ops.crop_rules import AreaRule


@dataclass(frozen=True, kw_only=True, slots=True)
class PairDataConfig:
    """Crop geometry and augmentation strengths.

    Attributes:
        template: Size, scale and jitter of the template crop.
        search: Those of the search crop.
        appearance: What changes the pixels.
        frames: Samples of several frames in place of pairs, without negative ones; None for pairs.
    """

    template: WindowJitter = field(
        default_factory=lambda: WindowJitter(size=112, factor=1.875, shift=0.03, scale=0.04, aspect=0.02, rotation=4.0)
    )
    search: WindowJitter = field(
        default_factory=lambda: WindowJitter(size=224, factor=3.75, shift=0.36, near=0.4, scale=0.18, aspect=0.06, rotation=4.0)
    )
    appearance: Appearance = field(
        default_factory=lambda: Appearance(backdrop=0.7, color=1.0, gray=0.12, occlusion=0.12, degrade=1.0, flip=0.5)
    )
    frames: SequenceFrames | None = None

    @property
    def arrays(self) -> tuple[str, ...]:
        """Return the names of what samples teach beside boxes."""
        return () if self.frames is None else self.frames.names

    def frame_rule(self, sampling: DatasetSampling) -> FrameRule | None:
        """Return which frames of a track of a dataset make a sample; None for pairs."""
        return None if self.frames is None else self.frames.rule(sampling.gap)


def pair_pipeline(
    draw: Draw, config: PairDataConfig, seed: int, backdrops: Images | None = None, *, notes: Sequence[str] = ()
) -> SamplePipeline:
    """Return the pipeline of template, search and box; `present` says whether the template's object is in the search crop.

    With `PairDataConfig.frames` samples are those of `SequenceFrames`.

    Args:
        draw: Draws pairs, or the roles of `SequenceFrames`.
        config: Geometry and strengths.
        seed: With the sample's index it fixes everything.
        backdrops: Draws any image. Crops that reach far outside their own image are completed with it, since a target that fills its
            picture would otherwise be learnt as "what is not the border colour"; and search targets are covered with parts of it.
        notes: What was left out on reading the data.
    """
    c, frames = config.appearance, config.frames
    windows = (MovedWindow(AreaRule(factor=jitter.factor), jitter) for jitter in (config.template, config.search))
    placements, checked = by_role(*windows), (SEARCH,) if frames is None else (TRAIN, TEST)
    fill: list[SampleStep] = [] if backdrops is None else [partial(pick_backdrop, images=backdrops, chance=c.backdrop)]
    crop: list[SampleStep] = [partial(place, roles=placements, checked=checked), extract, partial(pick_cover, images=backdrops)]
    steps = [*fill, *crop, *appearance_steps(c), *(() if frames is None else frames.last_steps)]
    arrays = (RoleArrays(TEMPLATE), RoleArrays(SEARCH, box="box")) if frames is None else frames.arrays
    return SamplePipeline(draw, steps, arrays=arrays, seed=seed, notes=notes)


__all__ = ["PairDataConfig", "pair_pipeline"]
