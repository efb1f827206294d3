"""The samples of a refiner: a reference crop, a search crop around a box that is a little wrong, and where the target is in it.

Yan et al., Alpha-Refine, CVPR 2021 (arXiv 2012.06815), Sec. 3.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from lockon.data.samples.appearance import Appearance, appearance_steps
from lockon.data.samples.crop_steps import Images, clip_boxes, extract, only_present, pick_backdrop, place
from lockon.data.samples.pipeline import RoleArrays, SamplePipeline, SampleStep
from lockon.data.samples.placement import BoxJitter, MovedBox
from lockon.data.samples.views import SEARCH, TEMPLATE, Draw
from lockon.errors import LockonError
from lockon.ops.crop_rules import OfficialStretchedRule, StretchedRule

FACTOR = 2.0  # sides of a crop over those of the box


@dataclass(frozen=True, kw_only=True, slots=True)
class RefineDataConfig:
    """Crops, jitter and augmentation; the defaults are those of the published training.

    Attributes:
        size: Side of both crops in pixels.
        official: Whole pixels and shifted coordinates of the published code, see `OfficialStretchedCrop`.
        reference: Jitter of the box that the reference crop is taken around.
        search: Jitter of the given box. The published code takes the centre's range from the jittered box (Eq. 3); the paper takes it from
            the crop, which is `search.offset` 0.5.
        masks: Whether samples have the target's mask.
        appearance: What changes the pixels.

    Raises:
        LockonError: A size under 16.
    """

    size: int = 256
    official: bool = True
    reference: BoxJitter = field(default_factory=BoxJitter)
    search: BoxJitter = field(default_factory=lambda: BoxJitter(scale=0.25, offset=0.25))
    masks: bool = True
    appearance: Appearance = field(default_factory=lambda: Appearance(gray=0.05, brightness=0.2))

    def __post_init__(self) -> None:
        if self.size < 16:
            raise LockonError(f"size={self.size} given, expected at least 16 pixels, for example size=256")

    @property
    def tracker_parameters(self) -> dict[str, dict[str, bool]]:
        """Return what weights that were trained so say in their header: official boxes count from the first pixel's centre."""
        return {"crop": {"pixel_centers": True}} if self.official else {}


def refine_pipeline(
    draw: Draw, config: RefineDataConfig, seed: int, backdrops: Images | None = None, *, notes: Sequence[str] = ()
) -> SamplePipeline:
    """Return the pipeline of template and search, with `template_box` and `box`, clipped to 0 .. size, and the search crop's `mask`.

    The given box is always the middle half of the search crop. Negative samples are drawn again: a refiner learns nothing from them.

    Args:
        draw: Draws pairs.
        config: Jitter and augmentation.
        seed: With the sample's index it fixes everything.
        backdrops: Draws any image, to complete crops and to cover targets with; without it there is neither.
        notes: What was left out on reading the data.
    """
    c = config.appearance
    rule = OfficialStretchedRule(factor=FACTOR) if config.official else StretchedRule(factor=FACTOR)
    reference, search = (MovedBox(rule, config.size, jitter, config.official) for jitter in (config.reference, config.search))
    fill: list[SampleStep] = [] if backdrops is None else [partial(pick_backdrop, images=backdrops, chance=c.backdrop)]
    steps: list[SampleStep] = [
        only_present,
        partial(place, roles={TEMPLATE: reference, SEARCH: search}, checked=(TEMPLATE, SEARCH)),
        *fill,
        partial(extract, masks=(SEARCH,) if config.masks else ()),
        *appearance_steps(c, covers=backdrops, covered=backdrops is not None),
        clip_boxes,
    ]
    arrays = (RoleArrays(TEMPLATE, box="template_box"), RoleArrays(SEARCH, box="box", mask="mask" if config.masks else ""))
    return SamplePipeline(draw, steps, arrays=arrays, seed=seed, notes=notes)


__all__ = ["FACTOR", "RefineDataConfig", "refine_pipeline"]
