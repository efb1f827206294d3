"""OSTrack: a vision transformer over template and search crop at once, with or without elimination of search tokens.

Ye et al., Joint Feature Learning and Relation Modeling for Tracking: A One-Stream Framework, ECCV 2022 (arXiv 2203.11991). The networks
with and without elimination have the same weights: any checkpoint runs either way, by the name or by ``keep``.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from lockon.errors import LockonError, LockonWarning
from lockon.localizers.dense import LocalizerConfig
from lockon.localizers.rank import Product
from lockon.models.choices import CandidateElimination
from lockon.models.point_choices import TrackPointsConfig
from lockon.ops.crop_rules import OSTrackRule
from lockon.ops.grid import Grid
from lockon.target import CutToFrame, StatePolicy
from lockon.tracker import TrackerConfig
from lockon.zoo.card import Card, OfficialWeights

if TYPE_CHECKING:
    from torch import nn

    from lockon.models.one_stream import OneStreamModel
    from lockon.zoo.recipe_config import RecipeConfig

PAPER = "Ye et al., Joint Feature Learning and Relation Modeling for Tracking: A One-Stream Framework, ECCV 2022 (arXiv 2203.11991)"
PATCH = 16  # pixels per token and side


@dataclass(frozen=True, kw_only=True, slots=True)
class CenterBoxes:
    """The centre head.

    Attributes:
        hidden: Channels after its first convolution, a multiple of 8.
    """

    hidden: int = 256

    def build(self, channels: int, cells: int) -> nn.Module:
        """Build the head for (B, channels, cells, cells)."""
        from lockon.models.heads.center import CenterHead

        return CenterHead(channels, Grid(cells, PATCH, offset=0.0), hidden=self.hidden)


@dataclass(frozen=True, kw_only=True, slots=True)
class CornerBoxes:
    """The corner head: one box per crop, whose corners are the means of two heat maps, and no score.

    Attributes:
        hidden: Channels after its first convolution, a multiple of 8.
    """

    hidden: int = 256

    def build(self, channels: int, cells: int) -> nn.Module:
        """Build the head for (B, channels, cells, cells)."""
        from lockon.models.heads.corner import CornerHead

        return CornerHead(channels, cells=cells, stride=PATCH, hidden=self.hidden)


@dataclass(frozen=True, kw_only=True, slots=True)
class PointBoxes(TrackPointsConfig):
    """The head of RTrack: sets of points, which learn by `lockon.zoo.track_points_losses`."""

    def build(self, channels: int, cells: int) -> nn.Module:
        """Build the head for (B, channels, cells, cells)."""
        from lockon.models.heads.track_points import TrackPointsHead

        return TrackPointsHead(channels, grid=self.grid(cells, PATCH), config=self)


@dataclass(frozen=True, kw_only=True, slots=True)
class OSTrackConfig:
    """The network; the defaults are ViT-B. ViT-S is channels=384, heads=6, ViT-Ti channels=192, heads=3, both with 12 blocks.

    Attributes:
        channels: Width of the transformer, a multiple of `heads`.
        depth: Its blocks.
        heads: Heads of its attention.
        template_size: Side of the template crop in pixels, a multiple of 16.
        search_size: Side of the search crop in pixels, a multiple of 16.
        elimination: Which search tokens leave, None: none.
        head: `CenterBoxes`; `CornerBoxes`, which learns by the losses of boxes alone (loss.cls.weight=0); or `PointBoxes`.
        drop_path: Chance in training that a sample skips the last block; those before rise evenly to it.

    Raises:
        LockonError: A size that is no multiple of 16, heads that do not divide the width, or a chance outside [0, 1).
    """

    channels: int = 768
    depth: int = 12
    heads: int = 12
    template_size: int = 128
    search_size: int = 256
    elimination: CandidateElimination | None = None
    head: CenterBoxes | CornerBoxes | PointBoxes = CenterBoxes()
    drop_path: float = 0.1

    def __post_init__(self) -> None:
        for name in ("template_size", "search_size"):
            value = getattr(self, name)
            if value < PATCH or value % PATCH:
                raise LockonError(f"{name}={value} given, expected a multiple of {PATCH}, for example {name}=256")
        for name in ("channels", "depth", "heads"):
            if getattr(self, name) < 1:
                raise LockonError(f"{name}={getattr(self, name)} given, expected at least 1")
        if self.channels % self.heads:
            raise LockonError(f"channels={self.channels} given, expected a multiple of heads={self.heads}")
        if self.elimination is not None and self.elimination.blocks and self.elimination.blocks[-1] >= self.depth:
            last = self.elimination.blocks[-1]
            raise LockonError(f"elimination.blocks ends with {last}, expected blocks from 0 to {self.depth - 1}: depth={self.depth}")
        if not 0 <= self.drop_path < 1:
            raise LockonError(f"drop_path={self.drop_path} given, expected at least 0 and below 1")


def build(c: OSTrackConfig) -> OneStreamModel:
    """Build the network with random weights."""
    from lockon.models.backbones.vit import JointEncoder, PatchEmbedding, ViTSize
    from lockon.models.one_stream import OneStreamModel

    cells = c.search_size // PATCH
    encoder = JointEncoder(
        ViTSize(c.channels, c.depth, c.heads), c.template_size // PATCH, cells, elimination=c.elimination, drop_path=c.drop_path
    )
    return OneStreamModel(
        backbone=PatchEmbedding(c.channels),
        encoder=encoder,
        head=c.head.build(c.channels, cells),
        template_size=c.template_size,
        search_size=c.search_size,
    )


def _head_renames() -> tuple[tuple[str, str], ...]:
    """Return the names of the centre head: convolutions count from 1, the last one is the 1x1."""
    branches = {"ctr": "score", "offset": "offset", "size": "size"}
    return tuple((rf"^box_head\.conv{n + 1}_{theirs}\.", f"head.{ours}.{n}.") for theirs, ours in branches.items() for n in range(5))


def fitted_positions(weights: Mapping[str, Any], expected: Mapping[str, Any]) -> dict[str, Any]:
    """Return weights whose position embeddings have as many tokens as the network; those of other crop sizes are resized, with a warning.

    Raises:
        LockonError: Patches of another size than the network's.
    """
    from lockon.models.backbones.pretrained_vit import check_patches, resized_positions

    check_patches(weights.get("backbone.proj.weight"), "the checkpoint")
    fitted = dict(weights)
    for name, crop in (("encoder.pos_z", "template"), ("encoder.pos_x", "search")):
        given, wanted = weights.get(name), expected[name]
        if given is not None and given.ndim == 3 and given.shape[1] != wanted.shape[1]:
            fitted[name] = resized_positions(given, wanted.shape[1])
            sides = [int(PATCH * count**0.5) for count in (given.shape[1], wanted.shape[1])]
            warnings.warn(
                f"the checkpoint's {crop} crop has {sides[0]} pixels, this network's {sides[1]}: its positions are resized "
                f"from {given.shape[1]} to {wanted.shape[1]} tokens; train some epochs more, or set {crop}_size={sides[0]}",
                LockonWarning,
                stacklevel=2,
            )
    return fitted


OFFICIAL = OfficialWeights(
    renames=(
        (r"^backbone\.patch_embed\.proj\.", "backbone.proj."),
        (r"^backbone\.pos_embed_([zx])$", r"encoder.pos_\1"),
        (r"^backbone\.(blocks|norm)\.", r"encoder.\1."),
        *_head_renames(),
    ),
    unused=(r"backbone\.cls_token$", r"backbone\.pos_embed$"),
    adapt=fitted_positions,
)


def tracker_config(search_factor: float) -> TrackerConfig:
    """Return the parameters of the preset "default".

    The score times a Hann window decides, the size is taken at once, boxes are cut to the frame with a margin of 10 pixels. Nobody
    calibrated the scores: they name the state, and nothing else depends on them, as in the official tracker. That one also maps boxes as
    if the window had not been rounded to whole pixels, and does not clip the start box: see the preset "official".
    """
    return TrackerConfig(
        template_crop=OSTrackRule(factor=2.0),
        search_crop=OSTrackRule(factor=search_factor),
        localizer=LocalizerConfig(rank=Product(), size_lr=1.0),
        states=StatePolicy(absent_score=0.0, search_growth=1.0, min_size=10.0, bounds=CutToFrame()),
    )


PRESETS: Mapping[str, Mapping[str, Any]] = {"default": {}, "official": {"start": "unclipped-start", "search_crop.unrounded": True}}


def experiments(model: OSTrackConfig) -> dict[str, RecipeConfig]:
    """Return OSTrack's run with all data, and that for GOT-10k's one-shot protocol."""
    from lockon.train.keep_schedules import CosineKeep
    from lockon.zoo.dense_losses import CENTER
    from lockon.zoo.one_stream_training import one_stream_experiments

    if model.elimination is None:
        return one_stream_experiments(model, CENTER)
    return one_stream_experiments(model, CENTER, CosineKeep(), CosineKeep(warm_epochs=50))


def _card(name: str, model: OSTrackConfig, config: str, search_factor: float) -> Card:
    """Return the card of one of the four published trackers."""
    tokens = "all search tokens" if model.elimination is None else "fewer search tokens from block to block"
    return Card(
        name=name,
        summary=f"OSTrack: ViT-B over template and search crop at once, {model.search_size} pixels, {tokens}; centre head",
        paper=PAPER,
        licence="released models: the terms of botaoye/OSTrack (MIT)",
        checkpoint=f"botaoye/OSTrack README, {config}/OSTrack_ep0300.pth.tar; lockon convert {name} OSTrack_ep0300.pth.tar OUT",
        model=model,
        build=build,
        official=OFFICIAL,
        config=tracker_config(search_factor),
        presets=PRESETS,
        experiments=partial(experiments, model),
    )


_SMALL, _LARGE = OSTrackConfig(), OSTrackConfig(template_size=192, search_size=384)
_SPARSE = CandidateElimination()
CARDS = (
    _card("ostrack256", _SMALL, "vitb_256_mae_32x4_ep300", 4.0),
    _card("ostrack256-ce", replace(_SMALL, elimination=_SPARSE), "vitb_256_mae_ce_32x4_ep300", 4.0),
    _card("ostrack384", _LARGE, "vitb_384_mae_32x4_ep300", 5.0),
    _card("ostrack384-ce", replace(_LARGE, elimination=_SPARSE), "vitb_384_mae_ce_32x4_ep300", 5.0),
)
