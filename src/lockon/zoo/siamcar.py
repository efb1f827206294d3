"""SiamCAR and SiamLA: an anchor-free head on the concatenated depth-wise matching of three layers of the dilated ResNet-50.

Guo et al., SiamCAR, CVPR 2020 (arXiv 1911.07241). SiamLA (Nie et al., "Learning Localization-aware Target Confidence for Siamese
Visual Tracking") is the same network with a localization branch in the place of the centre-ness, trained otherwise.

SiamCAR's official code also finds the place and the size in its own way (`lockon.localizers.place`), with oddities that are
part of its numbers; "default" has none of them. SiamLA published no numbers for inference and tests "as SiamCAR": its presets have
SiamCAR's numbers, never tuned for it, with the paper's mean of three boxes; "siamcar" is all of SiamCAR's official inference.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lockon.config import as_json, flatten
from lockon.data.samples.pools import DatasetSampling
from lockon.localizers.place import CoarseToFine
from lockon.models.choices import Branch, LocalizationConfig
from lockon.ops.grid import Grid
from lockon.zoo.card import Card, OfficialWeights
from lockon.zoo.pysot_inference import CAR_PAPER, WindowParams, pysot_config, pysot_presets
from lockon.zoo.unpadded_resnet import NECK_RENAMES, LevelsConfig, resnet_siamese, search_grid

if TYPE_CHECKING:
    from lockon.models.siamese import SiameseModel
    from lockon.zoo.recipe_config import RecipeConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class SiamCARConfig(LevelsConfig):
    """The choices of the network; the defaults are SiamCAR's.

    Attributes:
        branch: What the scores are multiplied by: centre-ness, the localization branch, or nothing.
        localization: Choices of the branch "localization".
    """

    branch: Branch = "centerness"
    localization: LocalizationConfig = field(default_factory=LocalizationConfig)


def build(c: SiamCARConfig) -> SiameseModel:
    """Build the network with random weights."""
    from lockon.models.heads.car import CARHead

    cells = search_grid(c.search_size)
    head = CARHead(len(c.layers), c.channels, point_grid(c.search_size), branch=c.branch, localization=c.localization, cells=cells)
    return resnet_siamese(c, head)


def point_grid(search_size: int) -> Grid:
    """Return the points that the published training counts distances from: pixel 32 + 8 n, one right and below the centre of cell n."""
    cells = search_grid(search_size)
    return replace(cells, offset=float(cells.points()[0, 0]) + 1)


OFFICIAL = OfficialWeights(
    renames=(
        *NECK_RENAMES,
        (r"^down\.", "head.reduce."),
        (r"^car_head\.bbox_tower\.", "head.box_tower."),
        (r"^car_head\.cls_logits\.", "head.cls."),
        (r"^car_head\.bbox_pred\.", "head.box."),
        (r"^car_head\.(cls_tower|centerness)\.", r"head.\1."),
    ),
    transposed=("head.reduce.weight",),  # officially a transposed convolution of one cell
)

CAR_PARAMS = WindowParams(0.04, 0.44, 0.33)
BENCHMARKS = {  # HP_SEARCH
    "otb100": WindowParams(0.2, 0.45, 0.35),
    "got10k": WindowParams(0.06, 0.1, 0.7),
    "uav123": WindowParams(0.2, 0.3, 0.4),
    "lasot": WindowParams(0.04, 0.3, 0.33),
}

# SiamCAR's code clips the sides of a box to [0, W] and [0, H]: a box may shrink to nothing.
NO_LEAST_SIZE = {"states.min_size": 0.0}
ODDITIES = CoarseToFine(stride=8, first=32.0, origin=31.0, half_pixel=True, stretched=True, mixed_units=True)
CAR_LOCATION: dict[str, Any] = {
    **NO_LEAST_SIZE,
    "localizer.score": "stretched-score",
    "localizer.boxes": "best",
    "localizer.place": "coarse-to-fine",
    **flatten(as_json(ODDITIES), "localizer.place."),  # field by field: single ones can be changed on top
}
GOT10K = DatasetSampling("GOT10k_train", 50, 100_000)  # how both are trained on it
MEAN_OF_THREE = {"localizer.boxes": "mean-ranked", "localizer.boxes.top": 3}


def car_experiments() -> dict[str, RecipeConfig]:
    """Return SiamCAR's run, and those of its models for GOT-10k and LaSOT.

    80 pairs on four cards whose losses are averaged, SiamRPN++'s schedule, no negative pairs.
    """
    from lockon.zoo.dense_losses import CAR
    from lockon.zoo.pysot_training import PYSOT_SETS, pysot_run, trained_on

    train = {"batch_size": 20, "gradients.accumulate": 4, "gradients.reduction": "mean"}
    default = pysot_run(SiamCARConfig(), CAR, PYSOT_SETS, train, negative=0.0)
    return {
        "default": default,
        "got10k": replace(default, protocol="got10k", **trained_on((GOT10K,), negative=0.0)),
        "lasot": replace(default, **trained_on((DatasetSampling("LaSOT_train", 100, 100_000),), negative=0.0)),
    }


def la_experiments() -> dict[str, RecipeConfig]:
    """Return SiamLA's run, and that on GOT-10k alone.

    128 pairs on four cards; 50 epochs, 0.001 up to 0.005 in five and down to 0.00001; layers 2 to 4 learn from epoch 5 on. The rows of the
    paper's tables are settings of the run on GOT-10k: see docs/guides/training.md.
    """
    from lockon.zoo.dense_losses import LA
    from lockon.zoo.pysot_training import PYSOT_SETS, pysot_run, trained_on

    train = {"epochs": 50, "batch_size": 32, "gradients.accumulate": 4, "gradients.reduction": "mean"}
    rates = {"schedule.final_lr_ratio": 0.002, "unfreeze": ((0.0, 0), (0.1, 3))}
    default = pysot_run(SiamCARConfig(branch="localization"), LA, (*PYSOT_SETS, GOT10K), {**train, **rates}, negative=0.0)
    return {"default": default, "got10k": replace(default, protocol="got10k", **trained_on((GOT10K,), negative=0.0))}


CARDS = (
    Card(
        name="siamcar-r50",
        summary="SiamCAR: anchor-free points with centre-ness, on three concatenated levels of a dilated ResNet-50",
        paper=CAR_PAPER,
        licence="released models: the terms of ohhhyeahhh/SiamCAR",
        checkpoint="ohhhyeahhh/SiamCAR README, model_general, model_got10k or model_lasot; lockon convert siamcar-r50 model.pth OUT",
        model=SiamCARConfig(),
        build=build,
        official=OFFICIAL,
        config=pysot_config(CAR_PARAMS),
        presets=pysot_presets(CAR_PARAMS, BENCHMARKS, rules=CAR_LOCATION),
        search_by_size=True,
        experiments=car_experiments,
    ),
    Card(
        name="siamla-r50",
        summary="SiamLA: SiamCAR with labels from the IoUs of its own boxes, "
        "and a branch that reads each box's fit at its centre and corners",
        paper="Nie et al., Learning Localization-aware Target Confidence for Siamese Visual Tracking",
        model=SiamCARConfig(branch="localization"),
        build=build,
        config=pysot_config(CAR_PARAMS, changes=MEAN_OF_THREE),
        presets=pysot_presets(CAR_PARAMS, BENCHMARKS, rules=NO_LEAST_SIZE, variants={"siamcar": CAR_LOCATION}),
        search_by_size=True,
        experiments=la_experiments,
    ),
)
