"""The published sets of losses, assigner and sampling, and their settings from the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.config import apply_overrides, as_json  # noqa: E402
from lockon.errors import LockonError  # noqa: E402
from lockon.train.assigners.anchor_iou import AnchorIoUAssigner  # noqa: E402
from lockon.train.assigners.ellipse import EllipseAssigner  # noqa: E402
from lockon.train.assigners.rectangle import RectangleAssigner  # noqa: E402
from lockon.train.assigners.sampling import EVERYTHING, SamplingConfig  # noqa: E402
from lockon.train.losses.cross_entropy import BalancedCrossEntropy  # noqa: E402
from lockon.train.losses.deltas import DeltaL1  # noqa: E402
from lockon.train.losses.dynamic_labels import DynamicLabels, SmoothedLabels  # noqa: E402
from lockon.train.losses.focal import QualityFocal  # noqa: E402
from lockon.train.losses.iou import IoULoss  # noqa: E402
from lockon.train.losses.localization import LocalizationQuality  # noqa: E402
from lockon.train.losses.pair_ranking import IoURanking, PaperIoURanking  # noqa: E402
from lockon.train.losses.quality import CenternessQuality  # noqa: E402
from lockon.train.losses.ranking import ClassificationRanking, PaperClassificationRanking  # noqa: E402
from lockon.zoo.dense_losses import (  # noqa: E402
    BAN,
    CAR,
    LA,
    PW,
    RPN,
    BanLosses,
    CarLosses,
    MaskLosses,
    PointLosses,
    RpnLosses,
    ranked_points,
    ranked_rpn,
)

EVERY = (RpnLosses(), MaskLosses(), BanLosses(), CarLosses(), PointLosses())


def test_ranking_is_off_unless_asked_for() -> None:
    for loss in EVERY:
        assert (loss.rank_cls.weight, loss.ranking.weight, loss.hard.weight) == (0, 0, 0)


def test_paper_weights() -> None:
    """1 : 0.5 : 0.25, alpha 0.5, beta 4, gamma 3 (Sec. 3.4 and 4)."""
    for loss in (ranked_points(), ranked_rpn()["loss"]):
        assert (loss.cls.weight, loss.rank_cls.weight, loss.ranking.weight) == (1, 0.5, 0.25)
        assert (loss.rank_cls.alpha, loss.rank_cls.beta, loss.ranking.gamma) == (0.5, 4, 3)
        assert (type(loss.rank_cls), type(loss.ranking)) == (ClassificationRanking, IoURanking)


def test_box_losses_of_the_papers() -> None:
    """L1 on codes times 1.2; linear IoU times 1.0. Ranking does not change them."""
    for what in (RPN, ranked_rpn()):
        assert what["loss"].box == DeltaL1(weight=1.2)
    for loss in (BAN["loss"], PW["loss"], ranked_points()):
        assert loss.box == IoULoss(kind="linear_iou", smooth=1.0, weight=1.0)


def test_negatives_that_ranking_sees() -> None:
    """Anchors: all negatives, with the cross entropy on 48 per batch (code). Points: the sampled ones."""
    official = ranked_rpn()
    assert (official["loss"].rank_cls.all_negatives, official["sampling"].scope, official["sampling"].negatives) == (True, "batch", 48)
    assert not ranked_points().rank_cls.all_negatives
    for what, pair in ((BAN, 16), (PW, None), (RPN, 16)):
        assert what["sampling"] == SamplingConfig(positives=16, negatives=48, negative_pair=pair, scope="image")


def test_assigners_of_the_papers() -> None:
    assert RPN["assigner"] == AnchorIoUAssigner(positive=0.6, negative=0.3, window=7)
    for what in (BAN, PW):
        assert what["assigner"] == EllipseAssigner(inner=0.25, outer=0.5, nearest=False, negative_pairs="near")
    assert (CAR["assigner"], CAR["sampling"]) == (RectangleAssigner(inner=0.2, nearest=False), EVERYTHING)
    assert (LA["assigner"], LA["sampling"]) == (RectangleAssigner(inner=0.2, nearest=False, boundary=0.5), EVERYTHING)


def test_losses_of_siamcar_and_siamla() -> None:
    """1 cls + 3 box + 1 centre-ness, boxes by centre-ness; SiamLA (Eq. 2, 11): all weights 1, boxes alike."""
    assert (CAR["loss"].cls, CAR["loss"].quality) == (BalancedCrossEntropy(skip_single=True), CenternessQuality())
    assert CAR["loss"].box == IoULoss(kind="iou", smooth=1.0, centerness=True, weight=3.0)
    assert (LA["loss"].box, LA["loss"].quality) == (IoULoss(kind="iou", smooth=1.0), LocalizationQuality(negatives=1))
    c = LA["loss"].cls
    assert (c.map, c.alpha, c.beta, c.smoothing, c.normalize, c.order) == ("sigmoid", 0.5, 10, 0.2, True, "power-first")
    assert c == DynamicLabels(weight=1.0)


def test_losses_of_lockons_own_networks() -> None:
    c = PointLosses()
    assert (c.cls.weight, c.box.weight, c.corner.weight, c.quality.weight, c.teacher.weight) == (1, 2, 0.5, 1, 0)
    assert (c.cls, c.box.kind, c.box.smooth) == (QualityFocal(target="iou", positive_weight=2.0), "giou", 0)


@dataclass(frozen=True)
class Settings:
    loss: Any
    assigner: Any
    sampling: SamplingConfig


def test_from_the_command_line() -> None:
    found = apply_overrides(PointLosses(), {"rank_cls.weight": "0.5", "rank_cls.hard_negatives": "threshold", "ranking.gamma": "5"})
    assert found.rank_cls == ClassificationRanking(hard_negatives="threshold")
    assert found.ranking == IoURanking(weight=0.0, gamma=5)
    assert apply_overrides(Settings(**RPN), {"sampling.negatives": "none"}).sampling.negatives is None
    with pytest.raises(LockonError, match=r"ranking\.gamma"):
        apply_overrides(RpnLosses(), {"ranking.gamma": "0"})
    with pytest.raises(LockonError, match=r"box\.weight must be 0 or more, got -1.0"):
        apply_overrides(RpnLosses(), {"box.weight": "-1"})
    with pytest.raises(LockonError, match=r"box\.smooth must be above 0 with kind=iou"):
        apply_overrides(PointLosses(), {"box.kind": "iou"})


def test_the_papers_parts_by_name() -> None:
    found = apply_overrides(
        ranked_points(), {"rank_cls": "paper-classification-ranking", "ranking": "paper-iou-ranking", "ranking.gamma": "4"}
    )
    assert (found.rank_cls, found.ranking) == (PaperClassificationRanking(), PaperIoURanking(gamma=4))
    kept = apply_overrides(ranked_rpn()["loss"], {"rank_cls": "paper-classification-ranking", "ranking": "rank-det-net"})
    assert kept.rank_cls.all_negatives  # what both parts have stays
    assert (kept.ranking.weight, apply_overrides(BanLosses(), {"ranking": "rank-det-net"}).ranking.weight) == (0.25, 0)


def test_parts_of_siamla_from_the_command_line() -> None:
    for loss in (BanLosses(), CarLosses(), PointLosses()):
        assert apply_overrides(loss, {"cls": "dynamic-labels"}).cls == DynamicLabels()
        assert apply_overrides(loss, {"cls": "smoothed-labels", "cls.smoothing": "0.3"}).cls == SmoothedLabels(smoothing=0.3)
    assert apply_overrides(LA["loss"], {"cls": "smoothed-labels"}).cls == SmoothedLabels()
    assert SmoothedLabels().negative_weight == "none"
    car = {
        "loss.cls": "balanced-cross-entropy",
        "assigner.boundary": "none",
        "loss.quality": "centerness-quality",
        "loss.box.centerness": "true",
        "loss.box.weight": "3",
    }
    assert apply_overrides(Settings(**LA), car) == Settings(**CAR)


def test_anchors_take_no_losses_of_points() -> None:
    with pytest.raises(LockonError, match="cls must be one of balanced-cross-entropy, quality-focal, balanced-focal, got 'dynamic-labels'"):
        apply_overrides(RpnLosses(), {"cls": "dynamic-labels"})
    with pytest.raises(LockonError, match="unknown option 'quality'"):
        apply_overrides(RpnLosses(), {"quality": "localization-quality"})


def test_headers_can_hold_it() -> None:
    assert as_json(ranked_rpn()["loss"])["ranking"]["part"] == "iou-ranking"
    assert as_json(LA["loss"])["cls"]["smoothing"] == 0.2
    for loss in EVERY:
        stored = as_json(loss)
        assert as_json(apply_overrides(type(loss)(), stored)) == stored
