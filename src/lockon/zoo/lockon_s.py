"""lockon-s, the default tracker: a small Siamese network for CPUs.

Backbone at stride 16 (EfficientNet-Lite0 or MobileNetV2), template matched with the search region, an anchor-free head whose score is
its foreground probability times the IoU that it predicts for its own box. Every number that defines the network is a literal below;
its inference parameters lie in the header of its weights.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from lockon.errors import LockonError
from lockon.models.point_choices import TrackPointsConfig
from lockon.ops.grid import Grid
from lockon.tracker import TrackerConfig
from lockon.zoo.card import Card

if TYPE_CHECKING:
    from torch import nn

    from lockon.models.siamese import SiameseModel
    from lockon.zoo.recipe_config import RecipeConfig

STRIDE = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class StrideConfig:
    """The choices that networks on this backbone have in common.

    Attributes:
        channels: Width of neck and head.
        template_size: Side of the template crop in pixels, a multiple of the stride 16.
        search_size: Side of the search crop in pixels, likewise.

    Raises:
        LockonError: A crop side that is no multiple of 16.
    """

    channels: int = 128
    template_size: int = 112
    search_size: int = 224

    def __post_init__(self) -> None:
        for name in ("template_size", "search_size"):
            side = getattr(self, name)
            if side < STRIDE or side % STRIDE:
                raise LockonError(f"{name}={side} given, expected a multiple of 16 (the backbone's stride), for example {name}=112")

    @property
    def grid(self) -> Grid:
        """The candidate points of the search crop."""
        return Grid(self.search_size // STRIDE, STRIDE)


@dataclass(frozen=True, kw_only=True, slots=True)
class LockonSConfig(StrideConfig):
    """The choices of the network that were compared (see docs/results/lockon-s.md); the defaults are the released one.

    Attributes:
        backbone: Trunk at stride 16.
        matching: Of template and search.
        head: "point": distances to the four sides at every point. "track-points": sets of points (RTrack), without an IoU branch.
        quality: Adds a separate IoU branch to the head "point".
        depth: Convolutions of its towers.
        kernel: Side of their kernels.
        points: Choices of the head "track-points".
    """

    backbone: Literal["efficientnet-lite0", "mobilenet-v2"] = "efficientnet-lite0"
    matching: Literal["pixelwise", "depthwise"] = "pixelwise"
    head: Literal["point", "track-points"] = "point"
    quality: bool = True
    depth: int = 4
    kernel: int = 3
    points: TrackPointsConfig = TrackPointsConfig(widths=(128, 128))


def build(c: LockonSConfig) -> SiameseModel:
    """Build the network with random weights."""
    from lockon.models.backbones.inverted_residual import efficientnet_lite0, mobilenet_v2
    from lockon.models.fusion import DepthwiseFusion, PixelwiseFusion
    from lockon.models.heads.point import PointHead
    from lockon.models.heads.track_points import TrackPointsHead
    from lockon.models.neck import projection
    from lockon.models.siamese import SiameseModel

    trunk = efficientnet_lite0() if c.backbone == "efficientnet-lite0" else mobilenet_v2()
    neck = projection(trunk.channels, c.channels)
    cells = (c.template_size // STRIDE) ** 2
    pixelwise = c.matching == "pixelwise"
    fusion = PixelwiseFusion(c.channels, template_cells=cells, out=c.channels) if pixelwise else DepthwiseFusion(c.channels, out=c.channels)
    head: nn.Module
    if c.head == "point":
        head = PointHead(c.channels, grid=c.grid, depth=c.depth, kernel=c.kernel, quality=c.quality)
    else:
        head = TrackPointsHead(c.channels, grid=c.points.grid(c.grid.size, STRIDE), config=c.points)
    return SiameseModel(backbone=trunk, neck=neck, fusion=fusion, head=head, template_size=c.template_size, search_size=c.search_size)


def experiments() -> dict[str, RecipeConfig]:
    """Return the run that the released weights come from, and one with sets of points in place of the four sides."""
    from lockon.data.samples.pairs import PairDataConfig
    from lockon.train.assigners.ellipse import EllipseAssigner
    from lockon.train.assigners.sampling import EVERYTHING
    from lockon.train.losses.focal import QualityFocal
    from lockon.zoo.dense_losses import PointLosses
    from lockon.zoo.lockon_s_data import SourceWeights
    from lockon.zoo.recipe_config import SMALL_TRAIN, RecipeConfig, TeacherConfig
    from lockon.zoo.track_points_losses import TRACK_POINTS

    default = RecipeConfig(
        train=SMALL_TRAIN,
        model=LockonSConfig(),
        data=PairDataConfig(),
        loss=PointLosses(cls=QualityFocal(target="hard")),
        assigner=EllipseAssigner(inner=0.28),
        sampling=EVERYTHING,
        mix=SourceWeights(),
        teacher=TeacherConfig(),
    )
    return {"default": default, "track-points": replace(default, model=LockonSConfig(head="track-points"), teacher=None, **TRACK_POINTS)}


CARDS = (
    Card(
        name="lockon-s",
        summary="the default: small Siamese tracker for CPUs, weights in the package",
        paper="none; see docs/results/lockon-s.md",
        embedded=True,
        model=LockonSConfig(),
        build=build,
        config=TrackerConfig(),
        experiments=experiments,
    ),
)
