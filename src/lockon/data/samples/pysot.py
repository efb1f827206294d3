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
from lockon.data.samples.views import SEARCH, TEMPLATE, ImageCache
from lockon.data.tracks import TrackSet


@dataclass(frozen=True, kw_only=True, slots=True)
class PysotDataConfig:
    """Crop sizes, augmentation and pair sampling; the defaults are those of every published configuration of the family.

    Attributes:
        template: Size and augmentation of the template crop. 127 pixels show the target with its context.
        search: Those of the search crop, which has the template's scale.
        negative: Chance of a negative pair.
        gray: Chance that both crops lose their colour.
        masks: Whether samples have the object's mask in the search crop.
        sets: How the datasets are used; one that is not named here is used as `DatasetSampling(name)`.

    Raises:
        LockonError: A chance outside 0 to 1.
    """

    template: PatchJitter = field(default_factory=lambda: PatchJitter(size=127, shift=4, scale=0.05, color=1.0))
    search: PatchJitter = field(default_factory=lambda: PatchJitter(size=255, shift=64, scale=0.18, blur=0.2, color=1.0))
    negative: float = 0.2
    gray: float = 0.0
    masks: bool = False
    sets: tuple[DatasetSampling, ...] = ()

    def __post_init__(self) -> None:
        for name in ("negative", "gray"):
            check_range(name, getattr(self, name), 0, 1)


def pysot_pipeline(sets: Sequence[TrackSet], config: PysotDataConfig, seed: int, cache: ImageCache | None = None) -> SamplePipeline:
    """Return the pipeline of template, search and box.

    The box is in pixel indices of the search crop (the middle of 255 pixels is 127), of the object that is in the middle of the search
    patch: the wrong one in a negative pair. With masks: `mask` and `has_mask`, False where the object has none or is the wrong one.

    Args:
        sets: The datasets.
        config: All the numbers.
        seed: With the sample's index it fixes everything.
        cache: Keeps decoded images; worth its memory only where the images are few.

    Raises:
        LockonError: As `ListedPairs`.
    """
    draw = ListedPairs(sets, config.sets, negative=config.negative, seed=seed, cache=cache)
    return SamplePipeline(
        GrayDraw(draw, config.gray),
        [partial(crop_patches, roles={TEMPLATE: config.template, SEARCH: config.search}, masks=(SEARCH,) if config.masks else ())],
        arrays=(RoleArrays(TEMPLATE), RoleArrays(SEARCH, box="box", mask="mask" if config.masks else "")),
        seed=seed,
        notes=[note for tracks in sets for note in tracks.notes],
    )


__all__ = ["PysotDataConfig", "pysot_pipeline"]
