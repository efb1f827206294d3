"""TransT: template and search features of a ResNet-50 at stride 8, fused by attention; every cell of the search map tells the whole box.

Chen et al., Transformer Tracking, CVPR 2021 (arXiv 2103.15436), with the numbers of chenxin-dlut/TransT. TransT-RBO (Tang and Ling, CVPR
2022, Sec. 4.3) is the same network trained with two more losses; neither its settings nor its weights were published: the losses are those
of the other anchor-free trackers of that paper, beside TransT's own.

The published code cuts its windows in tracking otherwise than in training: by the targets' context on the mean colour, against their area
on repeated border pixels. Both are kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lockon.errors import LockonError
from lockon.localizers.dense import LocalizerConfig
from lockon.localizers.rank import Blend
from lockon.ops.crop_rules import ContextRule
from lockon.ops.grid import Grid
from lockon.target import StatePolicy
from lockon.tracker import TrackerConfig
from lockon.zoo.card import Card, OfficialWeights
from lockon.zoo.pysot_inference import RBO_PAPER

if TYPE_CHECKING:
    from lockon.models.siamese import SiameseModel
    from lockon.zoo.recipe_config import RecipeConfig

STRIDE = 8
PAPER = "Chen et al., Transformer Tracking, CVPR 2021 (arXiv 2103.15436)"


@dataclass(frozen=True, kw_only=True, slots=True)
class TransTConfig:
    """The choices of the network; the defaults are TransT-N4's.

    Attributes:
        layers: Fusion layers before the last cross-attention: 4 in TransT-N4, 2 in TransT-N2.
        channels: Width of the fusion and the head.
        heads: Of each attention.
        hidden: Width between the linear layers of a fusion layer.
        dropout: In the fusion, in training.
        template_size: Side of the template crop in pixels, a multiple of the stride 8.
        search_size: Side of the search crop in pixels, likewise.

    Raises:
        LockonError: A number under 1; channels that are no multiple of 4 and of the heads; a dropout outside 0 to below 1; a crop side that
            is no multiple of 8.
    """

    layers: int = 4
    channels: int = 256
    heads: int = 8
    hidden: int = 2048
    dropout: float = 0.1
    template_size: int = 128
    search_size: int = 256

    def __post_init__(self) -> None:
        for name in ("layers", "channels", "heads", "hidden"):
            if getattr(self, name) < 1:
                raise LockonError(f"{name}={getattr(self, name)} given, expected at least 1")
        if self.channels % self.heads or self.channels % 4:
            raise LockonError(f"channels={self.channels} given, expected a multiple of 4 and of heads={self.heads}, such as channels=256")
        if not 0 <= self.dropout < 1:
            raise LockonError(f"dropout={self.dropout:g} given, expected 0 or more and below 1")
        for name in ("template_size", "search_size"):
            side = getattr(self, name)
            if side < 2 * STRIDE or side % STRIDE:
                raise LockonError(f"{name}={side} given, expected a multiple of 8 from 16 on, for example {name}=256")


def build(c: TransTConfig) -> SiameseModel:
    """Build the network with random weights."""
    from lockon.models.backbones.resnet import ResNet
    from lockon.models.feature_fusion import FeatureFusion
    from lockon.models.heads.mlp import MLPHead
    from lockon.models.neck import LevelNeck
    from lockon.models.siamese import SiameseModel

    backbone = ResNet(50, (3,), train_norms=True, unstrided=3)
    fusion = FeatureFusion(
        c.channels,
        template_cells=c.template_size // STRIDE,
        search_cells=c.search_size // STRIDE,
        layers=c.layers,
        heads=c.heads,
        hidden=c.hidden,
        dropout=c.dropout,
    )
    return SiameseModel(
        backbone=backbone,
        neck=LevelNeck(backbone.channels, c.channels, normalized=False),
        fusion=fusion,
        head=MLPHead(c.channels, grid=Grid(c.search_size // STRIDE, STRIDE)),
        template_size=c.template_size,
        search_size=c.search_size,
    )


_LAYER = r"^featurefusion_network\.encoder\.layers\.(\d+)\."
_SIDES = (("1", "template"), ("2", "search"))  # official suffix and ours
OFFICIAL = OfficialWeights(
    renames=(
        *((rf"{_LAYER}self_attn{n}\.", rf"fusion.layers.\1.{side}_ego.attention.") for n, side in _SIDES),
        *((rf"{_LAYER}multihead_attn{n}\.", rf"fusion.layers.\1.{side}_cross.attention.") for n, side in _SIDES),
        *((rf"{_LAYER}linear{n}([12])\.", rf"fusion.layers.\1.{side}_cross.linear\2.") for n, side in _SIDES),
        *((rf"{_LAYER}norm{n}1\.", rf"fusion.layers.\1.{side}_ego.norm.") for n, side in _SIDES),
        *((rf"{_LAYER}norm{n}2\.", rf"fusion.layers.\1.{side}_cross.norm1.") for n, side in _SIDES),
        *((rf"{_LAYER}norm{n}3\.", rf"fusion.layers.\1.{side}_cross.norm2.") for n, side in _SIDES),
        (r"^featurefusion_network\.decoder\.layers\.0\.multihead_attn\.", "fusion.decoder.attention."),
        (r"^featurefusion_network\.decoder\.layers\.0\.", "fusion.decoder."),
        (r"^featurefusion_network\.decoder\.norm\.", "fusion.norm."),
        (r"^class_embed\.", "head.cls."),
        (r"^bbox_embed\.", "head.box."),
        (r"^input_proj\.", "neck.levels.0."),
        (r"^backbone\.0\.body\.", "backbone."),
    )
)

# The official tracker: no penalty on changes, the size at once, nothing but the least size kept. "default" has sub-pixel windows.
TRACKER = TrackerConfig(
    template_crop=ContextRule(context=0.5),
    search_crop=ContextRule(context=1.5),
    localizer=LocalizerConfig(rank=Blend(penalty_k=0.0, window_influence=0.49, zero_border=True), size_lr=1.0),
    states=StatePolicy(absent_score=0.0, search_growth=1.0),
)
PRESETS = {
    "default": {},
    "official": {
        "template_crop": "whole-context-rule",
        "search_crop": "whole-context-rule",
        "start": "unclipped-start",
        "states.min_size": 10.0,
    },
}


def transt_run(model: TransTConfig) -> RecipeConfig:
    """Return TransT's run on LaSOT, GOT-10k, COCO and parts 0 to 3 of TrackingNet, which are all that its folder should then hold.

    1000 epochs of 38,000 pairs in batches of 38; AdamW at 0.0001, the backbone at a tenth, both times 0.1 at epoch 500.
    """
    from lockon.data.samples.appearance import Appearance
    from lockon.data.samples.pytracking import JitteredCrop, PytrackingDataConfig
    from lockon.data.samples.whole_windows import MeanSideJitter
    from lockon.ops.borders import Replicate
    from lockon.train.config import GradientConfig, MachineConfig, OutputConfig, TrainConfig
    from lockon.train.optim import AdamW
    from lockon.train.schedules import StepDecay
    from lockon.zoo.dense_losses import TRANST
    from lockon.zoo.pytracking_training import custom, four_sets
    from lockon.zoo.recipe_config import RecipeConfig

    gap = 100
    train = TrainConfig(
        steps=0,
        epochs=1000,
        pairs_per_epoch=38_000,
        batch_size=38,
        gradients=GradientConfig(clip_norm=0.0),
        optimizer=AdamW(learning_rate=1e-4, backbone_multiplier=0.1, weight_decay=1e-4, decay_all=True),
        schedule=StepDecay(decay_epochs=500, decay_factor=0.1),
        ema_decay=0.0,
        output=OutputConfig(validate_every=5000),
        machine=MachineConfig(workers=8, precision="fp32"),
    )
    data = PytrackingDataConfig(
        template=JitteredCrop(size=128, factor=2.0, jitter=MeanSideJitter()),
        search=JitteredCrop(size=256, factor=4.0, jitter=MeanSideJitter(scale=0.25, offset=3.0)),
        border=Replicate(),
        causal=False,
        appearance=Appearance(gray=0.05, brightness=0.2),
        flip_each=0.0,
        sets=(*four_sets(gap), *custom(gap)),
    )
    datasets = tuple(sampling.name for sampling in four_sets(gap))
    return RecipeConfig(train=train, model=model, data=data, **TRANST, datasets=datasets, weights=())


def experiments(model: TransTConfig) -> dict[str, RecipeConfig]:
    """Return TransT's run, and the same on GOT-10k alone."""
    from lockon.zoo.pytracking_training import GOT10K

    default = transt_run(model)
    return {"default": default, "got10k": replace(default, protocol="got10k", datasets=(GOT10K,))}


def rbo_experiments() -> dict[str, RecipeConfig]:
    """Return the runs with the losses of RBO beside TransT's; gamma 3 with all data, 5 on GOT-10k, as its anchor-based tracker has it."""
    from lockon.zoo.dense_losses import ranked_cells

    gammas = {"default": 3.0, "got10k": 5.0}
    return {name: replace(run, loss=ranked_cells(gammas[name])) for name, run in experiments(TransTConfig()).items()}


N4 = Card(
    name="transt-n4",
    summary="TransT: four layers of self- and cross-attention fuse ResNet-50 features of template and search crop",
    paper=PAPER,
    licence="released models: the terms of chenxin-dlut/TransT",
    checkpoint="chenxin-dlut/TransT README, transt.pth; lockon convert transt-n4 transt.pth OUT",
    model=TransTConfig(),
    build=build,
    official=OFFICIAL,
    config=TRACKER,
    presets=PRESETS,
    experiments=lambda: experiments(TransTConfig()),
)
CARDS = (
    replace(
        N4,
        name="transt-n2",
        summary="TransT with two fusion layers: smaller and faster",
        checkpoint="chenxin-dlut/TransT README, transt-n2.pth; lockon convert transt-n2 FILE OUT",
        model=TransTConfig(layers=2),
        experiments=lambda: experiments(TransTConfig(layers=2)),
    ),
    N4,
    replace(
        N4,
        name="transt-n4-rbo",
        summary="TransT trained with the ranking losses of RBO",
        paper=f"{RBO_PAPER}; network: {PAPER}",
        licence="",
        checkpoint="",
        official=None,
        experiments=rbo_experiments,
    ),
)
