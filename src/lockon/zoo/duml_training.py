"""Training runs of DuML's networks: what each modality learns, on which data.

Zhou et al., Higher Performance Visual Tracking with Dual-Modal Localization (DuML), 2021, Sec. 4 and Appendices A and D. "The training
strategy is the same as" that of SiamRPN++, so all that the paper does not state are the numbers of its run: schedule, crops, the size of a
batch. How often each dataset is drawn is not stated either; here it is SiamBAN's, which has the same ones. A network that learns online
sees sequences of 3 support and 2 query frames, without negative ones; one that does not sees pairs, with SiamRPN++'s negative ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lockon.data.samples.pairs import PairDataConfig
from lockon.data.samples.pysot import PysotDataConfig
from lockon.data.samples.score_labels import AnchorLabel, GaussianLabel
from lockon.data.samples.support_query import SequenceFrames
from lockon.online.dual_modal import DualModalConfig
from lockon.online.labels import AnchorLabels
from lockon.ops.grid import AnchorGrid
from lockon.train.assigners.one_to_many import atss_max_iou
from lockon.train.config import GradientConfig, OutputConfig
from lockon.train.descents import UnrolledDescent
from lockon.train.dual_modal_task import DualModalLosses
from lockon.train.losses.focal import BalancedFocal
from lockon.train.losses.gaussian_focal import GaussianFocal
from lockon.train.losses.score_maps import LabelHinge
from lockon.train.losses.soft_targets import WindowGaussian
from lockon.train.optim import AdamW
from lockon.train.schedules import CosineDecay
from lockon.zoo.lockon_s_data import SourceWeights
from lockon.zoo.modalities import SHAPES, ModalityConfig, with_modalities
from lockon.zoo.pysot_training import GOT10K, PYSOT_TRAIN, SIAMBAN_SETS, trained_on
from lockon.zoo.recipe_config import SMALL_TRAIN, RecipeConfig

COMPARED = {5: 15, 1: 11}  # shapes of a cell's anchors -> how many anchors are compared (Appendix A)
LITERAL = DualModalLosses(online=LabelHinge(weight=1.0), cls=BalancedFocal(weight=10.0))  # the weights as they are printed
Fit = Callable[[RecipeConfig, Any], RecipeConfig]  # `fitted` for the networks of one size
# V(ID), Y(ouTube-BB), C(OCO), D(ET), L(aSOT), G(OT-10k): Appendix D, Table 11
LETTERS = {"V": "VID", "Y": "YTBB", "C": "COCO", "D": "DET", "L": "LaSOT_train", "G": GOT10K}


def fitted(run: RecipeConfig, model: ModalityConfig, *, config: DualModalConfig, anchors: AnchorGrid, margin: int = 0) -> RecipeConfig:
    """Return the settings of a run as the modalities of a network ask for them: losses, labels, and sequences or pairs.

    Args:
        run: Settings of any network of the family.
        model: The network's choices.
        config: Inference parameters of a network of both modalities, whose labels are those of training.
        anchors: Of five shapes, as of the head.
        margin: Cells of the features on each side of the head's map, which the outer loss does not see.
    """
    assert isinstance(run.loss, DualModalLosses)
    learner = with_modalities(config, model.offline, model.online, anchors).learner
    online = None if model.online == "none" or learner is None else learner.labels
    frames: SequenceFrames | None = None
    if online is not None:
        stride, first = online.stride, online.first + margin * online.stride
        label: GaussianLabel | AnchorLabel = GaussianLabel(sigma=model.label_sigma, odd=True, stride=stride, first=first)
        if isinstance(online, AnchorLabels):
            label = AnchorLabel(shapes=online.shapes, stride=stride, first=first)
        frames = replace(run.data.frames or SequenceFrames(), label=label)
    regression = GaussianFocal(target=WindowGaussian(), divide_by="halves", weight=run.loss.cls.weight)
    scores = SHAPES[model.offline]
    fit = replace(
        run,
        data=_with_frames(run.data, frames),
        loss=replace(run.loss, cls=regression if model.offline == "ofr" else BalancedFocal(weight=run.loss.cls.weight)),
        assigner=atss_max_iou(COMPARED[model.box_shapes]),
        score_assigner=atss_max_iou(COMPARED[scores]) if scores else None,
        descent=None if online is None else replace(run.descent or UnrolledDescent(), labels=online),
    )
    return fit if run.mix is None else replace(fit, mix=replace(run.mix, negative=0.0 if online else SourceWeights().negative))


def _with_frames(data: Any, frames: SequenceFrames | None) -> Any:
    """Return the settings of the samples with sequences, or with pairs and their negative ones."""
    if isinstance(data, PysotDataConfig):
        return replace(data, frames=frames, negative=PysotDataConfig().negative if frames is None else 0.0)
    return replace(data, frames=frames)


def duml_experiments(model: ModalityConfig, fit: Fit) -> dict[str, RecipeConfig]:
    """Return the run on all five datasets, those of Table 11, and one with the weights of the online and the offline loss as printed.

    Args:
        model: The network's choices.
        fit: `fitted` for networks of full size.
    """
    runs = {letters.lower(): fit(_run(model, letters), model) for letters in ("VYCLG", "VYCD", "VYC", "VC")}
    default = runs.pop("vyclg")
    return {"default": default, **runs, "literal": fit(replace(default, loss=LITERAL), model)}


def _run(model: ModalityConfig, letters: str) -> RecipeConfig:
    counts = {sampling.name: sampling for sampling in SIAMBAN_SETS}
    data = trained_on(tuple(counts[LETTERS[letter]] for letter in letters), negative=0.0)
    return RecipeConfig(train=PYSOT_TRAIN, model=model, loss=DualModalLosses(), **data)


def compact_duml_experiments(model: ModalityConfig, fit: Fit) -> dict[str, RecipeConfig]:
    """Return the run of a small network, that of compact-dimp: stills, videos and synthetic scenes, the backbone at first as given."""
    train = replace(
        SMALL_TRAIN,
        steps=900,
        batch_size=8,
        gradients=GradientConfig(clip_norm=5.0),
        optimizer=AdamW(learning_rate=1e-3, backbone_multiplier=0.05, weight_decay=1e-4),
        schedule=CosineDecay(warmup_steps=50),
        ema_decay=0.99,
        unfreeze=((0.0, 0), (0.7, 1)),
        output=OutputConfig(save_every=100, validate_every=0),
    )
    mix = SourceWeights(videos=0.3, stills=0.3, synthetic=0.4, negative=0.0)
    run = RecipeConfig(train=train, model=model, data=PairDataConfig(), loss=DualModalLosses(), mix=mix)
    return {"default": fit(run, model)}


__all__ = ["compact_duml_experiments", "duml_experiments", "fitted"]
