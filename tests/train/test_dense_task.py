from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import golden_data

torch = pytest.importorskip("torch", reason="needs the torch extra")

from tiny_heads import CELLS, OURS, SIZE, anchored, batch, changed, dense_task, learn, task_on, tiny  # noqa: E402

from lockon.errors import LockonError  # noqa: E402
from lockon.models.siamese import SiameseModel  # noqa: E402
from lockon.ops.grid import AnchorGrid, Grid  # noqa: E402
from lockon.ops.torch.boxes import decode_deltas  # noqa: E402
from lockon.train.config import TrainConfig  # noqa: E402
from lockon.train.keep_schedules import AlternateKeep  # noqa: E402
from lockon.train.losses.base import Loss, LossInput  # noqa: E402
from lockon.train.losses.distillation import distillation_loss  # noqa: E402
from lockon.train.losses.iou import IoULoss  # noqa: E402
from lockon.train.task import DenseTask  # noqa: E402
from lockon.types import Candidates, Prediction, Targets  # noqa: E402
from lockon.zoo.dense_losses import BAN, PW, RPN, ranked_points, ranked_rpn  # noqa: E402


@pytest.mark.parametrize("quality", [False, True])
def test_a_batch_can_be_learnt(quality: bool) -> None:
    task = dense_task(tiny(quality))
    totals, losses = learn(task, batch())
    assert totals[-1] < 0.35 * totals[0]
    assert float(losses["iou"]) > 0.6
    expected = {"loss", "cls", "box", "corner", "iou"} | ({"quality"} if quality else set())
    assert set(losses) == expected


def test_a_total_is_the_weighted_sum() -> None:
    weights = {"loss.box.weight": 3.0, "loss.corner.weight": 0.25, "loss.quality.weight": 0.5}
    losses = dense_task(tiny(True), changed(OURS, weights)).loss(batch())
    total = losses["cls"] + 3.0 * losses["box"] + 0.25 * losses["corner"] + 0.5 * losses["quality"]
    torch.testing.assert_close(losses["loss"], total)


def _losses(prediction: Prediction, boxes, labels, **settings: object) -> dict:
    task = dense_task(tiny(), changed(OURS, {f"loss.cls.{name}": value for name, value in settings.items()}))
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
    losses = _losses(Prediction(logits, boxes), boxes[:, 0], torch.tensor([[1.0, 0.0, -1.0]]), positive_weight=3.0)
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
        (gradient,) = torch.autograd.grad(_losses(prediction, truth, labels, target=kind)["cls"], logits)
        signs[kind] = float(gradient.sign())
    assert signs == {"hard": -1, "iou": 1}


def test_a_batch_of_negative_pairs() -> None:
    task = dense_task(tiny(True))
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
    task = dense_task(_TINY)
    data = batch(1, present) | {"box": torch.tensor([box], dtype=torch.float32)}
    losses = task.loss(data)
    _TINY.zero_grad()
    losses["loss"].backward()
    assert all(torch.isfinite(value) for value in losses.values())
    assert all(torch.isfinite(parameter.grad).all() for parameter in _TINY.parameters() if parameter.grad is not None)


_TINY = tiny(True).eval()  # one row is too few for batch statistics


RANKED = {"loss.rank_cls.weight": 0.5, "loss.ranking.weight": 0.25, "loss.rank_cls.threshold": 0.01}
NEAREST = {"assigner.nearest": True}  # 16 pixels between points: the ellipses may hold none
RANKED_BAN = {**BAN, "loss": ranked_points()}


@pytest.mark.parametrize(
    ("make", "what", "expected"),
    [
        (tiny, changed(BAN, NEAREST), set()),
        (tiny, changed(BAN, NEAREST | RANKED), {"rank_cls", "rank_score", "rank_iou"}),
        (tiny, changed(OURS, RANKED), {"corner", "rank_cls", "rank_score", "rank_iou"}),
        (tiny, changed(PW, NEAREST | {"loss.hard.weight": 1.0}), {"hard"}),
        (anchored, RPN, set()),
        (anchored, changed(ranked_rpn(), RANKED), {"rank_cls", "rank_score", "rank_iou"}),
        (anchored, {**RPN, "loss": replace(BAN["loss"], box=IoULoss(kind="giou"))}, set()),
    ],
)
def test_any_head_learns_with_any_loss(make, what, expected) -> None:
    task = dense_task(make(), what)
    totals, losses = learn(task, batch(side=task.module.template_size))
    assert set(losses) == {"loss", "cls", "box", "iou"} | expected
    assert totals[-1] < 0.6 * totals[0]
    assert float(losses["iou"]) > 0.6


def test_what_is_for_anchors_needs_anchors() -> None:
    with pytest.raises(LockonError, match=r"box \(DeltaL1\) given for a head that makes no deltas; set loss\.box\.weight=0, or take"):
        dense_task(tiny(), RPN)
    with pytest.raises(LockonError, match="assigner=ellipse-assigner"):
        dense_task(tiny(), {**BAN, "assigner": RPN["assigner"]}).loss(batch())


def test_nothing_to_learn() -> None:
    off = {f"loss.{name}.weight": 0 for name in ("cls", "box")}
    with pytest.raises(LockonError, match=r"every loss has weight 0; set one above 0, for example loss\.cls\.weight=1"):
        dense_task(tiny(), changed(BAN, off))


def test_a_term_of_weight_0_is_not_computed() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Never(Loss):
        def __call__(self, x: LossInput):
            raise AssertionError

    task = DenseTask(tiny(), replace(BAN["loss"], cls=Never(weight=0.0)), BAN["assigner"], BAN["sampling"])
    assert set(task.loss(batch())) == {"loss", "box", "iou"}


def test_a_made_up_loss_is_a_term() -> None:
    """It sees what every loss sees, its name is that of its field, and its weight counts."""

    @dataclass(frozen=True, kw_only=True)
    class Centers(Loss):
        """Distance of the positives' middles in cells, after some updates."""

        start: int = 0

        def __call__(self, x: LossInput):
            members, boxes, truth = x.regressed(True)
            assert torch.equal(members, x.targets.labels == 1)
            if x.step < self.start:
                return {}
            middle, wanted = ((corners[:, :2] + corners[:, 2:]) / 2 for corners in (boxes, truth))
            return (middle - wanted).norm(dim=1).mean() / x.candidates.stride

    @dataclass(frozen=True)
    class Losses:
        centers: Centers
        box: IoULoss

    task = DenseTask(tiny(), Losses(Centers(weight=2.0, start=1), IoULoss()), OURS["assigner"])
    assert set(task.loss(batch())) == {"loss", "box", "iou"}
    task.on_step(1)
    losses = task.loss(batch())
    assert losses["centers"] > 0
    torch.testing.assert_close(losses["loss"], 2 * losses["centers"] + losses["box"])
    totals, losses = learn(task, batch())
    assert totals[-1] < 0.5 * totals[1]


def test_an_assigner_may_follow_the_prediction() -> None:
    """The candidate that scores highest in the target's box is its only positive."""

    @dataclass(frozen=True)
    class Leading:
        def __call__(self, candidates: Candidates, boxes, present, prediction: Prediction | None = None) -> Targets:
            assert prediction is not None
            points = candidates.points[None]
            inside = ((points > boxes[:, None, :2]) & (points < boxes[:, None, 2:])).all(-1)
            best = torch.where(inside, prediction.logits, -torch.inf).argmax(1, keepdim=True)
            labels = torch.zeros_like(prediction.logits).scatter_(1, best, 1.0)
            return Targets(labels=labels, boxes=boxes, present=present, weights=labels * prediction.logits.sigmoid())

    task = DenseTask(tiny(), OURS["loss"], Leading())
    targets = task.predict(batch())[1]
    assert (targets.labels.sum(1) == 1).all()
    assert not targets.weights.requires_grad  # whatever an assigner takes from the prediction gives no gradient
    totals, losses = learn(task, batch())
    assert totals[-1] < 0.5 * totals[0]
    assert float(losses["iou"]) > 0.6


def test_several_scalars_share_a_weight() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Two(Loss):
        def __call__(self, x: LossInput):
            return {"first": x.prediction.logits.mean(), "second": x.overlap.mean()}

    @dataclass(frozen=True)
    class Losses:
        two: Two

    losses = DenseTask(tiny(), Losses(Two(weight=3.0)), OURS["assigner"]).loss(batch())
    assert set(losses) == {"loss", "first", "second", "iou"}
    torch.testing.assert_close(losses["loss"], 3 * (losses["first"] + losses["second"]))


def test_ranking_adds_to_the_total() -> None:
    """Eq. 10's two terms have the same weight; the other losses stay as they are."""
    config = {"loss.rank_cls.weight": 0.7, "loss.ranking.weight": 0.3, "loss.rank_cls.threshold": 0.001}
    prediction = Prediction(torch.randn(2, 30), 20 * torch.rand(2, 30, 4).sort(-1).values)
    targets = Targets(torch.arange(60).view(2, 30) % 3 - 1.0, torch.tensor([[0.0, 0, 10, 10]] * 2))
    plain = dense_task(tiny()).losses(prediction, targets)
    ranked = dense_task(tiny(), changed(OURS, config)).losses(prediction, targets)
    for name in ("cls", "box", "corner", "iou"):
        assert plain[name] == ranked[name]
    extra = 0.7 * ranked["rank_cls"] + 0.3 * (ranked["rank_score"] + ranked["rank_iou"])
    torch.testing.assert_close(ranked["loss"] - plain["loss"], extra)
    assert ranked["rank_cls"] > 0


def test_ranking_sees_its_own_labels() -> None:
    """`Targets.all_labels` has the negatives that the cross entropy does not see; they are ranked where the loss asks for all."""
    labels = torch.tensor([[1.0, 1.0, 0.0, -1.0]])
    more = torch.tensor([[1.0, 1.0, 0.0, 0.0]])
    prediction = Prediction(torch.tensor([[1.0, 1, -2, 3]]), torch.tensor([[[0.0, 0, 10, 10]] * 4]))
    targets = Targets(labels, torch.tensor([[0.0, 0, 9, 9]]), all_labels=more)
    tasks = (dense_task(tiny(), changed(RANKED_BAN, {"loss.rank_cls.all_negatives": every})) for every in (False, True))
    without, with_more = (task.losses(prediction, targets) for task in tasks)
    assert without["cls"] == with_more["cls"]
    assert without["rank_cls"] == 0
    assert with_more["rank_cls"] > 0.5


def test_two_stages() -> None:
    """The second cross entropy is that of the hard negative alone."""
    prediction = Prediction(torch.tensor([[2.0, 3.0, -3.0]]), torch.tensor([[[0.0, 0, 10, 10]] * 3]))
    targets = Targets(torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([[0.0, 0, 10, 10]]))
    losses = dense_task(tiny(), changed(BAN, {"loss.hard.weight": 0.5})).losses(prediction, targets)
    assert losses["hard"].item() == pytest.approx(np.log1p(np.exp(3)))
    torch.testing.assert_close(losses["loss"], losses["cls"] + losses["box"] + 0.5 * losses["hard"])


def test_boxes_that_do_not_count_give_no_gradient() -> None:
    """An exploded box of a negative must not spoil the ranking losses."""
    boxes = torch.tensor([[[0.0, 0, 10, 10], [0, 0, 9, 9], [-float("inf"), 0, float("inf"), 5]]], requires_grad=True)
    logits = torch.tensor([[0.0, 1.0, 2.0]], requires_grad=True)
    task = dense_task(tiny(), RANKED_BAN)
    losses = task.losses(Prediction(logits, boxes), Targets(torch.tensor([[1.0, 1, 0]]), torch.tensor([[0.0, 0, 10, 10]])))
    gradient, by_logits = torch.autograd.grad(losses["loss"], (boxes, logits))
    assert torch.isfinite(by_logits).all()
    assert torch.isfinite(gradient[0, :2]).all()
    assert not gradient[0, 2].any()


@pytest.mark.parametrize("make", [tiny, anchored])
def test_negative_pairs_with_ranking(make) -> None:
    what = changed(ranked_rpn() if make is anchored else changed(BAN, {"assigner.inner": 0.5}), RANKED)
    task = dense_task(make(), what)
    losses = task.loss(batch(present=False, side=task.module.template_size))
    losses["loss"].backward()
    assert all(torch.isfinite(value) for value in losses.values())
    assert losses["box"].item() == losses["rank_score"].item() == losses["rank_iou"].item() == 0
    assert losses["rank_cls"].item() > 0


@pytest.mark.parametrize(
    ("name", "case", "what"),
    [
        ("siamban_losses", "mixed", BAN),
        ("rbo_losses", "mixed", {**PW, "loss": ranked_points(gamma=5)}),
        ("rbo_losses", "no_hard", {**PW, "loss": ranked_points(gamma=5)}),
        ("rbo_losses", "one_positive", {**PW, "loss": ranked_points(gamma=5)}),
    ],
)
def test_golden_totals_on_points(name: str, case: str, what) -> None:
    golden = {key.removeprefix(f"{case}."): value for key, value in golden_data.losses(name).items()}
    task = task_on(Grid(25, 8, 31), what)
    cls, loc = torch.from_numpy(golden["cls"]), torch.from_numpy(golden["loc"])
    places, sides = task.head.candidates.points, loc.flatten(2).transpose(1, 2)
    prediction = Prediction((cls[:, 1] - cls[:, 0]).flatten(1), torch.cat([places - sides[..., :2], places + sides[..., 2:]], dim=-1))
    targets = Targets(torch.from_numpy(golden["label_cls"]).flatten(1).float(), torch.from_numpy(golden["boxes"]))
    losses = task.losses(prediction, targets)
    assert losses["loss"].item() == pytest.approx(float(golden["loss.total_loss"]), rel=golden_data.LOSS_LIMIT)


def test_golden_total_on_anchors() -> None:
    """PySOT: 1.0 cls + 1.2 loc; the boxes come back from the stored targets."""
    golden = golden_data.losses("pysot_losses")
    task = task_on(AnchorGrid(Grid(25, 8, 31)), RPN)
    anchors = task.head.candidates.anchors
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
    task = dense_task(tiny(), changed(OURS, {"loss.teacher.weight": 0.5}))
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


def test_the_share_of_tokens_follows_the_schedule_of_the_run() -> None:
    """The model hears the ratio of the step; without a schedule it is asked nothing."""
    asked = []

    class Listening(SiameseModel):
        def forward(self, template, search, **options):
            asked.append(options)
            return super().forward(template, search)

    module = tiny()
    module.__class__ = Listening
    task = DenseTask(module, **{"losses": OURS["loss"], "assigner": OURS["assigner"]}, keep=AlternateKeep(keep=0.5))
    task.on_run(TrainConfig(steps=4, epochs=2))
    for step in range(4):
        task.on_step(step)
        task.loss(batch())
    dense_task(module).loss(batch())
    assert asked == [{"keep": 1.0}, {"keep": 1.0}, {"keep": 0.5}, {"keep": 0.5}, {}]
