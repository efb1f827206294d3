"""Numbers that training runs of OSTrack and the trackers built on it share: the schedule, the samples, and how the datasets are used.

Ye et al., OSTrack, ECCV 2022 (arXiv 2203.11991), with the numbers of botaoye/OSTrack. Four cards of 32 pairs, whose gradients were
averaged, are `batch_size` 32 and `accumulate` 4 here; with N processes, set `train.gradients.accumulate` to 4 / N. The published run with
all data left those training videos of GOT-10k out that VOT shows too; here it is all but those that are known to be bad.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lockon.config import apply_overrides
from lockon.data.samples.placement import BoxJitter
from lockon.data.samples.pools import DatasetSampling
from lockon.data.samples.pytracking import JitteredCrop, PytrackingDataConfig
from lockon.train.config import GradientConfig, MachineConfig, OutputConfig, TrainConfig
from lockon.train.keep_schedules import KeepSchedule
from lockon.train.optim import AdamW
from lockon.train.schedules import StepDecay
from lockon.zoo.recipe_config import RecipeConfig

GAP = 200  # frames from template to search
GOT10K = "GOT10k_train"


def _videos(name: str) -> DatasetSampling:
    return DatasetSampling(name, gap=GAP, min_boxes=5, min_span=20)


ALL = (_videos("LaSOT_train"), _videos(GOT10K), DatasetSampling("COCO", gap=GAP), _videos("TrackingNet_train"))  # drawn alike
CUSTOM = (DatasetSampling("stills", gap=GAP), DatasetSampling("videos", gap=GAP, min_boxes=2))  # data of the user, in equal parts

# 300 epochs; AdamW at 0.0004, a tenth of it for all that MAE trained before, and a tenth of both from epoch 241 on; everything decays.
ONE_STREAM_TRAIN = TrainConfig(
    steps=0,
    epochs=300,
    pairs_per_epoch=60_000,
    batch_size=32,
    gradients=GradientConfig(accumulate=4, reduction="mean", clip_norm=0.1),
    optimizer=AdamW(learning_rate=4e-4, backbone_multiplier=0.1, multipliers=(("encoder.", 0.1),), weight_decay=1e-4, decay_all=True),
    schedule=StepDecay(decay_epochs=240, decay_factor=0.1),
    ema_decay=0.0,
    output=OutputConfig(validate_every=5000, save_every=1000),
    machine=MachineConfig(workers=8, precision="fp32"),
)
GOT10K_CHANGES = {"epochs": 100, "schedule.decay_epochs": 80}


def one_stream_samples(template_size: int, search_size: int) -> PytrackingDataConfig:
    """Return the published crops of 128 and 256 pixels, or with those of 192 and 384 the wider and more displaced ones."""
    large = search_size >= 384
    jitter = BoxJitter(scale=0.5, offset=4.5) if large else BoxJitter(scale=0.25, offset=3.0)
    return PytrackingDataConfig(
        template=JitteredCrop(size=template_size, factor=2.0),
        search=JitteredCrop(size=search_size, factor=search_factor(search_size), jitter=jitter),
        sets=(*ALL, *CUSTOM),
    )


def search_factor(search_size: int) -> float:
    """Return how many times the target's sqrt(w h) the search crop's side is: 4 for 256 pixels, 5 for 384."""
    return 5.0 if search_size >= 384 else 4.0


def one_stream_experiments(
    model: Any, learnt: dict[str, Any], keep: KeepSchedule | None = None, got10k_keep: KeepSchedule | None = None
) -> dict[str, RecipeConfig]:
    """Return the run with all data, and that on the training videos of GOT-10k alone.

    Args:
        model: The network's configuration.
        learnt: Settings of what it learns, such as `lockon.zoo.dense_losses.CENTER`.
        keep: How many search tokens it keeps, for networks that eliminate some.
        got10k_keep: The same on GOT-10k alone.
    """
    data = one_stream_samples(model.template_size, model.search_size)
    names = tuple(sampling.name for sampling in ALL)
    default = RecipeConfig(train=ONE_STREAM_TRAIN, model=model, data=data, datasets=names, weights=(), keep=keep, **learnt)
    short = apply_overrides(ONE_STREAM_TRAIN, GOT10K_CHANGES)
    alone = replace(default, train=short, datasets=(GOT10K,), protocol="got10k", keep=got10k_keep)
    return {"default": default, "got10k": alone}


__all__ = ["ALL", "CUSTOM", "ONE_STREAM_TRAIN", "one_stream_experiments", "one_stream_samples", "search_factor"]
