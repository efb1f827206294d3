"""The choices that networks' parts offer, without torch, so that configurations can name them where torch is absent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lockon.errors import LockonError

Matching = Literal["depthwise", "up-channel"]  # of template and search features, in `heads.rpn`
Branch = Literal["centerness", "localization", "none"]  # what `heads.car` multiplies its scores by
Correlation = Literal["pixelwise", "depthwise", "naive"]  # of reference and search features, in `refiner_fusion`
Reference = Literal["crop", "prroi"]  # how `refiner` takes the target's features from the reference map
Start = Literal["middle", "zero"]  # where the boxes of `heads.box_regression` begin
Edges = Literal["offsets", "distances"]  # what `DenseBoxHead` predicts
Offline = Literal["ofc5s", "ofc1s", "ofr", "none"]  # scores of `heads.dual_modal`: of five anchors a point, of one, of the point itself
Online = Literal["onr", "onc1s", "onc5s", "none"]  # filters of `dual_modal`: one, one, or one for each of five anchors
Pool = Literal["average", "convolution"]  # how `PooledBoxHead` makes a vector of the map


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalizationConfig:
    """Configuration of the localization branch in `heads.localization`: what the paper states, and what it leaves open.

    Attributes:
        non_local: The localization-aware non-local block (Eq. 9); without it Table VI's second row.
        aggregation: Features of the five points of each box (Fig. 5); without it each location has its own alone, Table VI's third row.
        order: Order of the two. The text names aggregation first and then states that the non-local block strengthens the
            features at the corners, which it can only before they are read.
        source: The branch's input: the fused map, or the output of the box tower, which the branch then trains too.
        depth: Number of 3x3 convolutions with group normalization and ReLU before both blocks, as the other branches have 4; 0: none.
        normalize: With depth 0, a group normalization in their place. The fused map has no scale of its own, and the softmax of large
            products selects one cell only. The paper does not mention it.
        position: Add the embedding of the correlation (Eq. 8) to queries and keys; without it a plain non-local block.
        levels: Correlation in Eq. 8: "sum": one map of all levels; "separate": one each, weighed by the embedding.
        inner: Channels of queries, keys and values; None: half of C.
        scaled: Divide the products of queries and keys by sqrt(inner); Eq. 9 does not.
        center: The first of the five points: the centre of the box, or the location that predicts it.
        fuse: Fusion of the five vectors: "concat": side by side, then a 1x1 convolution to C channels and a ReLU; "sum": their sum.

    Raises:
        LockonError: A negative depth, or fewer than one inner channel.
    """

    non_local: bool = True
    aggregation: bool = True
    order: Literal["non-local-first", "aggregation-first"] = "non-local-first"
    source: Literal["fused", "box-tower"] = "fused"
    depth: int = 0
    normalize: bool = True
    position: bool = True
    levels: Literal["sum", "separate"] = "sum"
    inner: int | None = None
    scaled: bool = False
    center: Literal["box", "location"] = "box"
    fuse: Literal["concat", "sum"] = "concat"

    def __post_init__(self) -> None:
        if self.depth < 0:
            raise LockonError(f"depth={self.depth} given, expected at least 0, for example depth=4")
        if self.inner is not None and self.inner < 1:
            raise LockonError(f"inner={self.inner} given, expected at least 1, or none for half of the channels")


@dataclass(frozen=True, kw_only=True, slots=True)
class CandidateElimination:
    """Which search tokens a joint encoder keeps (Ye et al., OSTrack, ECCV 2022, Sec. 3.3).

    Attributes:
        blocks: Numbers of the blocks, counted from 0, after whose attention tokens leave.
        keep: Share of the tokens at hand that stays each time, rounded up.

    Raises:
        LockonError: A share outside (0, 1], or block numbers that are negative or do not rise.
    """

    blocks: tuple[int, ...] = (3, 6, 9)
    keep: float = 0.7

    def __post_init__(self) -> None:
        if not 0 < self.keep <= 1:
            raise LockonError(f"keep={self.keep} given, expected above 0 and at most 1, for example keep=0.7")
        if any(block < 0 for block in self.blocks) or list(self.blocks) != sorted(set(self.blocks)):
            raise LockonError(f"blocks={self.blocks} given, expected numbers from 0 that rise, for example blocks=3,6,9")


__all__ = [
    "Branch",
    "CandidateElimination",
    "Correlation",
    "Edges",
    "LocalizationConfig",
    "Matching",
    "Offline",
    "Online",
    "Pool",
    "Reference",
    "Start",
]
