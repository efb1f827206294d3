from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.errors import LockonError  # noqa: E402
from lockon.train.losses.localization import LocalizationQuality, draw_negatives, localization_loss  # noqa: E402

CONFIG = LocalizationQuality()


def mask(*rows):
    return torch.tensor(rows, dtype=torch.bool)


def test_localization_loss_equals_that_worked_out_by_hand() -> None:
    """Two positives with IoU 0.9 and 0.4, two points outside: N = 2 Npos = 4, all of them drawn."""
    logits = torch.tensor([[0.0, math.log(3), 0.0, math.log(3), 5.0]])
    overlap = torch.tensor([[0.9, 0.4, 0.3, 0.0, 0.2]])
    loss = localization_loss(logits, overlap, mask([1, 1, 0, 0, 0]), mask([0, 0, 1, 1, 0]), CONFIG)
    # ln 2; -(0.4 ln 0.75 + 0.6 ln 0.25) = 0.115073 + 0.831777; negatives with target 0: ln 2; -ln 0.25 = 1.386294
    assert loss.item() == pytest.approx((0.693147 + 0.946850 + 0.693147 + 1.386294) / 4, abs=1e-6)


def test_negatives_may_learn_their_own_overlap() -> None:
    logits, overlap = torch.tensor([[0.0, math.log(3)]]), torch.tensor([[0.5, 0.2]])
    args = logits, overlap, mask([1, 0]), mask([0, 1])
    # -(0.2 ln 0.75 + 0.8 ln 0.25) = 0.057536 + 1.109035
    loss = localization_loss(*args, LocalizationQuality(negative_target="iou"))
    assert loss.item() == pytest.approx((0.693147 + 1.166572) / 2, abs=1e-6)
    assert localization_loss(*args, LocalizationQuality(negatives=0)).item() == pytest.approx(math.log(2))


def test_only_the_branch_learns() -> None:
    logits, overlap = torch.zeros(2, 6, requires_grad=True), torch.rand(2, 6, requires_grad=True)
    positive, outside = mask([1, 1, 0, 0, 0, 0], [0] * 6), mask([0, 0, 0, 1, 1, 1], [1] * 6)
    for target in ("zero", "iou"):
        loss = localization_loss(logits, overlap, positive, outside, LocalizationQuality(negative_target=target))
        by_logits, by_overlap = torch.autograd.grad(loss, (logits, overlap), allow_unused=True)
        assert by_overlap is None
        assert (by_logits != 0).sum() == 4
        assert not by_logits[1].any()  # an image without positives draws no negatives


@pytest.mark.parametrize(("ratio", "expected"), [(1.0, [3, 1, 0, 2]), (2.0, [6, 2, 0, 2]), (0.0, [0, 0, 0, 0]), (0.5, [2, 0, 0, 2])])
def test_how_many_are_drawn(ratio: float, expected) -> None:
    """As many as positives, per image; or all there are (2 in the last one). Halves are rounded to even."""
    positive = mask([1, 1, 1] + [0] * 9, [1] + [0] * 11, [0] * 12, [1] * 10 + [0] * 2)
    drawn = draw_negatives(positive, ~positive, ratio)
    assert drawn.sum(1).tolist() == expected
    assert not (drawn & positive).any()


def test_every_candidate_has_the_same_chance() -> None:
    """2,000 draws of 2 from 8: each 500 times, with a standard deviation of 19."""
    positive = mask([1, 1, 0] + [0] * 9).expand(2000, -1)
    candidates = mask([0, 0, 0, 0] + [1] * 8).expand(2000, -1)
    drawn = draw_negatives(positive, candidates, generator=torch.Generator().manual_seed(0)).sum(0)
    assert drawn[:4].sum() == 0
    assert drawn.sum() == 4000
    assert 400 < drawn[4:].min() <= drawn[4:].max() < 600


def test_seeded() -> None:
    positive = mask([1] * 5 + [0] * 50)
    first, again, other = (draw_negatives(positive, ~positive, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    torch.manual_seed(3)
    first = draw_negatives(positive, ~positive)
    torch.manual_seed(3)
    assert torch.equal(first, draw_negatives(positive, ~positive))


@pytest.mark.parametrize("positive", [[0, 0, 0], [1, 0, 0], [1, 1, 1]])
@pytest.mark.parametrize("outside", [[0, 0, 0], [0, 1, 1], [1, 1, 1]])
def test_finite(positive, outside) -> None:
    logits = torch.tensor([[200.0, -200.0, 0.0]], requires_grad=True)
    loss = localization_loss(logits, torch.rand(1, 3), mask(positive), mask(outside), CONFIG)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()
    assert (loss == 0) == (not any(positive))


def test_bad_settings_are_refused() -> None:
    with pytest.raises(LockonError, match=r"negatives must be 0 or more, got -1"):
        LocalizationQuality(negatives=-1)
