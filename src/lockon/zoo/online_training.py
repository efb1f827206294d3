"""Training runs of the trackers that learn online: ATOM, DiMP, PrDiMP and SuperDiMP, as published.

Danelljan et al., ATOM, CVPR 2019 (arXiv 1811.07628); Bhat et al., DiMP, ICCV 2019 (arXiv 1904.07220); Danelljan et al., PrDiMP, CVPR 2020
(arXiv 2003.12565); all with the numbers of visionml/pytracking. All take 50 epochs of Adam, a fifth of the rates after every 15. The
published runs took a part of GOT-10k's training videos, and parts 0 to 3 of TrackingNet (ATOM: 0 to 10), which are all that its folder
should then hold; here it is all of GOT-10k but those that are known to be bad. ATOM's published run let the batch normalization of the
frozen backbone follow the batches; here it keeps its statistics.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lockon.data.samples.appearance import Appearance
from lockon.data.samples.placement import BoxJitter
from lockon.data.samples.pools import DatasetSampling
from lockon.data.samples.proposals import GaussianProposals, MixtureProposals
from lockon.data.samples.score_labels import DensityLabel, GaussianLabel
from lockon.data.samples.sequences import SequenceDataConfig
from lockon.ops.inside_frame import InsideMajor
from lockon.train.config import GradientConfig, MachineConfig, OutputConfig, TrainConfig
from lockon.train.descents import UnrolledDescent
from lockon.train.losses.iterates import FirstIterate, LastIterate, MiddleIterates
from lockon.train.losses.proposals import BoxDensity
from lockon.train.losses.score_maps import GridCrossEntropy
from lockon.train.optim import AdamW
from lockon.train.schedules import StepDecay
from lockon.train.sequence_task import SequenceLosses
from lockon.zoo.pytracking_training import custom, four_sets, images, videos
from lockon.zoo.recipe_config import RecipeConfig

RATE = 2e-4  # of Adam, where no part has one of its own
# Parts of the network -> their rates. The backbone's is its `backbone_multiplier`.
DIMP_RATES = {"initializer.": 5e-5, "optimizer.": 5e-4, "classification.": 5e-5}
PRDIMP_RATES = {"initializer.": 1e-3, "optimizer.": 1e-3, "classification.": 1e-3, "iou.": 1e-3}

_TRAIN = TrainConfig(
    steps=0,
    epochs=50,
    pairs_per_epoch=26_000,
    batch_size=10,
    gradients=GradientConfig(clip_norm=0.0),
    schedule=StepDecay(decay_epochs=15, decay_factor=0.2),
    ema_decay=0.0,
    output=OutputConfig(validate_every=2600),
    machine=MachineConfig(workers=8, precision="fp32"),
)


def rates(parts: dict[str, float], backbone: float = 2e-5) -> AdamW:
    """Return Adam with a rate for each part of the network, by the start of its parameters' names; nothing decays."""
    multipliers = tuple((start, rate / RATE) for start, rate in parts.items())
    return AdamW(learning_rate=RATE, backbone_multiplier=backbone / RATE, multipliers=multipliers, weight_decay=0.0)


def _sets(gap: int, lasot: float) -> tuple[DatasetSampling, ...]:
    """Return how LaSOT, GOT-10k, COCO and TrackingNet are used together: LaSOT as often as said, the others alike."""
    return tuple(replace(each, weight=lasot) if each.name == "LaSOT_train" else each for each in four_sets(gap))


def _run(model: Any, train: TrainConfig, data: SequenceDataConfig, loss: SequenceLosses, **more: Any) -> dict[str, RecipeConfig]:
    names = tuple(sampling.name for sampling in data.sets if sampling.name not in ("stills", "videos"))
    return {"default": RecipeConfig(train=train, model=model, data=data, loss=loss, datasets=names, weights=(), **more)}


def dimp_experiments(model: Any) -> dict[str, RecipeConfig]:
    """Return DiMP's run; with ResNet-18 in batches of 26, and with faster rates of the backbone and the box network."""
    small = model.depth == 18
    optimizer = rates({**DIMP_RATES, "iou.": 1e-3} if small else DIMP_RATES, RATE if small else 2e-5)
    data = SequenceDataConfig(sets=(*_sets(30, 0.25), *custom(30)))
    train = replace(_TRAIN, optimizer=optimizer, batch_size=26 if small else 10)
    return _run(model, train, data, SequenceLosses(), descent=UnrolledDescent())


def prdimp_experiments(model: Any) -> dict[str, RecipeConfig]:
    """Return PrDiMP's run, on crops of 288 pixels; the tracker then searches in larger ones."""
    data = SequenceDataConfig(proposals=MixtureProposals(), label=DensityLabel(), sets=(*_sets(200, 0.25), *custom(200)))
    loss = SequenceLosses(
        box=BoxDensity(weight=0.0025),
        last=GridCrossEntropy(weight=0.25, iterates=LastIterate()),
        first=GridCrossEntropy(weight=0.25, iterates=FirstIterate()),
        middle=GridCrossEntropy(weight=1.0, iterates=MiddleIterates()),
    )
    train = replace(_TRAIN, optimizer=rates(PRDIMP_RATES), batch_size=26 if model.depth == 18 else 10)
    return _run(model, train, data, loss, descent=UnrolledDescent())


def superdimp_experiments(model: Any) -> dict[str, RecipeConfig]:
    """Return SuperDiMP's run: DiMP's classifier, PrDiMP's box network, a larger search area; layer 3 alone of the backbone learns."""
    data = SequenceDataConfig(
        size=352,
        factor=6.0,
        test=BoxJitter(scale=0.5, offset=5.5),
        inside=InsideMajor(max_shrink=1.5),
        proposals=MixtureProposals(),
        label=GaussianLabel(sigma=352 / 16 / 6 / 4),
        appearance=Appearance(gray=0.05, brightness=0.2, flip=0.5),
        flip_each=0.5,
        sets=(*_sets(200, 1.0), *custom(200)),
    )
    optimizer = rates({**DIMP_RATES, "iou.": 1e-3})
    train = replace(_TRAIN, optimizer=optimizer, pairs_per_epoch=40_000, batch_size=20, unfreeze=((0.0, 1),))
    return _run(model, train, data, SequenceLosses(box=BoxDensity(weight=0.01)), descent=UnrolledDescent())


def atom_experiments(model: Any) -> dict[str, RecipeConfig]:
    """Return ATOM's run: the box network alone learns, on pairs of frames."""
    gap = 50
    data = SequenceDataConfig(
        train=BoxJitter(),
        train_frames=1,
        test_frames=1,
        causal=False,
        proposals=GaussianProposals(count=16),
        label=None,
        sets=(videos("LaSOT_train", gap), videos("TrackingNet_train", gap), images("COCO"), *custom(gap)),
    )
    terms = SequenceLosses()
    untaught = {name: replace(getattr(terms, name), weight=0.0) for name in ("last", "first", "middle")}
    train = replace(
        _TRAIN,
        pairs_per_epoch=64_000,
        batch_size=64,
        optimizer=AdamW(learning_rate=1e-3, backbone_multiplier=0.0, weight_decay=0.0),
        unfreeze=((0.0, 0),),
    )
    return _run(model, train, data, replace(terms, **untaught))


__all__ = ["atom_experiments", "dimp_experiments", "prdimp_experiments", "rates", "superdimp_experiments"]
