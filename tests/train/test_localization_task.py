"""`DenseTask` with the losses of SiamCAR and SiamLA."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings, strategies as st

import golden_data

torch = pytest.importorskip("torch", reason="needs the torch extra")

from tiny_heads import CELLS, LADL, LAFA, LALS, OURS, batch, changed, dense_task, learn, task_on, tiny  # noqa: E402

from lockon.models.heads.ban import BANHead  # noqa: E402
from lockon.models.heads.car import CARHead  # noqa: E402
from lockon.models.siamese import SiameseModel  # noqa: E402
from lockon.ops.grid import Grid  # noqa: E402
from lockon.ops.torch.boxes import iou  # noqa: E402
from lockon.train.assigners.rectangle import RectangleAssigner  # noqa: E402
from lockon.train.losses.centerness import centerness  # noqa: E402
from lockon.train.losses.corners import CornerL1  # noqa: E402
from lockon.train.losses.iou import IoULoss  # noqa: E402
from lockon.train.losses.quality import IoUQuality  # noqa: E402
from lockon.types import BOUNDARY, Candidates, Prediction, Targets  # noqa: E402
from lockon.zoo import dense_losses  # noqa: E402
from lockon.zoo.dense_losses import CAR, LA, CarLosses, ranked_points  # noqa: E402

COARSE = {"assigner.inner": 0.35, "assigner.nearest": True}  # 16 pixels between points, targets of 18
COARSE_CAR, COARSE_LA, BAN = (changed(what, COARSE) for what in (CAR, LA, dense_losses.BAN))
BRANCHED = CarLosses(box=IoULoss(), quality=IoUQuality())
HARD = LALS | {"loss.cls": "smoothed-labels"}  # LALS alone


def golden_prediction() -> tuple[Prediction, dict]:
    """The official maps as they came, leaves of the gradient, and the `Prediction` on them."""
    golden = golden_data.losses("siamcar_losses")
    maps = {name: torch.from_numpy(golden[name]).requires_grad_() for name in ("cls", "loc", "cen")}
    places = torch.from_numpy(Grid(25, 8, 32).points())
    sides = maps["loc"].flatten(2).transpose(1, 2)
    boxes = torch.cat([places - sides[..., :2], places + sides[..., 2:]], dim=-1)
    logits = (maps["cls"][:, 1] - maps["cls"][:, 0]).flatten(1)
    return Prediction(logits, boxes, maps["cen"].flatten(1)), maps


def golden_targets() -> Targets:
    boxes = torch.from_numpy(golden_data.losses("siamcar_losses")["boxes"]).float()
    task = task_on(Grid(25, 8, 32), CAR)
    assert isinstance(task.assigner, RectangleAssigner)
    return task.assigner(task.head.candidates, boxes, torch.ones(len(boxes), dtype=torch.bool))


def test_golden_losses() -> None:
    """SiamCAR's three losses and their total: 1 cls + 3 loc + 1 cen."""
    golden = golden_data.losses("siamcar_losses")
    losses = task_on(Grid(25, 8, 32), CAR).losses(golden_prediction()[0], golden_targets())
    for ours, theirs in (("cls", "cls_loss"), ("box", "loc_loss"), ("quality", "cen_loss"), ("loss", "total_loss")):
        assert losses[ours].item() == pytest.approx(float(golden[f"loss.{theirs}"]), rel=golden_data.LOSS_LIMIT)
    assert set(losses) == {"loss", "cls", "box", "quality", "iou"}


@pytest.mark.parametrize(("name", "loss", "leaf"), [("cls", "cls_loss", "cls"), ("box", "loc_loss", "loc"), ("quality", "cen_loss", "cen")])
def test_golden_gradients(name: str, loss: str, leaf: str) -> None:
    prediction, maps = golden_prediction()
    found = task_on(Grid(25, 8, 32), CAR).losses(prediction, golden_targets())
    (gradient,) = torch.autograd.grad(found[name], maps[leaf])
    stored = torch.from_numpy(golden_data.losses("siamcar_losses")[f"grad.{loss}.{leaf}"])
    assert (gradient - stored).abs().max() < golden_data.GRADIENT_LIMIT * stored.abs().max()


def test_a_box_loss_weighted_by_centerness() -> None:
    """By hand: two positives, one in the middle (weight 1) and one with weight sqrt(1/3)."""
    loss = replace(OURS["loss"], box=IoULoss(kind="giou", smooth=0.0, centerness=True), corner=CornerL1(centerness=True))
    task = task_on(Grid(2, 10, 10), {**CAR, "loss": loss})  # (10, 10) (20, 10) (10, 20) ..
    truth = torch.tensor([[0.0, 0, 40, 20]])
    boxes = torch.tensor([[[0.0, 0, 40, 10], [0, 0, 40, 20], [0, 0, 1, 1], [0, 0, 1, 1]]])  # IoU 0.5 and 1, hull the truth
    losses = task.losses(Prediction(torch.zeros(1, 4), boxes), Targets(torch.tensor([[1.0, 1, 0, 0]]), truth))
    weight = (1 / 3) ** 0.5
    assert losses["box"].item() == pytest.approx(0.5 * weight / (weight + 1), rel=1e-5)
    # one corner coordinate of four is half a height off
    assert losses["corner"].item() == pytest.approx(0.5 / 4 * weight / (weight + 1), rel=1e-5)


@pytest.mark.parametrize("what", [LA, changed(CAR, LADL | LALS), changed(CAR, HARD | LAFA)])
def test_labels_and_localization_targets_carry_no_gradient(what) -> None:
    """Scores follow the boxes; boxes are not bent towards scores."""
    task = task_on(Grid(5, 10), what)
    logits, quality = torch.randn(2, 25, requires_grad=True), torch.randn(2, 25, requires_grad=True)
    points = task.head.candidates.points
    boxes = torch.cat([points - 20, points + 20], dim=-1).expand(2, -1, -1).clone().requires_grad_()
    truth = torch.tensor([[-1.0, 9, 51, 41]] * 2)
    labels = RectangleAssigner()(task.head.candidates, truth, torch.tensor([True, False])).labels
    labels[0, 5:9] = BOUNDARY
    losses = task.losses(Prediction(logits, boxes, quality), Targets(labels, truth))
    for name, own in (("cls", logits), ("quality", quality), ("box", boxes)):
        leaves = {"logits": logits, "boxes": boxes, "quality": quality}
        gradients = dict(zip(leaves, torch.autograd.grad(losses[name], leaves.values(), retain_graph=True, allow_unused=True), strict=True))
        for leaf, gradient in gradients.items():
            if leaves[leaf] is own:
                assert gradient.abs().sum() > 0
            else:
                assert gradient is None, (name, leaf)


def test_quality_targets() -> None:
    """Without boundary points: IoU and centre-ness of the positives; Eq. 10 with as many points off the box as positives."""
    points = torch.from_numpy(Grid(5, 10).points())
    truth = torch.tensor([[-1.0, 9, 51, 41]])
    prediction = Prediction(torch.zeros(1, 25), torch.cat([points - 15, points + 15], -1)[None], torch.linspace(-2, 2, 25)[None])
    targets = RectangleAssigner()(Candidates(points, None, 10), truth, torch.tensor([True]))
    positive = targets.labels == 1

    def entropy(members, wanted):
        x = prediction.quality[members]
        return float(torch.nn.functional.binary_cross_entropy_with_logits(x, wanted[members]))

    overlap, middle = iou(prediction.boxes, truth), centerness(points, truth)
    found = {
        kind: task_on(Grid(5, 10), changed(CAR, {"loss.quality": f"{kind}-quality"})).losses(prediction, targets)["quality"].item()
        for kind in ("iou", "centerness")
    }
    assert found == {"iou": pytest.approx(entropy(positive, overlap)), "centerness": pytest.approx(entropy(positive, middle))}
    torch.manual_seed(0)
    localized = task_on(Grid(5, 10), changed(CAR, LAFA)).losses(prediction, targets)["quality"].item()
    outside = torch.tensor([[y in (5, 45) for _, y in points.tolist()]])
    torch.manual_seed(0)
    drawn = outside & (torch.where(outside, torch.rand(1, 25), 2.0).argsort(1).argsort(1) < 3)
    assert drawn.sum() == 3
    assert localized == pytest.approx(entropy(positive | drawn, torch.where(drawn, 0.0, overlap)))


def test_boundary_points_are_trained() -> None:
    """Their boxes and quality count as the positives' do, or not; they are no negatives either way."""
    points = torch.from_numpy(Grid(5, 10).points())
    boxes = torch.cat([points - 15, points + 15], -1)[None].requires_grad_()
    quality, logits = torch.zeros(1, 25, requires_grad=True), torch.zeros(1, 25, requires_grad=True)
    for trained, expected in ((True, 15), (False, 3)):
        settings = {"loss.box.boundary": trained, "loss.quality.boundary": trained, "loss.quality.negatives": 0}
        task = task_on(Grid(5, 10), changed(LA, settings))
        targets = task.assigner(task.head.candidates, torch.tensor([[-1.0, 9, 51, 41]]), torch.tensor([True]))
        losses = task.losses(Prediction(logits, boxes, quality), targets)
        by_boxes, by_quality = torch.autograd.grad(losses["box"] + losses["quality"], (boxes, quality), retain_graph=True)
        assert (by_boxes.abs().sum(-1) > 0).sum() == expected
        assert (by_quality != 0).sum() == expected
        (by_logits,) = torch.autograd.grad(losses["cls"], logits)
        assert (by_logits[:, :5] > 0).all()  # a negative row
        assert by_logits[0, 12] < 0


def test_labels_wait_for_their_step() -> None:
    """`on_step`, which the engine calls, ends the normalization."""
    what = changed(CAR, LADL)
    task = task_on(Grid(5, 10), changed(what, {"loss.cls.normalize_steps": 5}))
    points = task.head.candidates.points
    half = torch.arange(25)[:, None] + 1  # boxes of every size
    prediction = Prediction(torch.randn(1, 25), torch.cat([points - half, points + half], -1)[None])
    targets = task.assigner(task.head.candidates, torch.tensor([[-1.0, 9, 51, 41]]), torch.tensor([True]))
    values = {}
    for step in (0, 4, 5):
        task.on_step(step)
        values[step] = task.losses(prediction, targets)["cls"].item()
    assert values[0] == values[4] != values[5]
    plain = task_on(Grid(5, 10), changed(what, {"loss.cls.normalize": False})).losses(prediction, targets)["cls"]
    assert values[5] == plain.item()


@pytest.mark.parametrize(
    "what",
    [
        COARSE_CAR,
        COARSE_LA,
        changed(COARSE_CAR, LADL),
        changed(COARSE_CAR, HARD),
        changed(COARSE_CAR, LAFA | {"loss.box.centerness": False, "loss.box.weight": 1}),
        changed(BAN, LADL | LALS),
        changed({**BAN, "loss": ranked_points()}, LADL | LALS | {"loss.cls.smoothing": 0.4}),
        changed(OURS, LADL | LALS),
        changed(OURS, LADL | LALS | LAFA),
        changed(OURS, {"assigner": "rectangle-assigner", "assigner.inner": 0.3, "assigner.nearest": True}),
        changed(COARSE_LA, {"loss.cls.reduction": "positives", "loss.cls.map": "linear", "loss.cls.order": "normalize-first"}),
    ],
)
def test_any_head_on_points_learns(what) -> None:
    task = dense_task(tiny(quality=True), what)
    totals, losses = learn(task, batch())
    assert totals[-1] < 0.75 * totals[0]
    assert float(losses["iou"]) > 0.6


def with_head(head: torch.nn.Module) -> SiameseModel:
    return SiameseModel(backbone=tiny().backbone, neck=None, head=head, template_size=48, search_size=CELLS * 16)


@pytest.mark.parametrize("what", [COARSE_CAR, COARSE_LA, changed({**BAN, "loss": BRANCHED}, LADL | LALS)])
@pytest.mark.parametrize("kind", ["centerness", "localization", "ban"])
def test_published_heads_learn(kind: str, what) -> None:
    torch.manual_seed(0)
    grid = Grid(CELLS, 16)
    head = BANHead(1, 16, grid, padding=True, unit=16.0) if kind == "ban" else CARHead(1, 16, grid, branch=kind, padding=True, unit=16.0)
    task = dense_task(with_head(head), what)
    data, totals = batch(side=48), []
    optimizer = torch.optim.Adam(task.module.parameters(), lr=3e-3)
    for _ in range(30):
        losses = task.loss(data)
        optimizer.zero_grad()
        losses["loss"].backward()
        optimizer.step()
        totals.append(losses["loss"].item())
    assert ("quality" in losses) == (kind != "ban")
    assert totals[-1] < 0.9 * totals[0]
    for name, parameter in task.module.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name


def test_scores_learn_the_order_of_the_overlaps() -> None:
    """Points with fixed boxes of different quality: after training on dynamic labels the scores have the order of the IoUs."""
    task = task_on(Grid(5, 10), changed(CAR, LADL | LALS | {"loss.cls.smoothing": 0.4}))
    targets = task.assigner(task.head.candidates, torch.tensor([[-1.0, 9, 51, 41]]), torch.tensor([True]))
    side = torch.linspace(0.3, 1.0, 25)[torch.randperm(25, generator=torch.Generator().manual_seed(0))]
    boxes = torch.tensor([[-1.0, 9, 51, 41]]).repeat(25, 1)
    boxes[:, 2] = -1 + 52 * side  # IoU = side
    logits = torch.zeros(1, 25, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.05)
    for _ in range(1000):
        optimizer.zero_grad()
        task.losses(Prediction(logits, boxes[None]), targets)["cls"].backward()
        optimizer.step()
    score, positive = logits.detach()[0], targets.labels[0] == 1
    for members in (positive, targets.labels[0] == BOUNDARY):
        assert score[members].argsort().tolist() == side[members].argsort().tolist()
    assert score[targets.labels[0] == 0].max() < score[positive].max()


EACH = [COARSE_CAR, COARSE_LA, changed(BAN, LADL | LALS), changed(OURS, LADL | LALS | LAFA)]


@pytest.mark.parametrize("what", EACH)
def test_a_batch_of_negative_pairs(what) -> None:
    """No positive, no boundary point: nothing to divide by, and only scores learn."""
    task = dense_task(tiny(True), what)
    losses = task.loss(batch(present=False))
    losses["loss"].backward()
    assert all(torch.isfinite(value) for value in losses.values())
    assert losses["box"].item() == losses.get("quality", losses["box"]).item() == 0
    gradients = [parameter.grad for parameter in task.module.parameters() if parameter.grad is not None]
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


_TINY = tiny(True).eval()
corner = st.floats(-300, 300, width=32)


@settings(max_examples=25)
@given(
    box=st.tuples(corner, corner, corner, corner),
    present=st.booleans(),
    what=st.sampled_from([CAR, LA, *EACH]),
)
def test_degenerate_boxes_give_finite_losses(box, present: bool, what) -> None:
    task = dense_task(_TINY, what)
    losses = task.loss(batch(1, present) | {"box": torch.tensor([box], dtype=torch.float32)})
    _TINY.zero_grad()
    losses["loss"].backward()
    assert all(torch.isfinite(value) for value in losses.values())
    assert all(torch.isfinite(parameter.grad).all() for parameter in _TINY.parameters() if parameter.grad is not None)
