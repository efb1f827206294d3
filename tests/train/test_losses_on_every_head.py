"""Which losses and labels learn on which dense head, the table of docs/guides/losses.md: two updates each."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from tiny_heads import CELLS, OURS, SIZE, anchored, batch, dense_task, learn, tiny  # noqa: E402

from lockon.config import apply_overrides  # noqa: E402
from lockon.errors import LockonError  # noqa: E402
from lockon.models.fusion import PixelwiseFusion  # noqa: E402
from lockon.models.heads.ban import BANHead  # noqa: E402
from lockon.models.heads.car import CARHead  # noqa: E402
from lockon.models.heads.center import CenterHead  # noqa: E402
from lockon.models.heads.track_points import TrackPointsHead  # noqa: E402
from lockon.models.point_choices import TrackPointsConfig  # noqa: E402
from lockon.models.siamese import SiameseModel  # noqa: E402
from lockon.ops.grid import Grid  # noqa: E402
from lockon.train.assigners.anchor_iou import AnchorIoUAssigner  # noqa: E402
from lockon.train.assigners.ellipse import EllipseAssigner  # noqa: E402
from lockon.train.assigners.max_iou import MaxIoUAssigner  # noqa: E402
from lockon.train.assigners.one_to_many import OneToManyAssigner  # noqa: E402
from lockon.train.assigners.one_to_one import OneToOneAssigner  # noqa: E402
from lockon.train.assigners.overlaps import InitBoxes, OwnBoxes  # noqa: E402
from lockon.zoo.dense_losses import BAN, CAR, CENTER, RPN, BanLosses, CarLosses, CellLosses, CenterLosses, PointLosses, RpnLosses  # noqa: E402
from lockon.zoo.track_points_losses import TRACK_POINTS, TrackPointsLosses  # noqa: E402

GRID = Grid(CELLS, 16)


def network(head, *, fused: bool = True) -> SiameseModel:
    fusion = PixelwiseFusion(16, template_cells=9, out=16) if fused else None
    return SiameseModel(backbone=tiny().backbone, neck=None, fusion=fusion, head=head, template_size=48, search_size=SIZE)


HEADS = {
    "point": (tiny, OURS),
    "rpn": (anchored, RPN),
    "ban": (lambda: network(BANHead(1, 16, GRID, padding=True, unit=16.0), fused=False), BAN),
    "car": (lambda: network(CARHead(1, 16, GRID, padding=True, unit=16.0), fused=False), CAR),
    "center": (lambda: network(CenterHead(16, Grid(CELLS, 16, offset=0), hidden=16)), CENTER),
    "track points": (lambda: network(TrackPointsHead(16, grid=GRID, config=TrackPointsConfig(widths=(16,)))), TRACK_POINTS),
}


@pytest.mark.parametrize("losses", [RpnLosses, BanLosses, CarLosses, CellLosses, PointLosses, CenterLosses, TrackPointsLosses])
def test_every_group_of_losses_has_the_affinity(losses) -> None:
    assert losses().affinity.weight == (0.5 if losses is TrackPointsLosses else 0.0)
    assert apply_overrides(losses(), {"affinity.weight": "0.25", "affinity.correlation": "pearson"}).affinity.weight == 0.25


@pytest.mark.parametrize("assigner", [None, OneToOneAssigner(), OneToManyAssigner(), MaxIoUAssigner()])
@pytest.mark.parametrize("name", HEADS)
def test_every_head_learns_by_labels_that_follow_boxes_with_the_affinity(name: str, assigner) -> None:
    make, what = HEADS[name]
    module = make()
    if isinstance(assigner, OneToManyAssigner | MaxIoUAssigner):
        assigner = type(assigner)(boxes=InitBoxes() if name == "track points" else OwnBoxes())
    loss = apply_overrides(what["loss"], {"affinity.weight": 0.5})
    learnt = {**what, "loss": loss, "assigner": assigner or what["assigner"]}
    totals, losses = learn(dense_task(module, learnt), batch(side=32 if name == "point" else 48), steps=2)
    assert "affinity" in losses
    assert all(torch.isfinite(torch.tensor(totals)))
    assert all(torch.isfinite(parameter).all() for parameter in module.parameters())


ON_POINTS = ("weighted-cross-entropy", "dynamic-labels", "smoothed-labels", "gaussian-focal", "regressive-focal")
TERMS = {
    **{name: {"cls": name} for name in ("balanced-cross-entropy", "balanced-focal", "quality-focal", *ON_POINTS)},
    "ranking": {"rank_cls.weight": 0.5, "ranking.weight": 0.25},
    "paper's ranking": {
        "rank_cls": "paper-classification-ranking",
        "ranking": "paper-iou-ranking",
        "rank_cls.weight": 0.5,
        "ranking.weight": 0.25,
    },
    "hard": {"hard.weight": 1.0},
    "quality": {"quality": "localization-quality", "quality.weight": 1.0},
}


def impossible(name: str, term: str) -> bool:
    """Anchors take no labels of points; a quality needs a branch."""
    return (name == "rpn" and term in ON_POINTS) or (term == "quality" and name not in ("point", "car"))


@pytest.mark.parametrize("term", TERMS)
@pytest.mark.parametrize("name", HEADS)
def test_every_head_learns_by_every_loss_that_it_can_have(name: str, term: str) -> None:
    make, what = HEADS[name]
    several = AnchorIoUAssigner(0.2, 0.1) if name == "rpn" else EllipseAssigner(inner=1.2, outer=1.2)  # on small targets
    if impossible(name, term):
        with pytest.raises(LockonError):
            apply_overrides(what["loss"], TERMS[term])
        return
    loss = apply_overrides(what["loss"], TERMS[term])
    module = tiny(quality=True) if (name, term) == ("point", "quality") else make()
    before = {key: value.clone() for key, value in module.head.named_parameters()}
    task = dense_task(module, {**what, "loss": loss, "assigner": several})
    _, losses = learn(task, batch(side=32 if name == "point" else 48), steps=2)
    assert all(torch.isfinite(value) for value in losses.values())
    assert any(not torch.equal(value, before[key]) for key, value in module.head.named_parameters() if "cls" in key or "score" in key)
    assert all(torch.isfinite(parameter).all() for parameter in module.parameters())
    if "ranking" in term:
        assert losses["rank_score"] > 0
        assert losses["rank_iou"] > 0
