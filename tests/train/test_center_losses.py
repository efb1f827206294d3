from __future__ import annotations

from dataclasses import replace

import pytest

import golden_data

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.ops.grid import Grid  # noqa: E402
from lockon.ops.torch.boxes import center_to_corner  # noqa: E402
from lockon.train.losses.base import LossInput, active_terms, evaluate  # noqa: E402
from lockon.types import Candidates, Prediction, Targets  # noqa: E402
from lockon.zoo.dense_losses import CenterLosses  # noqa: E402

SIZE = 256
OSTRACK = CenterLosses().l1


def _input(boxes: torch.Tensor, truth: torch.Tensor, logits: torch.Tensor) -> LossInput:
    """The highest score learns, as `PeakAssigner` has it; all candidates predict the same box."""
    labels = torch.zeros_like(logits).scatter(1, logits.detach().argmax(1, keepdim=True), 1.0)
    prediction = Prediction(logits, boxes[:, None].expand(-1, logits.shape[1], -1))
    return LossInput(
        prediction=prediction,
        targets=Targets(labels, truth, present=torch.ones(len(truth), dtype=torch.bool)),
        candidates=Candidates(torch.from_numpy(Grid(16, 16, offset=0.0).points()), None, 16.0),
        size=SIZE,
    )


def test_errors_are_in_sides_of_the_crop_and_the_truth_ends_at_its_border() -> None:
    """16, 0, 32 and 64 pixels of 256 off, and 44 pixels more where the truth is not cut."""
    boxes, truth = torch.tensor([[16.0, 0, 224, 192]]), torch.tensor([[0.0, 0, 300, 256]])
    x = _input(boxes, truth, torch.zeros(1, 256))
    assert OSTRACK(x).item() == pytest.approx((16 + 0 + 32 + 64) / 4 / 256)
    assert replace(OSTRACK, clip=False)(x).item() == pytest.approx((16 + 0 + 76 + 64) / 4 / 256)


def test_nothing_is_lost_without_a_positive() -> None:
    x = _input(torch.rand(2, 4), torch.rand(2, 4), torch.zeros(2, 256))
    empty = LossInput(prediction=x.prediction, targets=Targets(torch.zeros(2, 256), x.targets.boxes), candidates=x.candidates, size=SIZE)
    assert OSTRACK(empty).item() == 0


def test_all_losses_of_ostrack_and_their_gradients_equal_the_official_ones() -> None:
    golden = golden_data.losses("ostrack_losses")
    score = torch.from_numpy(golden["score"]).flatten(1)
    predicted = torch.from_numpy(golden["pred_cxcywh"]).requires_grad_()
    x, y, w, h = (torch.from_numpy(golden["gt_xywh"]) * SIZE).unbind(1)
    truth = torch.stack([x, y, x + w, y + h], 1)
    losses = evaluate(active_terms(CenterLosses(), ()), _input(center_to_corner(predicted) * SIZE, truth, torch.logit(score)))
    for ours, theirs in (("cls", "focal"), ("l1", "l1"), ("box", "giou"), ("loss", "total")):
        assert losses[ours].item() == pytest.approx(float(golden[f"loss.{theirs}"]), rel=golden_data.LOSS_LIMIT), ours
    for ours, theirs in (("l1", "l1"), ("box", "giou")):
        (gradient,) = torch.autograd.grad(losses[ours], predicted, retain_graph=True)
        stored = torch.from_numpy(golden[f"grad.{theirs}.pred"])
        assert (gradient - stored).abs().max() <= golden_data.GRADIENT_LIMIT * stored.abs().max(), ours
