"""`RecipeConfig`: all settings of a training run, of any network of the zoo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from lockon._config_values import check_range
from lockon.config import apply_overrides
from lockon.data.samples.pysot import PysotDataConfig
from lockon.data.samples.refine import RefineDataConfig
from lockon.data.samples.sequences import SequenceDataConfig
from lockon.errors import LockonError, unknown_name
from lockon.train.assigners.sampling import SamplingConfig
from lockon.train.config import MachineConfig, OutputConfig, TrainConfig
from lockon.train.descents import UnrolledDescent
from lockon.train.dual_modal_task import DualModalLosses
from lockon.train.keep_schedules import KeepSchedule
from lockon.train.mask_task import MaskSampling
from lockon.train.optim import AdamW
from lockon.train.refine_task import RefineLosses
from lockon.train.schedules import CosineDecay
from lockon.train.sequence_task import SequenceLosses
from lockon.zoo.card import Card
from lockon.zoo.dense_losses import BanLosses, CarLosses, CellLosses, CenterLosses, DenseAssigner, MaskLosses, PointLosses, RpnLosses
from lockon.zoo.lockon_s_data import SourceWeights
from lockon.zoo.track_points_losses import TrackPointsLosses

DenseLosses = RpnLosses | MaskLosses | BanLosses | CarLosses | CellLosses | CenterLosses | PointLosses | TrackPointsLosses

# The loop of networks that are small enough to be trained on a CPU; each changes a few of these numbers.
SMALL_TRAIN = TrainConfig(
    steps=5000,
    batch_size=32,
    optimizer=AdamW(learning_rate=1e-3, backbone_multiplier=0.2, weight_decay=1e-3),
    schedule=CosineDecay(warmup_steps=100),
    ema_decay=0.998,
    unfreeze=((0.0, 0), (0.1, 1)),
    output=OutputConfig(save_every=250, validate_every=2500),
    machine=MachineConfig(workers=1),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class TeacherConfig:
    """The teacher of a small network.

    Attributes:
        weights: An exported tracker of the SiamRPN++ family (`lockon export siammask-r50 ...`), or empty for no teacher.
        cache: Folder for the samples and the teacher's answers, which take far longer than a step of the student; empty asks it anew
            for every sample.
        samples: How many samples the cache holds; they come again in another order.
        device: Where the teacher runs: cpu, openvino, openvino-bf16 or cuda.

    Raises:
        LockonError: No samples.
    """

    weights: str = ""
    cache: str = ""
    samples: int = 6400
    device: str = "cpu"

    def __post_init__(self) -> None:
        check_range("samples", self.samples, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class RecipeConfig:
    """All settings of a training run; every field can be set by its dotted name, for example ``--set loss.ranking.gamma=5``.

    A setting that is None has no part in the run of that network.

    Attributes:
        train: The loop.
        model: The network, as its card has it.
        data: Crops, pairs and augmentation: `PairDataConfig`, `PysotDataConfig`, `PytrackingDataConfig`,
            `SequenceDataConfig` or `RefineDataConfig`.
        loss: The terms.
        assigner: What labels the candidates of a dense head.
        score_assigner: What labels the candidates that scores stand for, of a head whose boxes have others (`DualModalHead`).
        sampling: How many of them the losses see.
        masks: Which masks are learnt.
        descent: How filters are improved from the train frames, for networks whose trackers learn online.
        keep: How many search tokens the network keeps at every update, for networks that eliminate some.
        mix: Weights of the user's stills, videos and synthetic scenes, for networks that are trained on those.
        teacher: A published tracker whose scores are learnt too, with `loss.teacher.weight`.
        datasets: Names of the training datasets, all of which must be there. Those of an unchanged recipe may be absent together: the
            run then takes stills and videos of the user, and says so.
        weights: Pairs (dataset, how often it is drawn beside the others) in place of the published weights, for example
            (("saliency",1),("COCO",2)).
        protocol: "got10k" refuses every dataset but the training videos of GOT-10k.
        experiment: Which of the card's runs the other settings start from.
        backbone_weights: File of weights for the backbone, see `lockon.models.backbones.pretrained`; empty starts from random ones.
    """

    train: TrainConfig
    model: Any
    data: Any
    loss: DenseLosses | RefineLosses | SequenceLosses | DualModalLosses
    assigner: DenseAssigner | None = None
    score_assigner: DenseAssigner | None = None
    sampling: SamplingConfig | None = None
    masks: MaskSampling | None = None
    descent: UnrolledDescent | None = None
    keep: KeepSchedule | None = None
    mix: SourceWeights | None = None
    teacher: TeacherConfig | None = None
    datasets: tuple[str, ...] | None = None
    weights: tuple[tuple[str, float], ...] | None = None
    protocol: Literal["got10k"] | None = None
    experiment: str = "default"
    backbone_weights: str = ""

    def __post_init__(self) -> None:
        if self.protocol is not None and self.datasets is None:
            raise LockonError(f"protocol={self.protocol} is about training datasets, but this network is trained on stills and videos")


GROUPS = tuple(item.name for item in fields(RecipeConfig) if item.name not in ("train", "backbone_weights"))  # what decides what is learnt
OPTIONAL = ("assigner", "score_assigner", "sampling", "masks", "descent", "mix", "teacher", "datasets", "weights")


def base_config(one: Card, overrides: Mapping[str, Any]) -> RecipeConfig:
    """Return the settings that `overrides` will be applied to: those of the experiment that they name, else the default.

    What follows from choices of the network (`Card.fitted`) follows from the chosen ones.

    Raises:
        LockonError: A card that nothing trains, an experiment that it does not have, or an unknown choice of the network.
    """
    assert one.experiments is not None
    known: Mapping[str, RecipeConfig] = one.experiments()
    experiment = str(overrides.get("experiment", "default"))
    if experiment not in known:
        raise unknown_name(f"experiment of {one.name}", experiment, known)
    base = replace(known[experiment], experiment=experiment)
    chosen = {name.removeprefix("model."): value for name, value in overrides.items() if name.startswith("model.")}
    return base if one.fitted is None else one.fitted(base, apply_overrides(base.model, chosen))


def full_config(one: Card, base: RecipeConfig, overrides: Mapping[str, Any]) -> RecipeConfig:
    """Return the settings of a run; the crops of its samples are of the network's size.

    Raises:
        LockonError: An unknown or ill-typed override, one of a setting that has no part in this run, or crops of another size than the
            network's.
    """
    config = apply_overrides(base, overrides)
    strange = [name for name in OPTIONAL if getattr(base, name) is None and getattr(config, name) is not None]
    if strange:
        raise LockonError(f"{strange[0]} has no part in the training of {one.name}; leave it out")
    if config.keep is not None and getattr(config.model, "elimination", None) is None:
        raise LockonError(f"keep has no part in the training of {one.name}, which keeps all search tokens; leave it out, or set keep=none")
    return replace(config, data=_sized(config.data, config.model, overrides))


def _sized(data: Any, model: Any, overrides: Mapping[str, Any]) -> Any:
    """Return the data settings with the crop sizes of the network."""
    if isinstance(data, RefineDataConfig):  # both crops are alike
        return replace(data, size=model.size, masks=data.masks and model.mask)
    if isinstance(data, SequenceDataConfig):  # these networks take crops of any size
        return data
    for role in ("search",) if isinstance(data, PysotDataConfig) else ("template", "search"):  # PySOT's template is always 127 pixels
        size, crop = getattr(model, f"{role}_size"), getattr(data, role)
        if size == crop.size:
            continue
        if f"data.{role}.size" in overrides:
            raise LockonError(f"model.{role}_size is {size} but data.{role}.size is {crop.size}; set both to the same number of pixels")
        data = replace(data, **{role: replace(crop, size=size)})
    return data


__all__ = ["GROUPS", "SMALL_TRAIN", "RecipeConfig", "TeacherConfig", "base_config", "full_config"]
