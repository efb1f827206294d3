"""Gradients of the ranking losses: zero where Eq. 10 freezes a value, finite differences elsewhere; and batches with nothing to rank."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings, strategies as st

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.train.losses.pair_ranking import IoURanking, PairRanking, PaperIoURanking, RankDetNet, iou_ranking  # noqa: E402
from lockon.train.losses.ranking import (  # noqa: E402
    ClassificationRanking,
    PaperClassificationRanking,
    classification_ranking,
)

OFFICIAL, PAPER = ClassificationRanking(), PaperClassificationRanking()
PAIRS, PAPER_PAIRS = IoURanking(), PaperIoURanking()


def values(seed: int, images: int = 3, candidates: int = 12):
    """Distinct probabilities and IoUs at least 0.01 apart, so that a finite difference swaps none; labels of all kinds."""
    generator = torch.Generator().manual_seed(seed)
    p, v = (
        torch.stack([torch.randperm(90, generator=generator)[:candidates] for _ in range(images)]).double() / 100 + 0.055 for _ in range(2)
    )
    return p, v, torch.randint(-1, 2, (images, candidates), generator=generator)


@pytest.mark.parametrize("config", [OFFICIAL, PAPER])
@pytest.mark.parametrize("seed", range(5))
def test_finite_differences_of_the_classification_ranking(config: ClassificationRanking, seed: int) -> None:
    p, _, labels = values(seed)
    assert torch.autograd.gradcheck(lambda x: classification_ranking(x, labels, config), p.requires_grad_())


@pytest.mark.parametrize("config", [PAIRS, PAPER_PAIRS, replace(PAIRS, scope="batch"), RankDetNet(), replace(PAPER_PAIRS, gamma=5)])
@pytest.mark.parametrize("seed", range(5))
def test_finite_differences(config: PairRanking, seed: int) -> None:
    """Of everything that is not frozen: both probabilities of a pair, and (last) both IoUs where nothing freezes them."""
    p, v, labels = values(seed)
    assert torch.autograd.gradcheck(lambda x: config.compare(x, v, labels), p.requires_grad_())
    free = replace(config, freeze=False) if isinstance(config, IoURanking) else config
    assert torch.autograd.gradcheck(lambda x: free.compare(p.detach(), x, labels), v.requires_grad_())


def test_first_term_moves_probabilities_alone() -> None:
    p, v, labels = values(0)
    score, overlap = iou_ranking(p.requires_grad_(), v.requires_grad_(), labels, PAIRS)
    by_score = torch.autograd.grad(score, (p, v), allow_unused=True)
    by_overlap = torch.autograd.grad(overlap, (p, v), allow_unused=True)
    assert by_score[1] is None
    assert by_overlap[0] is None
    assert (by_score[0][labels > 0] != 0).any()
    assert (by_overlap[1][labels > 0] != 0).any()
    assert (by_score[0][labels <= 0] == 0).all()
    assert (by_overlap[1][labels <= 0] == 0).all()


@pytest.mark.parametrize("config", [PAIRS, PAPER_PAIRS])
def test_lower_overlap_is_frozen(config: IoURanking) -> None:
    """Of a pair, the IoU of the candidate with the lower probability has gradient exactly 0; the other one -gamma times the loss."""
    p, v = torch.tensor([[0.9, 0.6]]).double(), torch.tensor([[0.5, 0.8]]).double().requires_grad_()
    _, overlap = iou_ranking(p, v, torch.ones(1, 2), config)
    (gradient,) = torch.autograd.grad(overlap, v)
    assert gradient[0, 1] == 0
    assert float(gradient[0, 0]) == pytest.approx(-3 * overlap.item())
    _, overlap = iou_ranking(p, v, torch.ones(1, 2), replace(config, freeze=False))
    (gradient,) = torch.autograd.grad(overlap, v)
    assert float(gradient[0, 1]) == pytest.approx(3 * overlap.item())


def test_lowest_is_frozen_and_all_others_pushed_up() -> None:
    """With n positives the n - 1 above the lowest score have a negative gradient: no IoU is ever lowered."""
    p, v, _ = values(1, images=2, candidates=8)
    _, overlap = iou_ranking(p, v.requires_grad_(), torch.ones(2, 8), PAIRS)
    (gradient,) = torch.autograd.grad(overlap, v)
    lowest = torch.nn.functional.one_hot(p.argmin(1), 8).bool()
    assert (gradient[lowest] == 0).all()
    assert (gradient[~lowest] < 0).all()


def test_classification_ranking_has_gradient_through_the_weights() -> None:
    """P- of two negatives a > b: its derivative by a is more than a's own weight, as the weight grows with it."""
    p = torch.tensor([[0.9, 0.8, 0.6]]).double().requires_grad_()
    loss = classification_ranking(p, torch.tensor([[1, 0, 0]]), replace(OFFICIAL, hard_negatives="threshold"))
    (gradient,) = torch.autograd.grad(loss, p)
    weight = torch.softmax(p[0, 1:].detach(), 0)
    outer = -gradient[0, 0]  # d loss / d P-
    assert gradient[0, 1] > outer * weight[0]
    torch.testing.assert_close(gradient[0, 1:].sum(), outer)


# Batches with nothing to rank: labels, probabilities, and the documented values of the three terms in official mode.
EVEN = [0.6] * 6
CASES = {
    "no positives": ([0] * 6, [0.9, 0.2, 0.3, 0.4, 0.1, 0.2], None, 0, 0),
    "no positives, no hard negatives": ([0] * 6, [0.1] * 6, 0, 0, 0),
    "one positive": ([1, 0, 0, 0, -1, -1], [0.7, 0.6, 0.2, 0.1, 0.9, 0.9], None, 0, 0),
    "no hard negatives": ([1, 1, 0, 0, 0, 0], [0.3, 0.3, 0.4, 0.5, 0.1, 0.1], 0, None, None),
    "all ignored": ([-1] * 6, EVEN, 0, 0, 0),
    "only positives": ([1] * 6, EVEN, 0, 1, 1),
    "all equal": ([1, 1, 1, 0, 0, 0], EVEN, 0.531732, 1, 1),
    "zero probabilities": ([1, 1, 0, 0, 0, 0], [0.0] * 6, 0, 1, 1),
    "certain": ([1, 1, 0, 0, 0, 0], [1.0] * 6, 0.531732, 1, 1),
}


@pytest.mark.parametrize("margin", [OFFICIAL, PAPER])
@pytest.mark.parametrize("pair", [PAIRS, PAPER_PAIRS, RankDetNet()])
@pytest.mark.parametrize("case", CASES)
def test_degenerate_batches(case: str, margin: ClassificationRanking, pair: PairRanking) -> None:
    """Finite values and gradients in float32; ln(1 + exp(4 * 0.5)) / 4 = 0.531732 where P+ = P-."""
    labels, probability, *expected = CASES[case]
    for images in (1, 3):
        p = torch.tensor([probability] * images).requires_grad_()
        v = torch.full_like(p, 0.5).requires_grad_()
        y = torch.tensor([labels] * images)
        losses = [classification_ranking(p, y, margin), *pair.compare(p, v, y)]
        sum(losses).backward()
        assert all(torch.isfinite(loss) for loss in losses)
        assert torch.isfinite(p.grad).all()
        assert v.grad is None or torch.isfinite(v.grad).all()
        if (margin, pair) == (OFFICIAL, PAIRS):
            for loss, value in zip(losses, expected, strict=True):
                assert value is None or loss.item() == pytest.approx(value, abs=1e-6)
        if not any(loss.item() for loss in losses):
            assert not p.grad.any()


def test_mixed_batches_are_means_of_their_images() -> None:
    """Images that cannot be ranked do not change the loss of the others."""
    p, v, labels = values(3)
    nothing = torch.full_like(p[:1], 0.1), torch.full_like(v[:1], 0.5), torch.zeros_like(labels[:1])
    with_it = [torch.cat([x, y]) for x, y in zip((p, v, labels), nothing, strict=True)]
    torch.testing.assert_close(classification_ranking(with_it[0], with_it[2], OFFICIAL), classification_ranking(p, labels, OFFICIAL))
    for found, expected in zip(iou_ranking(*with_it, PAIRS), iou_ranking(p, v, labels, PAIRS), strict=True):
        torch.testing.assert_close(found, expected)


@settings(deadline=None, max_examples=60)
@given(
    logits=st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=12),
    labels=st.lists(st.integers(-1, 1), min_size=12, max_size=12),
    margin=st.sampled_from([OFFICIAL, PAPER]),
    pair=st.sampled_from([IoURanking(gamma=5), PaperIoURanking(gamma=5)]),
)
def test_never_nan(logits, labels, margin: ClassificationRanking, pair: PairRanking) -> None:
    x = torch.tensor([logits], requires_grad=True)
    p, y = torch.sigmoid(x), torch.tensor([labels[: len(logits)]])
    loss = classification_ranking(p, y, margin) + sum(pair.compare(p, p, y))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(x.grad).all()
