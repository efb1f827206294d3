"""Compact one-stream trackers for controlled studies: OSTrack and RTrack on lockon-s's backbone in place of a ViT-B, for CPUs.

EfficientNet-Lite0 at stride 16, template 112, search 224 pixels: 7 x 7 and 14 x 14 tokens. A few transformer blocks let them see each
other; the head is OSTrack's, with a score, an offset and a size per cell, or RTrack's TrackPoints. The backbone stays as ImageNet left it,
as a patch embedding that needs no pre-training of ours. Samples, crops and inference parameters are those of `lockon.zoo.compact`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from lockon._config_values import check_field
from lockon.config import apply_overrides
from lockon.errors import LockonError
from lockon.models.choices import CandidateElimination
from lockon.models.point_choices import TrackPointsConfig
from lockon.zoo.card import Card
from lockon.zoo.compact import INFERENCE
from lockon.zoo.lockon_s import STRIDE, StrideConfig
from lockon.zoo.ostrack import PAPER as OSTRACK_PAPER
from lockon.zoo.rtrack import PAPER as RTRACK_PAPER

if TYPE_CHECKING:
    from torch import nn

    from lockon.models.one_stream import OneStreamModel
    from lockon.zoo.recipe_config import RecipeConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class CenterCells:
    """The centre head, whose points are the cells' centres.

    Attributes:
        hidden: Channels after its first convolution, a multiple of 8.

    Raises:
        LockonError: If `hidden` is no multiple of 8.
    """

    hidden: int = 64

    def __post_init__(self) -> None:
        check_field(self, "hidden", self.hidden >= 8 and self.hidden % 8 == 0, "a multiple of 8")


@dataclass(frozen=True, kw_only=True, slots=True)
class CompactOneStreamConfig(StrideConfig):
    """The network.

    Attributes:
        depth: Blocks of the transformer, whose width is `channels`.
        heads: Heads of its attention, which divide `channels`.
        elimination: Which search tokens leave, None: none.
        head: `CenterCells` (OSTrack) or `TrackPointsConfig` (RTrack).

    Raises:
        LockonError: As of `StrideConfig`; a number out of its range.
    """

    depth: int = 4
    heads: int = 4
    elimination: CandidateElimination | None = None
    head: CenterCells | TrackPointsConfig = CenterCells()

    def __post_init__(self) -> None:
        StrideConfig.__post_init__(self)
        for name in ("depth", "heads"):
            check_field(self, name, getattr(self, name) >= 1, "1 or more")
        check_field(self, "channels", self.channels % self.heads == 0, f"a multiple of heads={self.heads}")
        if self.elimination is not None and self.elimination.blocks and self.elimination.blocks[-1] >= self.depth:
            last = self.elimination.blocks[-1]
            raise LockonError(f"elimination.blocks ends with {last}, expected blocks from 0 to {self.depth - 1}: depth={self.depth}")


def build(c: CompactOneStreamConfig) -> OneStreamModel:
    """Build the network with random weights."""
    from lockon.models.backbones.inverted_residual import efficientnet_lite0
    from lockon.models.backbones.vit import JointEncoder, ViTSize
    from lockon.models.one_stream import OneStreamModel

    trunk = efficientnet_lite0()
    size, cells = ViTSize(c.channels, c.depth, c.heads), (c.template_size // STRIDE, c.search_size // STRIDE)
    return OneStreamModel(
        backbone=trunk,
        encoder=JointEncoder(size, *cells, inputs=trunk.channels, elimination=c.elimination),
        head=_head(c),
        template_size=c.template_size,
        search_size=c.search_size,
    )


def _head(c: CompactOneStreamConfig) -> nn.Module:
    from lockon.models.heads.center import CenterHead
    from lockon.models.heads.track_points import TrackPointsHead

    if isinstance(c.head, CenterCells):
        return CenterHead(c.channels, c.grid, hidden=c.head.hidden)
    return TrackPointsHead(c.channels, grid=c.head.grid(c.grid.size, STRIDE), config=c.head)


def experiments(model: CompactOneStreamConfig) -> dict[str, RecipeConfig]:
    """Return the run of one of the networks, with the losses of its family.

    The learning rate is constant after a short warm-up and the weights are averaged, so that a run's weights after any number of updates
    are those of a run of that length.
    """
    from lockon.data.samples.pairs import PairDataConfig
    from lockon.zoo.lockon_s_data import SourceWeights
    from lockon.zoo.recipe_config import SMALL_TRAIN, RecipeConfig

    changes = {
        "steps": 4000,
        "batch_size": 64,
        "optimizer.learning_rate": 5e-4,
        "optimizer.weight_decay": 1e-4,
        "schedule.warmup_steps": 100,
        "schedule.final_lr_ratio": 1.0,
        "unfreeze": ((0.0, 0),),
        "output.validate_every": 4000,
    }
    train = apply_overrides(SMALL_TRAIN, changes)
    return {"default": RecipeConfig(train=train, model=model, data=PairDataConfig(), mix=SourceWeights(), **_learnt(model))}


def _learnt(model: CompactOneStreamConfig) -> dict[str, Any]:
    from lockon.zoo.dense_losses import CENTER
    from lockon.zoo.track_points_losses import TRACK_POINTS

    return CENTER if isinstance(model.head, CenterCells) else TRACK_POINTS


def _card(name: str, summary: str, paper: str, model: CompactOneStreamConfig) -> Card:
    """Return the card of a compact one-stream tracker; all but network and losses is equal."""
    return Card(
        name=name,
        summary=f"study model: {summary} on the backbone of lockon-s and a small joint transformer",
        paper=paper,
        model=model,
        build=build,
        config=INFERENCE,
        experiments=partial(experiments, model),
        header_fields=("template_crop", "search_crop"),
    )


CARDS = (
    _card("compact-ostrack", "OSTrack's head", OSTRACK_PAPER, CompactOneStreamConfig()),
    _card("compact-rtrack", "RTrack's head", RTRACK_PAPER, CompactOneStreamConfig(head=TrackPointsConfig(widths=(64, 64, 64)))),
)
