"""Compact DiMP: DiMP's classifier and box network on lockon-s's backbone, for CPUs.

EfficientNet-Lite0 with its outputs at strides 8 and 16, crops of 256 pixels, filters of 128 channels, a box network of a quarter of the
published width. Samples are drawn from the same stills, videos and synthetic scenes as lockon-s's; crops, labels and losses are DiMP's
(Bhat et al., ICCV 2019, arXiv 1904.07220). "lockon-s-dimp" is its learner beside lockon-s. See docs/results/compact-dimp.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lockon._config_values import check_field, check_range
from lockon.config import apply_in_order, flatten
from lockon.export.deployed import DeployedModel
from lockon.export.runtime import load_graphs
from lockon.online.fused import FusedTracker, FusionConfig
from lockon.online.tracker import OnlineTracker
from lockon.tracker import Calibration, NetworkTracker, TrackerConfig
from lockon.zoo.card import Card, Inner
from lockon.zoo.dimp import DIMP_PAPER, MAX_SIZE, STRIDE, run
from lockon.zoo.dimp_inference import DIMP

if TYPE_CHECKING:
    from lockon.models.online import DiMPModel
    from lockon.zoo.recipe_config import RecipeConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class CompactDiMPConfig:
    """The network.

    Attributes:
        channels: Of the features that filters are learnt on.
        blocks: Residual blocks before them.
        box_width: Channels of the box network.
        box_hidden: Outputs of its fully connected layers.
        search_size: Side of the crops in pixels, an even multiple of 16 up to 2048.
        search_factor: Side of the search area over the target's sqrt(w h): the label's width at the start of training depends on it.

    Raises:
        LockonError: A number out of its range.
    """

    channels: int = 128
    blocks: int = 1
    box_width: int = 64
    box_hidden: int = 128
    search_size: int = 256
    search_factor: float = 5.0

    def __post_init__(self) -> None:
        for name in ("channels", "box_width", "box_hidden"):
            check_range(name, getattr(self, name), 2, 4096)
        check_range("blocks", self.blocks, 0, 8)
        check_range("search_factor", self.search_factor, 1, 100)
        fits = 0 < self.search_size <= MAX_SIZE and self.search_size % (2 * STRIDE) == 0
        check_field(self, "search_size", fits, f"a multiple of {2 * STRIDE} up to {MAX_SIZE}")

    @property
    def label_sigma(self) -> float:
        """Deviation of the label in cells: a quarter of the target's mean side."""
        return self.search_size / STRIDE / self.search_factor / 4


def build(c: CompactDiMPConfig) -> DiMPModel:
    """Build the network with random weights."""
    from lockon.models.backbones.inverted_residual import two_level_lite0
    from lockon.models.heads.iou import IoUNet
    from lockon.models.online import ClassificationFeatures, DescentParameters, DiMPModel, FilterInitializer

    backbone = two_level_lite0()
    low, high = backbone.stage_channels[-2:]
    return DiMPModel(
        backbone=backbone,
        classification=ClassificationFeatures(high, c.channels, blocks=c.blocks),
        initializer=FilterInitializer(c.channels),
        # The published start, 0.9, takes steps of twice the length that an exact line search finds: filters then swing instead of settling,
        # and a short run does not unlearn it.
        optimizer=DescentParameters(maps=True, label_sigma=c.label_sigma, log_step=0.0, regularization=0.1),
        iou=IoUNet(low, high, width=c.box_width, hidden=c.box_hidden),
        search_size=c.search_size,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class LockonSDiMPConfig(FusionConfig):
    """How compact-dimp's learner has a say beside lockon-s; the defaults are the best of four on validation.

    Attributes:
        mu: Share of its responses in the scores, 0..1.

    Raises:
        LockonError: A value outside its range.
    """

    mu: float = 0.0
    redetect: float | None = 0.3

    def __post_init__(self) -> None:
        FusionConfig.__post_init__(self)
        check_range("mu", self.mu, 0, 1)


def beside_lockon_s(online: OnlineTracker, config: LockonSDiMPConfig) -> FusedTracker:
    """Return lockon-s, from the package, with compact-dimp's learner beside it."""
    model = DeployedModel(load_graphs(Path(__file__).parent / "weights" / "lockon-s.onnx"))
    fused = {"localizer.score": "dual-modal-score", "localizer.score.mu": config.mu}
    return FusedTracker(NetworkTracker(model, apply_in_order(TrackerConfig(), flatten(model.header["tracker"]), fused)), online, config)


def experiments() -> dict[str, RecipeConfig]:
    """Return the run of docs/results/compact-dimp.md: the backbone as it is given, then its last stage at a low rate."""
    from lockon.data.samples.appearance import Appearance
    from lockon.data.samples.proposals import GaussianProposals
    from lockon.data.samples.sequences import GaussianLabel, SequenceDataConfig
    from lockon.train.config import GradientConfig, OutputConfig
    from lockon.train.descents import UnrolledDescent
    from lockon.train.optim import AdamW
    from lockon.train.schedules import CosineDecay
    from lockon.train.sequence_task import SequenceLosses
    from lockon.zoo.lockon_s_data import SourceWeights
    from lockon.zoo.recipe_config import SMALL_TRAIN, RecipeConfig

    model = CompactDiMPConfig()
    data = SequenceDataConfig(
        size=model.search_size,
        factor=model.search_factor,
        causal=False,
        proposals=GaussianProposals(count=16),
        label=GaussianLabel(sigma=model.label_sigma),
        appearance=Appearance(gray=0.05, brightness=0.2, flip=0.5),
    )
    train = replace(
        SMALL_TRAIN,
        steps=900,
        batch_size=8,
        gradients=GradientConfig(clip_norm=0.0),
        optimizer=AdamW(learning_rate=1e-3, backbone_multiplier=0.05, weight_decay=1e-4),
        schedule=CosineDecay(warmup_steps=50),
        ema_decay=0.99,
        unfreeze=((0.0, 0), (0.7, 1)),
        output=OutputConfig(save_every=100, validate_every=0),
    )
    loss, mix = SequenceLosses(), SourceWeights(videos=0.3, stills=0.3, synthetic=0.4, negative=0.0)
    return {"default": RecipeConfig(train=train, model=model, data=data, loss=loss, descent=UnrolledDescent(), mix=mix)}


# Fitted on validation clips, see docs/results/compact-dimp.md.
CONFIG = replace(DIMP, calibration=Calibration(scale=10.127, bias=-5.347), states=replace(DIMP.states, lost=0.125))

CARDS = (
    Card(
        name="compact-dimp",
        summary="study model: DiMP on the backbone of lockon-s",
        paper=DIMP_PAPER,
        model=CompactDiMPConfig(),
        build=build,
        torch_network=run,
        config=CONFIG,
        assemble=OnlineTracker,
        experiments=experiments,
    ),
    Card(
        name="lockon-s-dimp",
        summary="study model: lockon-s whose candidates compact-dimp's learner judges too; takes the weights of compact-dimp",
        paper="none; see docs/results/compact-dimp.md",
        config=LockonSDiMPConfig(),
        inner=Inner("compact-dimp"),
        assemble=beside_lockon_s,
    ),
)
