"""Alpha-Refine on ResNet-18, 34 or 50: every network that the paper's Tables 5, 6 and 8 compare.

Yan et al., CVPR 2021 (arXiv 2012.06815). The defaults are the released network: pixel-wise correlation, corner head, mask head; its
weights convert one to one.

The official scripts differ by benchmark; presets name them. "official" is what they do on LaSOT, GOT-10k and TrackingNet: crops and maps
of the published code, every frame refined and written back. They report boxes that are not clipped, but for SiamRPN++ and RT-MDNet
(``refine.clip=true``). "vot2020" makes masks around the tracker's own box, which is clipped and written back, but for those two trackers
(``refine.write_back=false``). Source: the scripts of MasterBin-IIAU/AlphaRefine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from lockon.errors import LockonError
from lockon.models.choices import Correlation, Edges, Pool, Reference, Start
from lockon.refiners.alpha_refine import AlphaRefiner, RefinerConfig
from lockon.zoo.card import NOTHING, Card, OfficialWeights

if TYPE_CHECKING:
    from torch import nn

    from lockon.models.refiner import RefinerModel
    from lockon.zoo.recipe_config import RecipeConfig

Kwargs: TypeAlias = Mapping[str, Any]

STRIDE = 16  # of the third layer
WIDTH = 64  # channels of the matched map


@dataclass(frozen=True, kw_only=True, slots=True)
class BoxRefinerConfig:
    """The choices that networks of this kind have in common.

    Attributes:
        fusion: How reference and search features are matched (Table 6).
        head: That gives the box (Table 5): corners, RPN style or RCNN style.
        mask: With the mask head (Table 5, "+m").
        reference: Features of the target: cut from the middle of the map, or pooled from its box; "published": as the code of each
            fusion does it: cut for "pixelwise", pooled for "depthwise" and "naive".
        rpn_edges: As `DenseBoxHead.edges`.
        rcnn_pool: As `PooledBoxHead.pool`.
        box_start: As `start` of both.
        size: Side of both crops in pixels, a multiple of 32.

    Raises:
        LockonError: A size that does not fit.
    """

    fusion: Correlation = "pixelwise"
    head: Literal["corner", "rpn", "rcnn"] = "corner"
    mask: bool = True
    reference: Literal["published"] | Reference = "published"
    rpn_edges: Edges = "offsets"
    rcnn_pool: Pool = "average"
    box_start: Start = "middle"
    size: int = 256

    def __post_init__(self) -> None:
        if self.size < 64 or self.size % 32:
            raise LockonError(f"size={self.size} given, expected a multiple of 32 from 64 on, for example size={type(self)().size}")

    @property
    def cells(self) -> int:
        """Cells per side of the reference: those of the target alone."""
        return self.size // (2 * STRIDE)

    @property
    def reference_features(self) -> Reference:
        """Where the features of the target come from."""
        if self.reference != "published":
            return self.reference
        return "crop" if self.fusion == "pixelwise" else "prroi"

    def box_head(self, channels: int, *, corner: Kwargs, dense: Kwargs = NOTHING, pooled: Kwargs = NOTHING) -> nn.Module:
        """Build the head with random weights, each kind with its own further arguments."""
        from lockon.models.heads.box_regression import DenseBoxHead, PooledBoxHead
        from lockon.models.heads.corner import CornerHead

        cells = self.size // STRIDE
        if self.head == "corner":
            return CornerHead(channels, cells=cells, stride=STRIDE, **corner)
        if self.head == "rpn":
            return DenseBoxHead(channels, cells=cells, stride=STRIDE, edges=self.rpn_edges, start=self.box_start, **dense)
        return PooledBoxHead(channels, cells=cells, stride=STRIDE, pool=self.rcnn_pool, start=self.box_start, **pooled)


@dataclass(frozen=True, kw_only=True, slots=True)
class AlphaRefineConfig(BoxRefinerConfig):
    """The choices of the network; the defaults are the released one.

    Attributes:
        depth: Of the ResNet (Table 8).
        post: 1x1 convolutions after the correlation.
        attention: Channel attention after them.
        non_local: A non-local block at the end.
        corner_middle: As `CornerHead.middle`.
        train_norms: Batch normalization of the backbone uses and updates the statistics of the batch, as published; small batches may
            prefer those of ImageNet.

    Raises:
        LockonError: Another depth; a size that does not fit; pixel-wise matching without `post` at another size than 256.
    """

    depth: int = 34
    post: bool = True
    attention: bool = True
    non_local: bool = False
    corner_middle: bool = False
    train_norms: bool = True

    def __post_init__(self) -> None:
        if self.depth not in (18, 34, 50):
            raise LockonError(f"depth={self.depth} given, expected 18, 34 or 50, for example depth=34")
        BoxRefinerConfig.__post_init__(self)
        if self.fusion == "pixelwise" and not self.post and self.cells**2 != WIDTH:
            raise LockonError(
                f"size={self.size} given, whose pixel-wise correlation has {self.cells**2} channels, not the {WIDTH} of the heads; "
                "use size=256, or leave post on"
            )


def build(c: AlphaRefineConfig) -> RefinerModel:
    """Build the network with random weights."""
    from lockon.models.backbones.resnet import ResNet
    from lockon.models.heads.segmentation import MaskDecoder
    from lockon.models.refiner import RefinerModel
    from lockon.models.refiner_fusion import RefinerFusion

    backbone = ResNet(c.depth, (3,), train_norms=c.train_norms)
    narrow = (64, 64, 128)
    taps = narrow if c.depth != 50 else (64, 256, 512)
    fusion = RefinerFusion(
        backbone.channels[0],
        reference_cells=c.cells,
        correlation=c.fusion,
        out=WIDTH,
        post=c.post,
        attention=c.attention,
        non_local=c.non_local,
    )
    return RefinerModel(
        backbone=backbone,
        fusion=fusion,
        head=c.box_head(WIDTH, corner={"middle": c.corner_middle}),
        mask_head=MaskDecoder(WIDTH, taps) if c.mask else None,
        size=c.size,
        reference_cells=c.cells,
        reference=c.reference_features,
        stride=STRIDE,
    )


def official_network(names: Iterable[str]) -> tuple[str, dict[str, object]]:
    """Return which network a published checkpoint holds, by the names of its tensors.

    Versions with a non-local block pooled the reference from its box; nothing in the names says so.

    Args:
        names: Official, as ``feature_extractor.conv1.weight``.

    Returns:
        Name of the card, and fields of its configuration that differ.

    Raises:
        LockonError: Names of no version of Alpha-Refine with a corner head.
    """
    found = set(names)
    if "feature_extractor.conv1.weight" not in found or "corner_head.conv1_tl.0.weight" not in found:
        raise LockonError(
            "the checkpoint has no feature_extractor with a corner_head; give a published one of Alpha-Refine: SEcmnet_ep0040-c.pth.tar"
        )

    def has(start: str) -> bool:
        return any(name.startswith(start) for name in found)

    depth = 50 if has("feature_extractor.layer1.0.conv3.") else 34 if has("feature_extractor.layer1.2.") else 18
    parts = {"mask": "mask_head.", "post": "neck.post_corr.", "attention": "neck.channel_attention."}
    changes: dict[str, object] = {field: False for field, start in parts.items() if not has(start)}
    if has("neck.spatial_attention."):
        changes |= {"non_local": True, "reference": "prroi"}
    return f"alpha-refine-r{depth}", changes


OFFICIAL = OfficialWeights(
    renames=(
        (r"^feature_extractor\.", "backbone."),
        (r"^neck\.post_corr\.", "fusion.post."),
        (r"^neck\.channel_attention\.fc1\.", "fusion.attention.squeeze."),
        (r"^neck\.channel_attention\.fc2\.", "fusion.attention.excite."),
        (r"^neck\.spatial_attention\.theta\.", "fusion.non_local.query."),
        (r"^neck\.spatial_attention\.phi\.0\.", "fusion.non_local.key."),
        (r"^neck\.spatial_attention\.g\.0\.", "fusion.non_local.value."),
        (r"^neck\.spatial_attention\.W\.", "fusion.non_local.out."),
        *(
            (rf"^corner_head\.conv{number}_{corner}\.", f"head.towers.{tower}.{number - 1}.")
            for tower, corner in enumerate(("tl", "br"))
            for number in (1, 2, 3, 4, 5)
        ),
        (r"^feat_adjust\.", "mask_head.adjust."),
        (r"^mask_head\.v(\d)\.", r"mask_head.lateral.\1."),
        (r"^mask_head\.h(\d)\.", r"mask_head.vertical.\1."),
        *((rf"^mask_head\.post{2 - level}\.", f"mask_head.merge.{level}.") for level in (0, 1, 2)),
    ),
    unused=(r"^feature_extractor\.(layer4|fc)\.",),  # the end of the ImageNet classifier
    parameters={"crop": {"pixel_centers": True}},  # the published training counted crop pixels from the centre of the first one
    detect=official_network,
)

_OFFICIAL = {"crop": "official-stretched-rule", "start": "unclipped-start"}
PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    "official": {**_OFFICIAL, "refine.clip": False, "refine.lost": True, "refine.official_start": True},
    "vot2020": {
        **_OFFICIAL,
        "mask_threshold": 0.65,
        "refine.box": "base",
        "refine.mask": True,
        "refine.clip_base": True,
        "refine.lost": True,
    },
}
PAPER = "Yan et al., Alpha-Refine: Boosting Tracking Performance by Precise Bounding Box Estimation, CVPR 2021 (arXiv 2012.06815)"


def experiments(depth: int) -> dict[str, RecipeConfig]:
    """Return the published runs of the network of a depth, see `lockon.zoo.refine_training`."""
    from lockon.zoo.refine_training import alpha_refine_experiments

    return alpha_refine_experiments(AlphaRefineConfig(depth=depth), AlphaRefineConfig(depth=depth, mask=False))


def _card(depth: int, which: str, *, licence: str = "", checkpoint: str = "") -> Card:
    return Card(
        name=f"alpha-refine-r{depth}",
        kind="refiner",
        summary=f"Alpha-Refine on ResNet-{depth}, {which}: corners and a mask of the target around a tracker's box",
        paper=PAPER,
        licence=licence,
        checkpoint=checkpoint,
        model=AlphaRefineConfig(depth=depth),
        build=build,
        official=OFFICIAL,
        config=RefinerConfig(),
        presets=PRESETS,
        assemble=AlphaRefiner,
        experiments=partial(experiments, depth),
    )


CARDS = (
    _card(18, "the fastest"),
    _card(
        34,
        "the published one",
        licence="released models: the terms of MasterBin-IIAU/AlphaRefine",
        checkpoint="MasterBin-IIAU/AlphaRefine README, SEcmnet_ep0040-c.pth.tar; lockon convert alpha-refine-r34 FILE OUT",
    ),
    _card(50, "the largest"),
)
