from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.errors import LockonError  # noqa: E402
from lockon.ops.grid import Grid  # noqa: E402
from lockon.train.losses.base import LossInput, active_terms  # noqa: E402
from lockon.train.losses.init_iou import InitIoULoss  # noqa: E402
from lockon.types import Candidates, Prediction, Targets  # noqa: E402
from lockon.zoo.track_points_losses import TrackPointsLosses  # noqa: E402

TRUTH = [12.0, 20.0, 52.0, 60.0]  # centre (32, 40): candidates 9 and 10 are equally near, then 5, 6, 13, 14


def case(init, truth=(TRUTH,), present=None) -> LossInput:
    boxes = torch.tensor(list(truth))
    return LossInput(
        prediction=Prediction(torch.zeros(len(boxes), 16), torch.zeros(len(boxes), 16, 4), extras={"init_boxes": init}),
        targets=Targets(torch.zeros(len(boxes), 16), boxes, present=None if present is None else torch.tensor(present)),
        candidates=Candidates(torch.from_numpy(Grid(4, 16).points()), None, 16),
        size=64,
    )


def test_only_the_nearest_candidate_learns() -> None:
    """Half of the truth: IoU 1/2, the hull is the truth, GIoU 1/2."""
    init = torch.zeros(1, 16, 4)
    init[0, 9] = torch.tensor([12.0, 20, 32, 60])
    init.requires_grad_()
    loss = InitIoULoss()(case(init))
    loss.backward()
    assert loss.item() == pytest.approx(0.5)
    assert init.grad.abs().sum(-1).nonzero().tolist() == [[0, 9]]


def test_more_positions_are_the_next_nearest() -> None:
    init = torch.zeros(1, 16, 4)
    init[0, [9, 10, 5]] = torch.tensor([[12.0, 20, 52, 60], [12, 20, 32, 60], [12, 20, 22, 60]])
    assert float(InitIoULoss(positions=3)(case(init))) == pytest.approx((0 + 0.5 + 0.75) / 3)


def test_samples_without_a_target_do_not_count() -> None:
    init = torch.zeros(2, 16, 4, requires_grad=True)
    loss = InitIoULoss()(case(init, (TRUTH, TRUTH), [True, False]))
    loss.backward()
    assert loss.item() == pytest.approx(1.0 + (52 * 60 - 1600) / (52 * 60))
    assert (init.grad[1] == 0).all()
    nothing = InitIoULoss()(case(init, (TRUTH, TRUTH), [False, False]))
    nothing.backward()
    assert nothing.item() == 0


def test_points_on_one_place_give_a_finite_loss_and_gradient() -> None:
    init = torch.full((1, 16, 4), 30.0, requires_grad=True)
    loss = InitIoULoss()(case(init))
    loss.backward()
    assert loss.item() == pytest.approx(1.0)
    assert torch.isfinite(init.grad).all()


def test_heads_without_a_first_stage_are_refused() -> None:
    with pytest.raises(LockonError, match=r"init \(InitIoULoss\) given for a head that makes no init_boxes"):
        active_terms(TrackPointsLosses(), ())


@pytest.mark.parametrize("values", [{"positions": 0}, {"smooth": -1.0}, {"kind": "iou"}])
def test_bad_settings_are_refused(values) -> None:
    with pytest.raises(LockonError):
        InitIoULoss(**values)
