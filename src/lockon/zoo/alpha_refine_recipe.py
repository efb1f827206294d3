"""The training runs of Alpha-Refine on ResNet-18, 34 and 50.

Yan et al., CVPR 2021 (arXiv 2012.06815), Sec. 3.4, with the numbers of its published code (MasterBin-IIAU/AlphaRefine). Eight cards of 32
pairs, whose gradients were averaged, are `batch_size` 32 and `accumulate` 8 here; with N processes, set `train.accumulate` to 8 / N. The
published runs took 7,934 of GOT-10k's training videos; here it is all but those that are known to be bad. What the collection of salient
objects was made of is not published.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch

from lockon.config import apply_overrides, as_json
from lockon.data.datasets.registry import load_videos
from lockon.data.samples.frames import FrameDraw, NearPair
from lockon.data.samples.pipeline import SamplePipeline
from lockon.data.samples.pools import DatasetSampling, TrackPool
from lockon.data.samples.refine import RefineDataConfig, refine_pipeline
from lockon.data.samples.sources import MixedDraw
from lockon.data.samples.views import ImageCache
from lockon.data.tracks import TrackSet
from lockon.errors import LockonError, unknown_name
from lockon.train.config import TrainConfig
from lockon.train.provenance import trained_header
from lockon.train.recipe import Recipe, TrainSources
from lockon.train.refine_task import RefineLossConfig, RefineTask
from lockon.train.refine_validation import RefineValidation
from lockon.zoo.alpha_refine import CONFIGS, ModelConfig, build
from lockon.zoo.recipes import describe_sets, load_backbone, load_sets

CACHE_BYTES = 1_000_000_000  # of decoded images, in each process that makes samples of one's own few images
GROUPS = ("model", "data", "loss", "weights", "datasets", "experiment")  # beside the loop, what decides what is learnt

GAP = 50  # the search frame is less than this many frames away from the reference


def _videos(name: str, *, weight: float = 1.0, min_span: int = 20) -> DatasetSampling:
    return DatasetSampling(name, gap=GAP, weight=weight, min_boxes=5, min_span=min_span)


def _images(name: str, *, weight: float = 1.0) -> DatasetSampling:
    return DatasetSampling(name, gap=GAP, weight=weight)


BOXES = (_videos("LaSOT_train"), _videos("GOT10k_train"), _images("COCO"))
MASKS = (_videos("YouTubeVOS", weight=2.0, min_span=2), _images("saliency", weight=3.0))
ALL = (*BOXES, _videos("VID"), _images("DET"), *MASKS)
CUSTOM = (_images("stills"), _videos("videos", min_span=2))  # data of the user, in equal parts
SAMPLINGS = {sampling.name: sampling for sampling in (*ALL, *CUSTOM)}


@dataclass(frozen=True, kw_only=True, slots=True)
class RecipeConfig:
    """All settings of a training run; every field can be set by its dotted name, for example ``--set data.search.offset=0.5``.

    Attributes:
        train: the loop. model: the network. data: crops, jitter and augmentation. loss: weights of its terms.
        datasets: names of the training datasets, all of which must be there. Those of an untouched recipe may be absent together: the
            run then takes stills and videos of your own, and says so.
        weights: pairs (dataset, how often it is drawn beside the others) in place of the published weights, for example
            (("saliency",1),("COCO",2)).
        protocol: "got10k" refuses every dataset but the training videos of GOT-10k.
        experiment: which published run the other settings start from.
        backbone_weights: file of ImageNet weights of the ResNet, or empty for random ones.
    """

    train: TrainConfig
    model: ModelConfig
    data: RefineDataConfig = field(default_factory=RefineDataConfig)
    loss: RefineLossConfig = field(default_factory=RefineLossConfig)
    datasets: tuple[str, ...] = ()
    weights: tuple[tuple[str, float], ...] = ()
    protocol: Literal["got10k"] | None = None
    experiment: str = "default"
    backbone_weights: str = ""


def schedule() -> TrainConfig:
    """40 epochs of 500 updates; Adam at 0.001, halved every eight epochs; everything learns, nothing decays."""
    return TrainConfig(
        steps=0,
        epochs=40,
        pairs_per_epoch=4000 * 32,
        batch_size=32,
        accumulate=8,
        learning_rate=1e-3,
        backbone_multiplier=1.0,
        schedule="step",
        decay_epochs=8,
        decay_factor=0.5,
        weight_decay=0.0,
        clip_norm=0.0,
        ema_decay=0.0,
        precision="fp32",
        workers=8,
        validate_every=2500,
        best_metric="IoU",
    )


def experiments(name: str) -> dict[str, RecipeConfig]:
    """The published run with masks, and that of the networks without them, which had less data."""
    default = RecipeConfig(train=schedule(), model=CONFIGS[name], datasets=tuple(sampling.name for sampling in ALL))
    names = tuple(sampling.name for sampling in BOXES)
    without = replace(default, model=replace(default.model, mask=False), data=replace(default.data, masks=False), datasets=names)
    return {"default": default, "boxes": replace(without, experiment="boxes")}


def recipe(sources: TrainSources, overrides: Mapping[str, Any], name: str = "alpha-refine-r34") -> Recipe:
    """The training run of one of the networks on the given data.

    Args:
        sources: where the data lie. overrides: settings by dotted name (`RecipeConfig`). name: key of `CONFIGS`.

    Raises:
        LockonError: an unknown or ill-typed override, data that are missing, backbone weights of another network.
    """
    known = experiments(name)
    experiment = str(overrides.get("experiment", "default"))
    if experiment not in known:
        raise unknown_name(f"experiment of {name}", experiment, known)
    base = known[experiment]
    config = apply_overrides(base, overrides)
    data = replace(config.data, size=config.model.size, masks=config.data.masks and config.model.mask)
    sets, notice = load_sets(sources, replace(config, data=data), as_published=config.datasets == base.datasets)
    torch.manual_seed(config.train.seed)
    module = build(config.model)
    notes = load_backbone(module, config.backbone_weights)
    pipeline = make_pipeline(sets, config, data)
    settings = {group: as_json(getattr(replace(config, data=data), group)) for group in GROUPS}
    header = trained_header(name, config.model, tracker=data.tracker_parameters, data=describe_sets(sets))
    return Recipe(
        task=RefineTask(module, config.loss),
        pipeline=pipeline,
        config=config.train,
        validate=None if sources.val is None else RefineValidation(load_videos(sources.val), data),
        header=header,
        settings={**settings, "datasets": [one.name for one in sets]},
        defaults={group: as_json(getattr(base, group)) for group in GROUPS},
        notes=(*notice, *notes, *pipeline.notes),
    )


def make_pipeline(sets: list[TrackSet], config: RecipeConfig, data: RefineDataConfig) -> SamplePipeline:
    """Return samples of pairs from the datasets, drawn by their weights.

    Raises:
        LockonError: a dataset without a track that can be used, or a weight for one that is not used.
    """
    names = [one.name for one in sets]
    unknown = [name for name, _ in config.weights if name not in names]
    if unknown:
        raise LockonError(f"a weight for {unknown[0]}, which this run does not use; it uses {', '.join(names)}")
    cache = ImageCache(CACHE_BYTES) if set(names) <= {sampling.name for sampling in CUSTOM} else None
    weights = dict(config.weights)
    samplings = [SAMPLINGS.get(name, _videos(name)) for name in names]
    pools = [
        TrackPool(tracks, replace(sampling, weight=weights.get(sampling.name, sampling.weight)), cache)
        for tracks, sampling in zip(sets, samplings, strict=True)
    ]
    left = tuple(f"{pool.tracks.name}: {pool.skipped} tracks left out, which are too short" for pool in pools if pool.skipped)
    notes = (*(note for tracks in sets for note in tracks.notes), *left)
    near = [NearPair(before=pool.sampling.gap, after=pool.sampling.gap - 1) for pool in pools]
    draw = MixedDraw([(FrameDraw(pool, rule), pool.sampling.weight) for pool, rule in zip(pools, near, strict=True)])
    return refine_pipeline(draw, data, config.train.seed, notes=notes)


__all__ = ["RecipeConfig", "experiments", "make_pipeline", "recipe", "schedule"]
