"""Numbers that training runs of PySOT and the trackers built on it share: the schedule, and how the datasets are used.

SiamRPN++ (Li et al., CVPR 2019), SiamBAN (Chen et al., CVPR 2020), the ranking losses and SiamPW (Tang and Ling, CVPR 2022), and SiamCAR
(Guo et al., CVPR 2020), as the configuration files of STVIR/pysot, hqucv/siamban, sansanfree/RBO and ohhhyeahhh/SiamCAR have them. A
batch of N graphics cards with b pairs each, whose gradients were summed (SiamCAR: averaged), is `batch_size` b and `accumulate` N here;
with N processes, set `train.gradients.accumulate=1`.

Where the papers and the files differ, the files count, with these exceptions: the GOT-10k runs of RBO read the training and the
validation videos, here they read the training videos alone, as that benchmark's rules ask; and boxes of YouTube-BB are in pixels
(PySOT's preparation wrote fractions of the image's sides, which changes the shape of every box).

SiamLA (Nie et al.) has no published code: its paper's numbers, and SiamCAR's where it gives none (the warm-up, the backbone's slower
rate, the pairs of an epoch, how often each dataset is used, no negative pairs). For both, four cards are assumed.

Not published, and so chosen here: SiamBAN-RBO (SiamBAN's run with the paper's ranking losses), SiamPW without ranking (that run
without them), SiamMask in PySOT (its paper's schedule, PySOT's unfreezing) and its data (YouTube-VOS is not read). AlexNet's
schedule was not checked against the published file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lockon.config import apply_overrides
from lockon.data.samples.pools import DatasetSampling
from lockon.data.samples.pysot import PysotDataConfig
from lockon.train.config import GradientConfig, MachineConfig, OutputConfig, TrainConfig
from lockon.train.optim import SGD
from lockon.train.schedules import LogDecay
from lockon.zoo.card import NOTHING
from lockon.zoo.dense_losses import ranked_points
from lockon.zoo.recipe_config import RecipeConfig

CUSTOM = (DatasetSampling("stills", 1, 10_000), DatasetSampling("videos", 100, 10_000))  # data of the user, in equal parts
GOT10K = "GOT10k_train"

# Frames between template and search, and videos per pass over all lists.
PYSOT_SETS = (DatasetSampling("VID", 100, 100_000), DatasetSampling("YTBB", 3), DatasetSampling("COCO", 1), DatasetSampling("DET", 1))
RBO_SETS = (
    DatasetSampling("VID", 100, 100_000),
    DatasetSampling("YTBB", 3, 200_000),
    DatasetSampling("COCO", 1, 100_000),
    DatasetSampling("DET", 1, 200_000),
    DatasetSampling(GOT10K, 100, 200_000),
)
SIAMBAN_SETS = (*RBO_SETS, DatasetSampling("LaSOT_train", 100, 200_000))
GOT10K_SETS = (DatasetSampling(GOT10K, 100, 200_000),)


# The run of SiamRPN++ on eight cards, from which every other one differs in a few numbers: 20 epochs, 0.001 up to 0.005 in five and down
# to 0.0005; layers 2 to 4 learn from epoch 10 on.
PYSOT_TRAIN = TrainConfig(
    steps=0,
    epochs=20,
    pairs_per_epoch=600_000,
    batch_size=28,
    gradients=GradientConfig(accumulate=8, reduction="sum", clip_norm=10.0, skip_above=1e4),
    optimizer=SGD(learning_rate=0.005, momentum=0.9, backbone_multiplier=0.1, weight_decay=1e-4, decay_all=True, forget_momentum=True),
    schedule=LogDecay(warmup_epochs=5, warmup_ratio=0.2, final_lr_ratio=0.1),
    unfreeze=((0.0, 0), (0.5, 3)),
    ema_decay=0.0,
    output=OutputConfig(validate_every=5000),
    machine=MachineConfig(workers=4, precision="fp32"),
)


def trained_on(samplings: tuple[DatasetSampling, ...], **changes: Any) -> dict[str, Any]:
    """Return the settings `datasets` and `data` of a run on these datasets; `changes` are of `PysotDataConfig`."""
    return {
        "datasets": tuple(sampling.name for sampling in samplings),
        "data": PysotDataConfig(sets=(*samplings, *CUSTOM), **changes),
    }


def pysot_run(
    model: Any, learnt: Mapping[str, Any], samplings: tuple[DatasetSampling, ...], train: Mapping[str, Any] = NOTHING, **data: Any
) -> RecipeConfig:
    """Return a run that differs from SiamRPN++'s.

    Args:
        model: The network's configuration.
        learnt: Settings of what it learns, such as `lockon.zoo.dense_losses.RPN`.
        samplings: The datasets.
        train: What differs from `PYSOT_TRAIN`, by dotted name.
        data: Fields of `PysotDataConfig`.
    """
    return RecipeConfig(train=apply_overrides(PYSOT_TRAIN, train), model=model, **learnt, **trained_on(samplings, **data))


def with_got10k(default: RecipeConfig, loss: Any = None) -> dict[str, RecipeConfig]:
    """Return the run with all data, and the same with the training videos of GOT-10k alone and, where one is given, another loss."""
    alone = replace(default, protocol="got10k", loss=loss or default.loss, **trained_on(GOT10K_SETS))
    return {"default": default, "got10k": replace(alone, train=replace(default.train, pairs_per_epoch=600_000))}


def ranked_runs(default: RecipeConfig, gamma: float) -> dict[str, RecipeConfig]:
    """Return a run on points with ranking losses: with all data, and on GOT-10k."""
    return with_got10k(replace(default, loss=ranked_points(gamma)))


__all__ = [
    "CUSTOM",
    "GOT10K",
    "GOT10K_SETS",
    "PYSOT_SETS",
    "PYSOT_TRAIN",
    "RBO_SETS",
    "SIAMBAN_SETS",
    "pysot_run",
    "ranked_runs",
    "trained_on",
    "with_got10k",
]
