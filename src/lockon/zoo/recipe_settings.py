"""The numbers of the SiamRPN++ family's training runs: one `RecipeConfig` per tracker and published experiment.

SiamRPN++ (Li et al., CVPR 2019), SiamBAN (Chen et al., CVPR 2020), the ranking losses and SiamPW (Tang and Ling, CVPR 2022), and SiamCAR
(Guo et al., CVPR 2020), as the configuration files of STVIR/pysot, hqucv/siamban, sansanfree/RBO and ohhhyeahhh/SiamCAR have them. A
batch of N graphics cards with b pairs each, whose gradients were summed (SiamCAR: averaged), is `batch_size` b and `accumulate` N here;
with N processes, set `train.accumulate=1`.

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

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from lockon.data.samples.pools import DatasetSampling
from lockon.data.samples.pysot import PysotDataConfig
from lockon.errors import unknown_name
from lockon.train.config import TrainConfig
from lockon.train.losses.ranking import RankingConfig
from lockon.train.mask_task import MaskLossConfig
from lockon.train.siamese_loss import BAN_LOSS, CAR_LOSS, LA_LOSS, PW_LOSS, RPN_LOSS, SiameseLossConfig, with_ranking


@dataclass(frozen=True, kw_only=True, slots=True)
class RecipeConfig:
    """All settings of a training run; every field can be set by its dotted name, for example ``--set loss.ranking.gamma=5``.

    Attributes:
        train: the loop. model: the network, the `ModelConfig` of its family. data: pairs and augmentation. loss: targets and weights.
        masks: weights of the mask losses; None for networks without masks.
        datasets: names of the training datasets, all of which must be there. Those of an untouched recipe may be absent together: the
            run then takes stills and videos of your own, and says so.
        protocol: "got10k" refuses every dataset but the training videos of GOT-10k.
        experiment: which published run the other settings start from.
        backbone_weights: file of weights for the backbone, see `lockon.models.backbones.pretrained`; empty starts from random ones.
    """

    train: TrainConfig
    model: Any
    loss: SiameseLossConfig
    masks: MaskLossConfig | None = None
    data: PysotDataConfig = field(default_factory=PysotDataConfig)
    datasets: tuple[str, ...] = ()
    protocol: Literal["got10k"] | None = None
    experiment: str = "default"
    backbone_weights: str = ""


CUSTOM = (DatasetSampling("stills", 1, 10_000), DatasetSampling("videos", 100, 10_000))  # data of one's own, in equal parts
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
SIAMCAR_GOT10K = DatasetSampling(GOT10K, 50, 100_000)
SIAMCAR_LASOT = DatasetSampling("LaSOT_train", 100, 100_000)
SIAMMASK_SETS = (DatasetSampling("VID", 100, 100_000), DatasetSampling("COCO", 1), DatasetSampling("DET", 1))


def pysot_schedule(**changes: Any) -> TrainConfig:
    """SiamRPN++ on eight cards: 20 epochs, 0.001 up to 0.005 in five and down to 0.0005; layers 2 to 4 learn from epoch 10 on."""
    numbers: dict[str, Any] = {
        "steps": 0,
        "epochs": 20,
        "pairs_per_epoch": 600_000,
        "batch_size": 28,
        "accumulate": 8,
        "reduction": "sum",
        "optimizer": "sgd",
        "momentum": 0.9,
        "forget_momentum": True,
        "learning_rate": 0.005,
        "backbone_multiplier": 0.1,
        "schedule": "log",
        "warmup_epochs": 5,
        "warmup_ratio": 0.2,
        "final_lr_ratio": 0.1,
        "weight_decay": 1e-4,
        "decay_all": True,
        "clip_norm": 10.0,
        "skip_above": 1e4,
        "ema_decay": 0.0,
        "precision": "fp32",
        "unfreeze": ((0.0, 0), (0.5, 3)),
        "workers": 4,
        "validate_every": 5000,
    }
    return TrainConfig(**{**numbers, **changes})


def _sets(samplings: tuple[DatasetSampling, ...], **changes: Any) -> dict[str, Any]:
    return {"datasets": tuple(sampling.name for sampling in samplings), "data": PysotDataConfig(sets=(*samplings, *CUSTOM), **changes)}


def siamrpn_alexnet(model: Any) -> dict[str, RecipeConfig]:
    """Sixteen cards; 50 epochs, 0.005 up to 0.01 and down to 0.0005; the last two convolutions learn from epoch 10 on, at full rate."""
    train = pysot_schedule(
        epochs=50,
        batch_size=32,
        accumulate=16,
        learning_rate=0.01,
        warmup_ratio=0.5,
        final_lr_ratio=0.05,
        backbone_multiplier=1.0,
        unfreeze=((0.0, 0), (0.2, 2)),
    )
    # search crops as large as in tracking: 287 pixels
    sets = _sets(PYSOT_SETS, negative=0.05, search=replace(PysotDataConfig().search, size=model.search_size))
    return {"default": RecipeConfig(train=train, model=model, loss=RPN_LOSS, **sets)}


def siamrpnpp_r50(model: Any) -> dict[str, RecipeConfig]:
    """PySOT's run on eight cards, that on sixteen, and that of its OTB model."""
    default = RecipeConfig(train=pysot_schedule(), model=model, loss=RPN_LOSS, **_sets(PYSOT_SETS))
    # greyer, layer 1 learns too, down to 0.0025 only; its levels count alike
    otb = pysot_schedule(batch_size=16, final_lr_ratio=0.5, unfreeze=((0.0, 0), (0.5, 4)))
    return {
        "default": default,
        "16gpu": replace(default, train=pysot_schedule(batch_size=24, accumulate=16)),
        "otb": replace(default, train=otb, model=replace(model, weighted=False), data=replace(default.data, gray=0.2)),
    }


def siamban_r50(model: Any) -> dict[str, RecipeConfig]:
    """SiamBAN's run on three cards, down to 0.00005, and that of its OTB model."""
    train = pysot_schedule(pairs_per_epoch=1_000_000, accumulate=3, final_lr_ratio=0.01)
    default = RecipeConfig(train=train, model=model, loss=BAN_LOSS, **_sets(SIAMBAN_SETS))
    return {"default": default, "otb": replace(default, data=replace(default.data, gray=0.2))}


def siampw_r50(model: Any) -> dict[str, RecipeConfig]:
    """Four cards; the network ends with layer 3, so that layers 2 and 3 learn from epoch 10 on."""
    train = pysot_schedule(pairs_per_epoch=1_000_000, accumulate=4, final_lr_ratio=0.01, unfreeze=((0.0, 0), (0.5, 2)))
    return _with_got10k(RecipeConfig(train=train, model=model, loss=PW_LOSS, **_sets(SIAMBAN_SETS)))


def siamcar_r50(model: Any) -> dict[str, RecipeConfig]:
    """80 pairs on four cards whose losses are averaged, SiamRPN++'s schedule, no negative pairs; the models of GOT-10k and of LaSOT."""
    train = pysot_schedule(batch_size=20, accumulate=4, reduction="mean")
    default = RecipeConfig(train=train, model=model, loss=CAR_LOSS, **_sets(PYSOT_SETS, negative=0.0))
    return {
        "default": default,
        "got10k": replace(default, protocol="got10k", **_sets((SIAMCAR_GOT10K,), negative=0.0)),
        "lasot": replace(default, **_sets((SIAMCAR_LASOT,), negative=0.0)),
    }


def siamla_r50(model: Any) -> dict[str, RecipeConfig]:
    """128 pairs on four cards; 50 epochs, 0.001 up to 0.005 in five and down to 0.00001; layers 2 to 4 learn from epoch 5 on.

    The rows of the paper's tables are settings of the run on GOT-10k: see docs/training.md.
    """
    train = pysot_schedule(epochs=50, batch_size=32, accumulate=4, reduction="mean", final_lr_ratio=0.002, unfreeze=((0.0, 0), (0.1, 3)))
    default = RecipeConfig(train=train, model=model, loss=LA_LOSS, **_sets((*PYSOT_SETS, SIAMCAR_GOT10K), negative=0.0))
    return {"default": default, "got10k": replace(default, protocol="got10k", **_sets((SIAMCAR_GOT10K,), negative=0.0))}


def siammask_r50(model: Any) -> dict[str, RecipeConfig]:
    """The schedule of the SiamMask paper, which is SiamRPN++'s; layers 2 and 3 learn from epoch 10 on."""
    train = pysot_schedule(unfreeze=((0.0, 0), (0.5, 2)))
    sets = _sets(SIAMMASK_SETS, masks=True)
    return {"default": RecipeConfig(train=train, model=model, loss=RPN_LOSS, masks=MaskLossConfig(), **sets)}


def siamrpnpp_r50_rbo(model: Any) -> dict[str, RecipeConfig]:
    """Four cards of 32 pairs, down to 0.00005; gamma 3 with all data, 5 on GOT-10k."""
    train = pysot_schedule(pairs_per_epoch=800_000, batch_size=32, accumulate=4, final_lr_ratio=0.01)
    default = RecipeConfig(train=train, model=model, loss=with_ranking(RPN_LOSS, RankingConfig(gamma=3.0)), **_sets(RBO_SETS))
    return _with_got10k(default, with_ranking(RPN_LOSS, RankingConfig(gamma=5.0)))


def siamban_r50_rbo(model: Any) -> dict[str, RecipeConfig]:
    """SiamBAN's run with the paper's ranking losses: gamma 3."""
    default = siamban_r50(model)["default"]
    return _with_got10k(replace(default, loss=with_ranking(BAN_LOSS, RankingConfig(gamma=3.0))))


def siampw_r50_rbo(model: Any) -> dict[str, RecipeConfig]:
    """SiamPW with ranking losses: gamma 5, with all data and on GOT-10k."""
    default = siampw_r50(model)["default"]
    return _with_got10k(replace(default, loss=with_ranking(PW_LOSS, RankingConfig(gamma=5.0))))


def _with_got10k(default: RecipeConfig, loss: SiameseLossConfig | None = None) -> dict[str, RecipeConfig]:
    """The run with all data, and the same with the training videos of GOT-10k alone."""
    alone = replace(default, protocol="got10k", loss=loss or default.loss, **_sets(GOT10K_SETS))
    return {"default": default, "got10k": replace(alone, train=replace(default.train, pairs_per_epoch=600_000))}


SETTINGS: dict[str, Callable[[Any], dict[str, RecipeConfig]]] = {
    "siamrpn-alexnet": siamrpn_alexnet,
    "siamrpnpp-r50": siamrpnpp_r50,
    "siamban-r50": siamban_r50,
    "siampw-r50": siampw_r50,
    "siamcar-r50": siamcar_r50,
    "siamla-r50": siamla_r50,
    "siammask-r50": siammask_r50,
    "siamrpnpp-r50-rbo": siamrpnpp_r50_rbo,
    "siamban-r50-rbo": siamban_r50_rbo,
    "siampw-r50-rbo": siampw_r50_rbo,
}


def base_config(name: str, model: Any, overrides: Mapping[str, Any]) -> RecipeConfig:
    """The settings that `overrides` will be applied to: those of the experiment that they name, else the default.

    Raises:
        LockonError: an experiment that this tracker does not have.
    """
    known = SETTINGS[name](model)
    experiment = str(overrides.get("experiment", "default"))
    if experiment not in known:
        raise unknown_name(f"experiment of {name}", experiment, known)
    return replace(known[experiment], experiment=experiment)


__all__ = ["SETTINGS", "RecipeConfig", "base_config", "pysot_schedule"]
