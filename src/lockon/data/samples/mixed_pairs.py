"""Samples from several training datasets that are mixed by weight; every dataset has its own gap between the frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from lockon._config_values import check_range
from lockon.data.samples.appearance import Appearance
from lockon.data.samples.frames import FrameDraw, FrameRule
from lockon.data.samples.pools import DatasetSampling, TrackPool
from lockon.data.samples.sources import MixedDraw
from lockon.data.samples.views import ImageCache
from lockon.data.tracks import TrackSet
from lockon.errors import LockonError

RuleOf = Callable[[DatasetSampling], FrameRule]
"""How a dataset is used -> which frames of a track make a sample."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MixedDataConfig:
    """What all samples of mixed training datasets have: their augmentation, and how the datasets are used.

    Attributes:
        appearance: What changes the pixels.
        flip_each: Chance that a crop is mirrored by itself, after `appearance.flip` mirrored all of a sample.
        sets: How the datasets are used; one that is not named here is used as `DatasetSampling(name)`.

    Raises:
        LockonError: A chance outside 0 to 1, a dataset named twice, or a backdrop or occlusion, for which these samples have no images.
    """

    appearance: Appearance = field(default_factory=Appearance)
    flip_each: float = 0.0
    sets: tuple[DatasetSampling, ...] = ()

    def __post_init__(self) -> None:
        check_range("flip_each", self.flip_each, 0, 1)
        names = [sampling.name for sampling in self.sets]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise LockonError(f"sets names {twice[0]} twice; leave one of them out")
        for name in ("backdrop", "occlusion"):
            if getattr(self.appearance, name):
                raise LockonError(f"appearance.{name} has no part in these samples; leave it at 0")

    @property
    def masks(self) -> bool:
        """Return that no masks are read."""
        return False

    def sampling(self, name: str) -> DatasetSampling:
        """Return how the dataset `name` is used."""
        return next((sampling for sampling in self.sets if sampling.name == name), DatasetSampling(name))


def mixed_pairs(
    sets: Sequence[TrackSet],
    samplings: Sequence[DatasetSampling],
    rule_of: RuleOf,
    *,
    weights: Mapping[str, float],
    cache: ImageCache | None = None,
) -> tuple[MixedDraw, tuple[str, ...]]:
    """Return a draw of samples from the datasets, and what was left out.

    Args:
        sets: The datasets.
        samplings: How each of them is used, in the same order.
        rule_of: Which frames of a track make a sample.
        weights: How often a dataset is drawn beside the others, by name, in place of its sampling's weight.
        cache: Decoded images; None for none.

    Raises:
        LockonError: A dataset without a track that can be used, or a weight for one that is not there.
    """
    names = [tracks.name for tracks in sets]
    unknown = [name for name in weights if name not in names]
    if unknown:
        raise LockonError(f"a weight for {unknown[0]}, which this run does not use; it uses {', '.join(names)}")
    pools = [
        TrackPool(tracks, replace(sampling, weight=weights.get(tracks.name, sampling.weight)), cache)
        for tracks, sampling in zip(sets, samplings, strict=True)
    ]
    left = tuple(f"{pool.tracks.name}: {pool.skipped} tracks left out, which are too short" for pool in pools if pool.skipped)
    notes = (*(note for tracks in sets for note in tracks.notes), *left)
    return MixedDraw([(FrameDraw(pool, rule_of(pool.sampling)), pool.sampling.weight) for pool in pools]), notes


__all__ = ["MixedDataConfig", "RuleOf", "mixed_pairs"]
