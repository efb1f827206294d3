"""The samples of the PySOT family: pairs from annotated tracks, 511-pixel patches, jittered crops of 127 and 255 pixels.

For SiamRPN++, SiamBAN, SiamPW and their kin: the same samples, drawn and augmented as their papers' code does it. Patches come from PySOT's
511-pixel files or are cut from whole images on the fly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from lockon._config_values import check_range
from lockon.data.samples.listed_pairs import GrayDraw, ListedPairs
from lockon.data.samples.patch_jitter import PatchJitter, crop_patches
from lockon.data.samples.pipeline import RoleArrays, SamplePipeline
from lockon.data.samples.pools import DatasetSampling
from lockon.data.samples.support_query import SequenceFrames, by_role
from lockon.data.samples.views import SEARCH, TEMPLATE, ImageCache
from lockon.data.tracks import TrackSet
from lockon.errors import LockonError


@dataclass(frozen=True, kw_only=True, slots=True)
class PysotDataConfig:
    """Crop sizes, augmentation and pair sampling; the defaults are those of every published configuration of the family.

    Attributes:
        template: Size and augmentation of the template crop. 127 pixels show the target with its context.
        search: Those of the search crop, which has the template's scale.
        negative: Chance of a negative pair.
        gray: Chance that both crops lose their colour.
        masks: Whether samples have the object's mask in the search crop.
        frames: Samples of several frames in place of pairs, without negative ones; None for pairs.
        sets: How the datasets are used; one that is not named here is used as `DatasetSampling(name)`.

    Raises:
        LockonError: A chance outside 0 to 1, or negative pairs or masks with samples of several frames.
    """

    template: PatchJitter = field(default_factory=lambda: PatchJitter(size=127, shift=4, scale=0.05, color=1.0))
    search: PatchJitter = field(default_factory=lambda: PatchJitter(size=255, shift=64, scale=0.18, blur=0.2, color=1.0))
    negative: float = 0.2
    gray: float = 0.0
    masks: bool = False
    frames: SequenceFrames | None = None
    sets: tuple[DatasetSampling, ...] = ()

    def __post_init__(self) -> None:
        for name in ("negative", "gray"):
            check_range(name, getattr(self, name), 0, 1)
        for name in ("negative", "masks"):
            if self.frames is not None and getattr(self, name):
                raise LockonError(f"{name}={getattr(self, name)} given, but samples of several frames have none; set data.{name}=0")

    @property
    def arrays(self) -> tuple[str, ...]:
        """Return the names of what samples teach beside boxes."""
        return () if self.frames is None else self.frames.names


def pysot_pipeline(sets: Sequence[TrackSet], config: PysotDataConfig, seed: int, cache: ImageCache | None = None) -> SamplePipeline:
    """Return the pipeline of template, search and box.

    The box is in pixel indices of the search crop (the middle of 255 pixels is 127), of the object that is in the middle of the search
    patch: the wrong one in a negative pair. With masks: `mask` and `has_mask`, False where the object has none or is the wrong one.

    With `PysotDataConfig.frames` samples are those of `SequenceFrames`, boxes of query frames in pixel indices.

    Args:
        sets: The datasets.
        config: All the numbers.
        seed: With the sample's index it fixes everything.
        cache: Keeps decoded images; worth its memory only where the images are few.

    Raises:
        LockonError: As `ListedPairs`.
    """
    frames = config.frames
    rule = None if frames is None else frames.rule
    draw = ListedPairs(sets, config.sets, negative=config.negative, rule=rule, seed=seed, cache=cache)
    crop = partial(crop_patches, roles=by_role(config.template, config.search), masks=(SEARCH,) if config.masks else ())
    pair = (RoleArrays(TEMPLATE), RoleArrays(SEARCH, box="box", mask="mask" if config.masks else ""))
    return SamplePipeline(
        GrayDraw(draw, config.gray),
        [crop, *(() if frames is None else frames.last_steps)],
        arrays=pair if frames is None else frames.arrays,
        seed=seed,
        notes=[note for tracks in sets for note in tracks.notes],
    )


__all__ = ["PysotDataConfig", "pysot_pipeline"]
