"""Pairs from several training datasets that are mixed by weight; every dataset has its own gap between the two frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from lockon.data.samples.frames import FrameDraw, FrameRule
from lockon.data.samples.pools import DatasetSampling, TrackPool
from lockon.data.samples.sources import MixedDraw
from lockon.data.samples.views import ImageCache
from lockon.data.tracks import TrackSet
from lockon.errors import LockonError

RuleOf = Callable[[DatasetSampling], FrameRule]
"""How a dataset is used -> which two frames of a track make a pair."""


def mixed_pairs(
    sets: Sequence[TrackSet],
    samplings: Sequence[DatasetSampling],
    rule_of: RuleOf,
    *,
    weights: Mapping[str, float],
    cache: ImageCache | None = None,
) -> tuple[MixedDraw, tuple[str, ...]]:
    """Return a draw of pairs from the datasets, and what was left out.

    Args:
        sets: The datasets.
        samplings: How each of them is used, in the same order.
        rule_of: Which frames of a track make a pair.
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


__all__ = ["RuleOf", "mixed_pairs"]
