"""The samples of a training run: from the user's stills and videos, or from the training datasets that a run names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lockon.config import as_json
from lockon.data.samples.pairs import PairDataConfig, pair_pipeline
from lockon.data.samples.pipeline import Pipeline
from lockon.data.samples.pools import DatasetSampling
from lockon.data.samples.pysot import PysotDataConfig, pysot_pipeline
from lockon.data.samples.pytracking import PytrackingDataConfig, pytracking_pipeline
from lockon.data.samples.refine import RefineDataConfig, refine_pipeline
from lockon.data.samples.sequences import SequenceDataConfig, drawn_sequences, sequence_pipeline
from lockon.data.samples.views import ImageCache
from lockon.data.track_sets import check_protocol, find_track_sets, load_track_sets, train_set_name
from lockon.data.tracks import TrackSet
from lockon.errors import LockonError
from lockon.train.recipe import TrainSources
from lockon.zoo.distillation import distillation_pipeline
from lockon.zoo.lockon_s_data import MAX_GAP, describe_data, load_sources
from lockon.zoo.recipe_config import RecipeConfig
from lockon.zoo.refine_training import draw_pairs

CUSTOM = ("stills", "videos")  # data of the user among the training datasets
CACHE_BYTES = 1_000_000_000  # of decoded images, in each process that makes samples of the user's few images


@dataclass(frozen=True, slots=True)
class Samples:
    """What a run learns from.

    Attributes:
        pipeline: Samples by index.
        described: What it was made of, by name, for the header of the weights.
        notes: What to tell the user about it.
        datasets: Names of the training datasets; None where it was made of folders.
    """

    pipeline: Pipeline
    described: Mapping[str, Any]
    notes: tuple[str, ...]
    datasets: tuple[str, ...] | None = None


def make_samples(sources: TrainSources, config: RecipeConfig, *, as_published: bool) -> Samples:
    """Read the data of a run and return its samples.

    Args:
        sources: Where the data lie.
        config: Settings of the run.
        as_published: The datasets are those of the unchanged recipe: where none of them is there, stills and videos will do.

    Raises:
        LockonError: Data that are missing, or that the protocol forbids.
    """
    return _of_folders(sources, config) if config.mix is not None else _of_datasets(sources, config, as_published=as_published)


def _of_folders(sources: TrainSources, config: RecipeConfig) -> Samples:
    """Return samples of stills, videos and synthetic scenes, as far as their folders are given."""
    assert config.mix is not None
    rule = None if isinstance(config.data, RefineDataConfig) else config.data.frame_rule(DatasetSampling("videos", gap=MAX_GAP))
    if (rule is not None or isinstance(config.data, RefineDataConfig)) and config.mix.negative:
        raise LockonError(f"mix.negative={config.mix.negative} given; this run learns nothing from negative samples, leave it at 0")
    data, seed, described = load_sources(sources, config.mix, rule), config.train.seed, describe_data(sources)
    if isinstance(config.data, SequenceDataConfig):
        return Samples(drawn_sequences(data.draw, config.data, seed, notes=data.notes), described, data.notes)
    if isinstance(config.data, RefineDataConfig):
        return Samples(refine_pipeline(data.draw, config.data, seed, data.backdrops, notes=data.notes), described, data.notes)
    assert isinstance(config.data, PairDataConfig)
    pipeline: Pipeline = pair_pipeline(data.draw, config.data, seed, data.backdrops, notes=data.notes)
    if config.teacher is not None:
        identity = {"data": as_json(config.data), "mix": as_json(config.mix), "seed": seed, "sources": described}
        pipeline = distillation_pipeline(pipeline, config.teacher, config.model.grid.points(), identity)
    return Samples(pipeline, described, data.notes)


def _of_datasets(sources: TrainSources, config: RecipeConfig, *, as_published: bool) -> Samples:
    """Return samples of the training datasets that the run names."""
    sets, notice = load_sets(sources, config, as_published=as_published)
    names = tuple(tracks.name for tracks in sets)
    described = {tracks.name: f"{len(tracks)} videos or images, {len(tracks.boxes)} boxes" for tracks in sets}
    cache = ImageCache(CACHE_BYTES) if set(names) <= set(CUSTOM) else None
    if isinstance(config.data, RefineDataConfig):
        draw, notes = draw_pairs(sets, dict(config.weights or ()), cache)
        refined = refine_pipeline(draw, config.data, config.train.seed, notes=notes)
        return Samples(refined, described, (*notice, *refined.notes), names)
    if isinstance(config.data, PytrackingDataConfig):
        pairs = pytracking_pipeline(sets, config.data, config.train.seed, cache, weights=dict(config.weights or ()))
        return Samples(pairs, described, (*notice, *pairs.notes), names)
    if isinstance(config.data, SequenceDataConfig):
        made = sequence_pipeline(sets, config.data, config.train.seed, cache, weights=dict(config.weights or ()))
        return Samples(made, described, (*notice, *made.notes), names)
    assert isinstance(config.data, PysotDataConfig)
    data = replace(config.data, sets=tuple(sampling for sampling in config.data.sets if sampling.name in names))
    pipeline = pysot_pipeline(sets, data, config.train.seed, cache)
    return Samples(pipeline, described, (*notice, *pipeline.notes), names)


def load_sets(sources: TrainSources, config: RecipeConfig, *, as_published: bool) -> tuple[list[TrackSet], tuple[str, ...]]:
    """Return the training datasets of a run, and what to tell the user about the choice.

    Args:
        sources: Where the data lie.
        config: Settings of the run.
        as_published: As of `make_samples`.

    Raises:
        LockonError: Datasets that are missing, or that the protocol forbids.
    """
    folders = _folders(sources)
    wanted = [train_set_name(name) for name in config.datasets or ()]
    missing = [name for name in wanted if name not in folders]
    own = [name for name in CUSTOM if name in folders]
    notice: tuple[str, ...] = ()
    if as_published and own and missing == wanted and config.protocol is None:
        notice = (f"none of {', '.join(wanted)} is there: training on {' and '.join(own)}",)
        wanted = own
    elif missing:
        check_protocol(wanted, config.protocol)
        there = [name for name in wanted if name in folders] or own
        advice = f", or train on what is there: --set datasets={','.join(there)}" if there and config.protocol is None else ""
        where = sources.root or "the folders that were given"
        raise LockonError(f"{', '.join(missing)} not found under {where}; add the data, say where they are by --data NAME:FOLDER{advice}")
    return load_track_sets({name: folders[name] for name in wanted}, protocol=config.protocol, masks=config.data.masks), notice


def _folders(sources: TrainSources) -> dict[str, Path]:
    """Return folders by the names of the training datasets in them; what is given by itself goes before what lies under the root."""
    folders = dict(find_track_sets(sources.root)) if sources.root is not None else {}
    for name in CUSTOM:
        folder = getattr(sources, name)
        if folder is not None:
            folders[name] = folder
    named = [text.partition(":") for text in sources.sets]
    return {**folders, **{train_set_name(name): Path(folder) for name, _, folder in named}}


__all__ = ["Samples", "load_sets", "make_samples"]
