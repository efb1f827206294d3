"""The samples of lockon's own trackers: a template and a search crop, moved, turned, recoloured, degraded and covered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from lockon.data.samples.appearance import Appearance, appearance_steps
from lockon.data.samples.crop_steps import Images, extract, pick_backdrop, pick_cover, place
from lockon.data.samples.pipeline import RoleArrays, SamplePipeline, SampleStep
from lockon.data.samples.placement import MovedWindow, WindowJitter
from lockon.data.samples.views import SEARCH, TEMPLATE, Draw
from lockon.ops.crop_rules import AreaRule


@dataclass(frozen=True, kw_only=True, slots=True)
class PairDataConfig:
    """Crop geometry and augmentation strengths.

    Attributes:
        template: Size, scale and jitter of the template crop.
        search: Those of the search crop.
        appearance: What changes the pixels.
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


def pair_pipeline(
    draw: Draw, config: PairDataConfig, seed: int, backdrops: Images | None = None, *, notes: Sequence[str] = ()
) -> SamplePipeline:
    """Return the pipeline of template, search and box; `present` says whether the template's object is in the search crop.

    Args:
        draw: Draws pairs.
        config: Geometry and strengths.
        seed: With the sample's index it fixes everything.
        backdrops: Draws any image. Crops that reach far outside their own image are completed with it, since a target that fills its
            picture would otherwise be learnt as "what is not the border colour"; and search targets are covered with parts of it.
        notes: What was left out on reading the data.
    """
    c = config.appearance
    jitters = {TEMPLATE: config.template, SEARCH: config.search}
    placements = {role: MovedWindow(AreaRule(factor=jitter.factor), jitter) for role, jitter in jitters.items()}
    fill: list[SampleStep] = [] if backdrops is None else [partial(pick_backdrop, images=backdrops, chance=c.backdrop)]
    crop: list[SampleStep] = [partial(place, roles=placements, checked=(SEARCH,)), extract, partial(pick_cover, images=backdrops)]
    steps = [*fill, *crop, *appearance_steps(c)]
    return SamplePipeline(draw, steps, arrays=(RoleArrays(TEMPLATE), RoleArrays(SEARCH, box="box")), seed=seed, notes=notes)


__all__ = ["PairDataConfig", "pair_pipeline"]
