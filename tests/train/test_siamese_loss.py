from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.config import apply_overrides, as_json  # noqa: E402
from lockon.errors import LockonError  # noqa: E402
from lockon.train.assigners.sampling import EVERYTHING  # noqa: E402
from lockon.train.losses.dynamic_labels import DynamicLabelConfig  # noqa: E402
from lockon.train.losses.ranking import RankingConfig  # noqa: E402
from lockon.train.siamese_loss import (  # noqa: E402
    BAN_LOSS,
    CAR_LOSS,
    LA_LOSS,
    PW_LOSS,
    RPN_LOSS,
    SiameseLossConfig,
    with_localization,
    with_ranking,
)


def test_ranking_is_off_unless_asked_for() -> None:
    for loss in (SiameseLossConfig(), RPN_LOSS, BAN_LOSS, PW_LOSS):
        assert (loss.ranking.classification, loss.ranking.iou, loss.hard_negative_weight) == (0, 0, 0)


def test_paper_weights() -> None:
    """1 : 0.5 : 0.25, alpha 0.5, beta 4, gamma 3 (Sec. 3.4 and 4)."""
    c = with_ranking(BAN_LOSS).ranking
    assert (c.classification, c.iou, c.alpha, c.beta, c.gamma, c.mode, c.form) == (0.5, 0.25, 0.5, 4, 3, "official", "rbo")


def test_box_losses_of_the_papers() -> None:
    """L1 on codes times 1.2; linear IoU times 1.0. Ranking does not change them."""
    for loss, expected in ((RPN_LOSS, ("l1_deltas", 1.2)), (BAN_LOSS, ("linear_iou", 1.0)), (PW_LOSS, ("linear_iou", 1.0))):
        assert (loss.box_loss, loss.box_weight) == (with_ranking(loss).box_loss, with_ranking(loss).box_weight) == expected


def test_negatives_that_ranking_sees() -> None:
    """Anchors: all negatives, with the cross entropy on 48 per batch (code) or per image (paper). Points: the sampled ones."""
    official, paper = (with_ranking(RPN_LOSS, RankingConfig(mode=mode)).sampling for mode in ("official", "paper"))
    assert (official.ranking, official.scope, official.negatives) == ("all", "batch", 48)
    assert (paper.ranking, paper.scope, paper.negatives) == ("all", "image", 48)
    for loss, pair in ((BAN_LOSS, 16), (PW_LOSS, None)):
        sampling = with_ranking(loss).sampling
        assert sampling == loss.sampling
        assert (sampling.ranking, sampling.scope, sampling.negative_pair) == ("sampled", "image", pair)


def test_from_the_command_line() -> None:
    found = apply_overrides(
        SiameseLossConfig(), {"ranking.classification": "0.5", "ranking.hard_negatives": "threshold", "sampling.negatives": "48"}
    )
    assert found.ranking == RankingConfig(classification=0.5, iou=0, hard_negatives="threshold")
    assert found.sampling.negatives == 48
    assert apply_overrides(RPN_LOSS, {"sampling.negatives": "none"}).sampling.negatives is None
    with pytest.raises(LockonError, match=r"ranking\.gamma"):
        apply_overrides(RPN_LOSS, {"ranking.gamma": "0"})


PARTS = ("base", "dynamic", "quality_target", "box_average", "box_weight")


def parts(loss: SiameseLossConfig) -> tuple:
    c = loss.dynamic
    return loss.base, c.boundary_lambda, c.hard, c.negative_weight, loss.quality_target, loss.box_average, loss.box_weight


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (CAR_LOSS, ("cross_entropy", None, False, "differentiate", "centerness", "centerness", 3)),
        (with_localization(CAR_LOSS, boundary=None), ("dynamic", None, False, "differentiate", "centerness", "centerness", 3)),
        (with_localization(CAR_LOSS, labels=False), ("dynamic", 0.2, True, "none", "centerness", "centerness", 3)),
        (with_localization(CAR_LOSS), ("dynamic", 0.2, False, "differentiate", "centerness", "centerness", 3)),
        (
            with_localization(CAR_LOSS, labels=False, boundary=None, branch=True),
            ("cross_entropy", None, False, "differentiate", "localization", "uniform", 1),
        ),
        (LA_LOSS, ("dynamic", 0.2, False, "differentiate", "localization", "uniform", 1)),
        (with_localization(BAN_LOSS, boundary=0.4), ("dynamic", 0.4, False, "differentiate", "iou", "uniform", 1)),
        (with_localization(SiameseLossConfig(), branch=True), ("dynamic", 0.2, False, "differentiate", "localization", "uniform", 2)),
    ],
)
def test_rows_of_table_iii(loss: SiameseLossConfig, expected) -> None:
    assert parts(loss) == expected


def test_nothing_else_changes() -> None:
    """The assigner, the sampling and all weights stay; nothing added is the loss itself."""
    assert with_localization(CAR_LOSS, labels=False, boundary=None) == CAR_LOSS
    for loss in (CAR_LOSS, BAN_LOSS, SiameseLossConfig()):
        added = with_localization(loss, branch=True)
        assert replace(added, **{name: getattr(loss, name) for name in PARTS}) == loss


def test_siamla_numbers_of_the_paper() -> None:
    c = LA_LOSS.dynamic
    assert (c.map, c.alpha, c.beta, c.boundary_lambda, c.normalize, c.order) == ("sigmoid", 0.5, 10, 0.2, True, "power-first")
    assert (LA_LOSS.box_weight, LA_LOSS.quality_weight, LA_LOSS.localization.negatives) == (1, 1, 1)
    assert (LA_LOSS.assigner, LA_LOSS.inner, LA_LOSS.sampling) == ("rectangle", 0.2, EVERYTHING)


def test_parts_of_siamla_from_the_command_line() -> None:
    settings = {"base": "dynamic", "dynamic.boundary_lambda": "0.2"}
    for loss in (BAN_LOSS, CAR_LOSS, SiameseLossConfig()):
        assert apply_overrides(loss, settings) == with_localization(loss)
    assert apply_overrides(LA_LOSS, {"base": "cross_entropy", "dynamic.boundary_lambda": "none"}) == with_localization(
        CAR_LOSS, labels=False, boundary=None, branch=True
    )
    assert apply_overrides(LA_LOSS, {"dynamic.map": "linear"}).dynamic.map == "linear"
    assert as_json(LA_LOSS)["dynamic"]["boundary_lambda"] == 0.2


def test_parts_of_siamla_need_points() -> None:
    with pytest.raises(LockonError, match=r"need a head that predicts at points, got a loss for anchors"):
        with_localization(RPN_LOSS)


def test_headers_can_hold_it() -> None:
    assert as_json(with_ranking(RPN_LOSS))["ranking"]["mode"] == "official"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"box_weight": -1.0}, "box_weight must be 0 or more, got -1.0"),
        ({"hard_negative_weight": float("inf")}, "hard_negative_weight"),
        ({"inner": 0.6}, "inner must be above 0 and at most outer, got 0.6 and 0.5"),
        ({"negative_iou": 0.7}, "negative_iou must be above 0 and at most positive_iou"),
        ({"box_loss": "iou"}, "box_smooth=1"),
        ({"dynamic": DynamicLabelConfig(boundary_lambda=0.2)}, r"boundary_lambda=0.2 has no effect with base=quality_focal; add"),
    ],
)
def test_bad_settings_are_refused(fields, message: str) -> None:
    with pytest.raises(LockonError, match=message):
        replace(SiameseLossConfig(), **fields)
