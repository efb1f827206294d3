from __future__ import annotations

import math

import pytest
from hypothesis import given, settings, strategies as st

import golden_data

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.train.losses.iou import iou_loss  # noqa: E402

KINDS = ("iou", "linear_iou", "giou")


@pytest.mark.parametrize(
    ("a", "b", "smooth", "expected"),
    [
        ([0, 0, 2, 2], [0, 0, 2, 2], 0.0, (0, 0, 0)),
        ([0, 0, 2, 2], [1, 0, 3, 2], 0.0, (math.log(3), 2 / 3, 2 / 3)),
        ([0, 0, 2, 2], [1, 0, 3, 2], 1.0, (math.log(7 / 3), 4 / 7, 4 / 7)),  # (2 + 1) / (6 + 1)
        ([0, 0, 1, 1], [2, 0, 3, 1], 1.0, (math.log(3), 2 / 3, 2 / 3 + 1 / 3)),
    ],
)
def test_losses_of_two_boxes_equal_those_worked_out_by_hand(a, b, smooth: float, expected) -> None:
    boxes = torch.tensor([a, b], dtype=torch.float64)
    found = [float(iou_loss(boxes[0], boxes[1], kind, smooth)) for kind in KINDS]
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_loss_and_gradient_equal_those_of_siamban(kind: str) -> None:
    """SiamBAN's loss of distances to the four sides, plain and weighted, and its gradient."""
    golden = golden_data.losses("siamban_losses")
    outward = torch.tensor([-1.0, -1, 1, 1])
    sides, target = torch.from_numpy(golden["iou.pred"]).requires_grad_(), torch.from_numpy(golden["iou.target"])
    weight = torch.from_numpy(golden["iou.weight"])
    losses = iou_loss(sides * outward, target * outward, kind)
    for name, value in (("plain", losses.mean()), ("weighted", (losses * weight).sum() / weight.sum())):
        assert value.item() == pytest.approx(float(golden[f"iou.{kind}.{name}"]), rel=golden_data.LOSS_LIMIT)
        (gradient,) = torch.autograd.grad(value, sides, retain_graph=True)
        stored = torch.from_numpy(golden[f"iou.{kind}.{name}.grad"])
        assert (gradient - stored).abs().max() < golden_data.GRADIENT_LIMIT * stored.abs().max()


def test_golden_mean_over_positives() -> None:
    golden = golden_data.losses("siamban_losses")
    loc = torch.from_numpy(golden["mixed.loc"]).requires_grad_()
    points = torch.from_numpy(golden_data.losses("siamban_point_targets")["points"]).flatten(1).T
    sides, truth = loc.flatten(2).transpose(1, 2), torch.from_numpy(golden["mixed.boxes"])[:, None]
    positive = torch.from_numpy(golden["mixed.label_cls"]).flatten(1) == 1
    boxes = torch.cat([points - sides[..., :2], points + sides[..., 2:]], dim=-1)
    loss = iou_loss(boxes[positive], truth.expand_as(boxes)[positive]).mean()
    loss.backward()
    assert loss.item() == pytest.approx(float(golden["mixed.loss.loc_loss"]), rel=golden_data.LOSS_LIMIT)
    stored = torch.from_numpy(golden["mixed.grad.loc_loss.loc"])
    assert (loc.grad - stored).abs().max() < golden_data.GRADIENT_LIMIT * stored.abs().max()


coordinate = st.floats(-500, 500, width=32)
box = st.tuples(coordinate, coordinate, coordinate, coordinate)


@settings(deadline=None)
@given(a=box, b=box)
def test_degenerate_boxes(a, b) -> None:
    first = torch.tensor(a, requires_grad=True)
    for kind in KINDS:
        loss = iou_loss(first, torch.tensor(b), kind)
        (gradient,) = torch.autograd.grad(loss, first)
        assert torch.isfinite(loss)
        assert torch.isfinite(gradient).all()
