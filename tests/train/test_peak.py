from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.errors import LockonError  # noqa: E402
from lockon.train.assigners.peak import PeakAssigner  # noqa: E402
from lockon.types import Candidates, Prediction  # noqa: E402

CANDIDATES = Candidates(torch.zeros(4, 2), None, 16.0)
BOXES = torch.tensor([[0.0, 0, 10, 10], [5, 5, 20, 30]])


def test_the_highest_score_learns_and_gets_no_gradient_for_it() -> None:
    logits = torch.tensor([[0.0, 2, 1, -1], [3, 1, 2, 0]], requires_grad=True)
    targets = PeakAssigner()(CANDIDATES, BOXES, torch.tensor([True, True]), Prediction(logits, torch.zeros(2, 4, 4)))
    assert targets.labels.tolist() == [[0, 1, 0, 0], [1, 0, 0, 0]]
    assert not targets.labels.requires_grad
    assert torch.equal(targets.boxes, BOXES)


def test_an_absent_target_has_no_positive_and_equal_scores_have_one() -> None:
    prediction = Prediction(torch.zeros(2, 4), torch.zeros(2, 4, 4))
    targets = PeakAssigner()(CANDIDATES, BOXES, torch.tensor([False, True]), prediction)
    assert targets.labels.sum(1).tolist() == [0, 1]


def test_a_peak_needs_a_prediction() -> None:
    with pytest.raises(LockonError, match="give it the prediction"):
        PeakAssigner()(CANDIDATES, BOXES, torch.ones(2, dtype=torch.bool))
