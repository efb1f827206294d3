from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import golden_data

torch = pytest.importorskip("torch", reason="needs the torch extra")

from tiny_heads import CELLS, SIZE, anchored, batch, learn, task_on, tiny  # noqa: E402

from lockon.errors import LockonError  # noqa: E402
from lockon.ops.grid import AnchorGrid, Grid  # noqa: E402
from lockon.ops.torch.boxes import decode_deltas  # noqa: E402
from lockon.train.assigners.anchor_iou import AnchorIoUAssigner  # noqa: E402
from lockon.train.assigners.ellipse import EllipseAssigner  # noqa: E402
from lockon.train.losses.ranking import RankingConfig  # noqa: E402
from lockon.train.siamese_loss import BAN_LOSS, PW_LOSS, RPN_LOSS, with_ranking  # noqa: E402
from lockon.train.task import SiameseLossConfig, SiameseTask, distillation_loss  # noqa: E402
from lockon.types import Prediction, Targets  # noqa: E402


@pytest.mark.parametrize("quality", [False, True])
def test_a_batch_can_be_learnt(quality: bool) -> None:
    task = SiameseTask(tiny(quality), SiameseLossConfig())
    totals, losses = learn(task, batch())
    assert totals[-1] < 0.35 * totals[0]
    assert float(losses["iou"]) > 0.6
    expected = {"loss", "cls", "box", "corner", "iou"} | ({"quality"} if quality else set())
    assert set(losses) == expected


def test_a_total_is_the_weighted_sum() -> None:
    c = SiameseLossConfig(box_weight=3.0, corner_weight=0.25, quality_weight=0.5)
    losses = SiameseTask(tiny(True), c).loss(batch())
    total = losses["cls"] + 3.0 * losses["box"] + 0.25 * losses["corner"] + 0.5 * losses["quality"]
    torch.testing.assert_close(losses["loss"], total)


def _losses(prediction: Prediction, boxes, labels, config: SiameseLossConfig | None = None) -> dict:
    task = SiameseTask(tiny(), config or SiameseLossConfig())
    return task.losses(prediction, Targets(labels=labels, boxes=boxes))


def test_iou_targets_carry_no_gradient() -> None:
    """The classification loss moves scores only: boxes must not be made worse to fit a low score."""
    logits = torch.zeros(1, 3, requires_grad=True)
    boxes = torch.tensor([[[0.0, 0, 10, 10], [2, 2, 12, 12], [50, 50, 60, 60]]], requires_grad=True)
    quality = torch.zeros(1, 3, requires_grad=True)
    losses = _losses(Prediction(logits, boxes, quality), torch.tensor([[0.0, 0, 10, 10]]), torch.tensor([[1.0, 1.0, 0.0]]))
    for name in ("cls", "quality"):
        gradients = torch.autograd.grad(losses[name], (logits, boxes, quality), retain_graph=True, allow_unused=True)
        assert gradients[1] is None
        assert gradients[0 if name == "cls" else 2].abs().sum() > 0
    assert not losses["iou"].requires_grad


def test_losses_by_hand() -> None:
    """One exact positive, one negative and one ignored candidate."""
    logits = torch.tensor([[0.0, 0.0, 0.0]])
    boxes = torch.tensor([[[0.0, 0, 10, 10], [0, 0, 1, 1], [3, 3, 4, 4]]])
    losses = _losses(Prediction(logits, boxes), boxes[:, 0], torch.tensor([[1.0, 0.0, -1.0]]), SiameseLossConfig(positive_weight=3.0))
    assert float(losses["cls"]) == pytest.approx((3 + 1) * 0.25 * np.log(2), rel=1e-5)
    assert float(losses["box"]) == pytest.approx(0, abs=1e-5)
    assert float(losses["corner"]) == pytest.approx(0, abs=1e-6)
    assert float(losses["iou"]) == pytest.approx(1)


def test_corner_loss_is_in_target_sizes() -> None:
    prediction = Prediction(torch.zeros(1, 1), torch.tensor([[[1.0, 2, 11, 24]]]))
    losses = _losses(prediction, torch.tensor([[0.0, 0, 10, 20]]), torch.ones(1, 1))
    assert float(losses["corner"]) == pytest.approx((1 / 10 + 2 / 20 + 1 / 10 + 4 / 20) / 4)


def test_hard_targets() -> None:
    """With hard targets a positive with a bad box is still pulled to 1; with IoU targets to its IoU."""
    logits = torch.zeros(1, 1, requires_grad=True)
    prediction = Prediction(logits, torch.tensor([[[0.0, 0, 1, 1]]]))
    truth, labels = torch.tensor([[0.0, 0, 10, 10]]), torch.ones(1, 1)
    signs = {}
    for kind in ("hard", "iou"):
        (gradient,) = torch.autograd.grad(_losses(prediction, truth, labels, SiameseLossConfig(score_target=kind))["cls"], logits)
        signs[kind] = float(gradient.sign())
    assert signs == {"hard": -1, "iou": 1}


def test_a_batch_of_negative_pairs() -> None:
    task = SiameseTask(tiny(True), SiameseLossConfig())
    losses = task.loss(batch(present=False))
    losses["loss"].backward()
    assert all(torch.isfinite(value) for value in losses.values())
    assert losses["box"].item() == losses["corner"].item() == losses["quality"].item() == 0
    assert losses["cls"].item() > 0
    gradients = [parameter.grad for parameter in task.module.parameters() if parameter.grad is not None]
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


corner = st.floats(-300, 300, width=32)


@settings(max_examples=25)
@given(box=st.tuples(corner, corner, corner, corner), present=st.booleans())
def test_degenerate_boxes_give_finite_losses(box, present: bool) -> None:
    task = SiameseTask(_TINY, SiameseLossConfig())
    data = batch(1, present) | {"box": torch.tensor([box], dtype=torch.float32)}
    losses = task.loss(data)
    _TINY.zero_grad()
    losses["loss"].backward()
    assert all(torch.isfinite(value) for value in losses.values())
    assert all(torch.isfinite(parameter.grad).all() for parameter in _TINY.parameters() if parameter.grad is not None)


_TINY = tiny(True).eval()  # one row is too few for batch statistics


EVERYTHING_ON = RankingConfig(classification=0.5, iou=0.25, threshold=0.01)


def points(loss: SiameseLossConfig) -> SiameseLossConfig:
    return replace(loss, nearest=True)  # 16 pixels between points: the ellipses may hold none


@pytest.mark.parametrize(
    ("make", "loss", "expected"),
    [
        (tiny, points(BAN_LOSS), set()),
        (tiny, points(with_ranking(BAN_LOSS, EVERYTHING_ON)), {"rank_cls", "rank_score", "rank_iou"}),
        (tiny, replace(SiameseLossConfig(), ranking=EVERYTHING_ON), {"corner", "rank_cls", "rank_score", "rank_iou"}),
        (tiny, replace(points(PW_LOSS), hard_negative_weight=1.0), {"hard"}),
        (anchored, RPN_LOSS, set()),
        (anchored, with_ranking(RPN_LOSS, EVERYTHING_ON), {"rank_cls", "rank_score", "rank_iou"}),
        (anchored, replace(BAN_LOSS, box_loss="giou"), set()),
    ],
)
def test_any_head_learns_with_any_loss(make, loss: SiameseLossConfig, expected) -> None:
    task = SiameseTask(make(), loss)
    totals, losses = learn(task, batch(side=task.module.template_size))
    assert set(losses) == {"loss", "cls", "box", "iou"} | expected
    assert totals[-1] < 0.6 * totals[0]
    assert float(losses["iou"]) > 0.6


def test_candidates_decide_the_assigner() -> None:
    assert isinstance(SiameseTask(tiny(), BAN_LOSS).assigner, EllipseAssigner)
    assigner = SiameseTask(anchored(), RPN_LOSS).assigner
    assert assigner == AnchorIoUAssigner(stride=16)
    with pytest.raises(LockonError, match="box_loss=giou"):
        SiameseTask(tiny(), RPN_LOSS)


def test_ranking_adds_to_the_total() -> None:
    """Eq. 10's two terms have the same weight; the other losses stay as they are."""
    config = RankingConfig(classification=0.7, iou=0.3, threshold=0.001)
    prediction = Prediction(torch.randn(2, 30), 20 * torch.rand(2, 30, 4).sort(-1).values)
    targets = Targets(torch.arange(60).view(2, 30) % 3 - 1.0, torch.tensor([[0.0, 0, 10, 10]] * 2))
    plain = SiameseTask(tiny(), SiameseLossConfig()).losses(prediction, targets)
    ranked = SiameseTask(tiny(), replace(SiameseLossConfig(), ranking=config)).losses(prediction, targets)
    for name in ("cls", "box", "corner", "iou"):
        assert plain[name] == ranked[name]
    extra = 0.7 * ranked["rank_cls"] + 0.3 * (ranked["rank_score"] + ranked["rank_iou"])
    torch.testing.assert_close(ranked["loss"] - plain["loss"], extra)
    assert ranked["rank_cls"] > 0


def test_ranking_sees_its_own_labels() -> None:
    """`Targets.ranking` has the negatives that the cross entropy does not see."""
    labels = torch.tensor([[1.0, 1.0, 0.0, -1.0]])
    more = torch.tensor([[1.0, 1.0, 0.0, 0.0]])
    prediction = Prediction(torch.tensor([[1.0, 1, -2, 3]]), torch.tensor([[[0.0, 0, 10, 10]] * 4]))
    task = SiameseTask(tiny(), with_ranking(BAN_LOSS))
    without, with_more = (task.losses(prediction, Targets(labels, torch.tensor([[0.0, 0, 9, 9]]), ranking=x)) for x in (None, more))
    assert without["cls"] == with_more["cls"]
    assert without["rank_cls"] == 0
    assert with_more["rank_cls"] > 0.5


def test_two_stages() -> None:
    """The second cross entropy is that of the hard negative alone."""
    prediction = Prediction(torch.tensor([[2.0, 3.0, -3.0]]), torch.tensor([[[0.0, 0, 10, 10]] * 3]))
    targets = Targets(torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([[0.0, 0, 10, 10]]))
    losses = SiameseTask(tiny(), replace(BAN_LOSS, hard_negative_weight=0.5)).losses(prediction, targets)
    assert losses["hard"].item() == pytest.approx(np.log1p(np.exp(3)))
    torch.testing.assert_close(losses["loss"], losses["cls"] + losses["box"] + 0.5 * losses["hard"])


def test_boxes_that_do_not_count_give_no_gradient() -> None:
    """An exploded box of a negative must not spoil the ranking losses."""
    boxes = torch.tensor([[[0.0, 0, 10, 10], [0, 0, 9, 9], [-float("inf"), 0, float("inf"), 5]]], requires_grad=True)
    logits = torch.tensor([[0.0, 1.0, 2.0]], requires_grad=True)
    task = SiameseTask(tiny(), with_ranking(BAN_LOSS))
    losses = task.losses(Prediction(logits, boxes), Targets(torch.tensor([[1.0, 1, 0]]), torch.tensor([[0.0, 0, 10, 10]])))
    gradient, by_logits = torch.autograd.grad(losses["loss"], (boxes, logits))
    assert torch.isfinite(by_logits).all()
    assert torch.isfinite(gradient[0, :2]).all()
    assert not gradient[0, 2].any()


@pytest.mark.parametrize("make", [tiny, anchored])
def test_negative_pairs_with_ranking(make) -> None:
    loss = with_ranking(RPN_LOSS if make is anchored else replace(BAN_LOSS, inner=0.5), EVERYTHING_ON)
    task = SiameseTask(make(), loss)
    losses = task.loss(batch(present=False, side=task.module.template_size))
    losses["loss"].backward()
    assert all(torch.isfinite(value) for value in losses.values())
    assert losses["box"].item() == losses["rank_score"].item() == losses["rank_iou"].item() == 0
    assert losses["rank_cls"].item() > 0


@pytest.mark.parametrize(
    ("name", "case", "loss"),
    [
        ("siamban_losses", "mixed", BAN_LOSS),
        ("rbo_losses", "mixed", with_ranking(PW_LOSS, RankingConfig(gamma=5))),
        ("rbo_losses", "no_hard", with_ranking(PW_LOSS, RankingConfig(gamma=5))),
        ("rbo_losses", "one_positive", with_ranking(PW_LOSS, RankingConfig(gamma=5))),
    ],
)
def test_golden_totals_on_points(name: str, case: str, loss: SiameseLossConfig) -> None:
    golden = {key.removeprefix(f"{case}."): value for key, value in golden_data.losses(name).items()}
    task = task_on(Grid(25, 8, 31), loss)
    cls, loc = torch.from_numpy(golden["cls"]), torch.from_numpy(golden["loc"])
    places, sides = task.module.head.points, loc.flatten(2).transpose(1, 2)
    prediction = Prediction((cls[:, 1] - cls[:, 0]).flatten(1), torch.cat([places - sides[..., :2], places + sides[..., 2:]], dim=-1))
    targets = Targets(torch.from_numpy(golden["label_cls"]).flatten(1).float(), torch.from_numpy(golden["boxes"]))
    losses = task.losses(prediction, targets)
    assert losses["loss"].item() == pytest.approx(float(golden["loss.total_loss"]), rel=golden_data.LOSS_LIMIT)


def test_golden_total_on_anchors() -> None:
    """PySOT: 1.0 cls + 1.2 loc; the boxes come back from the stored targets."""
    golden = golden_data.losses("pysot_losses")
    task = task_on(AnchorGrid(Grid(25, 8, 31)), RPN_LOSS)
    anchors = task.module.head.anchors
    labels = torch.from_numpy(golden["label_cls"]).flatten(1).float()
    wanted = torch.from_numpy(golden["label_loc"]).flatten(2).transpose(1, 2)
    boxes = decode_deltas(anchors.double(), wanted.double())[range(4), labels.argmax(1)].float()
    cls, loc = torch.from_numpy(golden["cls"]), torch.from_numpy(golden["loc"])
    deltas = loc.unflatten(1, (4, 5)).flatten(2).transpose(1, 2)
    logits = (cls[:, 5:] - cls[:, :5]).flatten(1)
    losses = task.losses(Prediction(logits, decode_deltas(anchors, deltas), extras={"deltas": deltas}), Targets(labels, boxes))
    assert losses["loss"].item() == pytest.approx(float(golden["loss.total_loss"]), rel=golden_data.LOSS_LIMIT)


def test_a_teachers_scores_are_learnt_where_it_sees_something() -> None:
    """By hand, with one positive: |t - p|^2 times the cross entropy, p = 1/2; the candidate without an answer counts nothing."""
    logits = torch.zeros(1, 4, requires_grad=True)
    scores = torch.tensor([[1.0, 0.5, 0.0, float("nan")]])
    loss = distillation_loss(logits, scores, torch.tensor([[1.0, 0.0, -1.0, 0.0]]))
    assert float(loss.detach()) == pytest.approx(0.25 * math.log(2) * 2)
    loss.backward()
    # |t - p|^2 (p - t) at t = 1 and 0; nothing at t = p
    assert logits.grad is not None
    assert logits.grad[0].tolist() == pytest.approx([-0.125, 0.0, 0.125, 0.0])


def test_a_teachers_weight_needs_a_teacher() -> None:
    task = SiameseTask(tiny(), SiameseLossConfig(teacher_weight=0.5))
    batch = {
        "template": torch.zeros(2, 32, 32, 3, dtype=torch.uint8),
        "search": torch.zeros(2, SIZE, SIZE, 3, dtype=torch.uint8),
        "box": torch.tensor([[20.0, 20.0, 44.0, 44.0]] * 2),
        "present": torch.tensor([True, True]),
    }
    with pytest.raises(LockonError, match=r"teacher\.weights=FILE"):
        task.loss(batch)
    losses = task.loss({**batch, "teacher_scores": torch.full((2, CELLS**2), 0.25)})
    parts = losses["cls"] + 2 * losses["box"] + 0.5 * losses["corner"] + 0.5 * losses["teacher"]
    assert float(losses["teacher"].detach()) > 0
    assert float(losses["loss"].detach()) == pytest.approx(float(parts.detach()), rel=1e-5)
