"""Numbers of Alpha-Refine's training runs: the schedule, and how the datasets are used.

Yan et al., CVPR 2021 (arXiv 2012.06815), Sec. 3.4, with the numbers of its published code (MasterBin-IIAU/AlphaRefine). Eight cards of 32
pairs, whose gradients were averaged, are `batch_size` 32 and `accumulate` 8 here; with N processes, set `train.gradients.accumulate` to
8 / N. The published runs took 7,934 of GOT-10k's training videos; here it is all but those that are known to be bad. What the collection
of salient objects was made of is not published.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lockon.data.samples.frames import NearPair
from lockon.data.samples.mixed_pairs import mixed_pairs
from lockon.data.samples.pools import DatasetSampling
from lockon.data.samples.refine import RefineDataConfig
from lockon.data.samples.sources import MixedDraw
from lockon.data.samples.views import ImageCache
from lockon.data.tracks import TrackSet
from lockon.train.config import GradientConfig, MachineConfig, OutputConfig, TrainConfig
from lockon.train.optim import AdamW
from lockon.train.refine_task import RefineLosses
from lockon.train.schedules import StepDecay
from lockon.zoo.recipe_config import RecipeConfig

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


# The published schedule: 40 epochs of 500 updates; Adam at 0.001, halved every eight epochs; nothing decays.
TRAIN = TrainConfig(
    steps=0,
    epochs=40,
    pairs_per_epoch=4000 * 32,
    batch_size=32,
    gradients=GradientConfig(accumulate=8, clip_norm=0.0),
    optimizer=AdamW(learning_rate=1e-3, backbone_multiplier=1.0, weight_decay=0.0),
    schedule=StepDecay(decay_epochs=8, decay_factor=0.5),
    ema_decay=0.0,
    output=OutputConfig(validate_every=2500, best_metric="IoU"),
    machine=MachineConfig(workers=8, precision="fp32"),
)


def alpha_refine_experiments(model: object, without_masks: object) -> dict[str, RecipeConfig]:
    """Return the published run with masks, and that of the networks without them, which had less data."""
    default = RecipeConfig(
        train=TRAIN,
        model=model,
        data=RefineDataConfig(),
        loss=RefineLosses(),
        datasets=tuple(sampling.name for sampling in ALL),
        weights=(),
    )
    boxes = replace(
        default, model=without_masks, data=replace(default.data, masks=False), datasets=tuple(sampling.name for sampling in BOXES)
    )
    return {"default": default, "boxes": boxes}


def draw_pairs(sets: Sequence[TrackSet], weights: Mapping[str, float], cache: ImageCache | None) -> tuple[MixedDraw, tuple[str, ...]]:
    """Return a draw of pairs from the datasets, and what was left out.

    Args:
        sets: The datasets.
        weights: How often a dataset is drawn beside the others, in place of the published weights.
        cache: Decoded images; None for none.

    Raises:
        LockonError: A dataset without a track that can be used, or a weight for one that is not there.
    """
    samplings = [SAMPLINGS.get(tracks.name, _videos(tracks.name)) for tracks in sets]
    near = NearPair(before=GAP, after=GAP - 1)
    return mixed_pairs(sets, samplings, lambda _: near, weights=weights, cache=cache)


__all__ = ["SAMPLINGS", "TRAIN", "alpha_refine_experiments", "draw_pairs"]
