from __future__ import annotations

import math

import pytest

import golden_data

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.errors import LockonError  # noqa: E402
from lockon.train.losses.cross_entropy import (  # noqa: E402
    WeightedCrossEntropy,
    balanced_cross_entropy,
    hard_negative_cross_entropy,
    weighted_cross_entropy,
)

LN2 = math.log(2)


def rows(*values):
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize(
    ("logits", "labels", "options", "expected"),
    [
        ([0, 0, 0, 0], [1, 1, 0, 0], {}, LN2),
        ([0, 0, 50, 0], [1, 0, 1, -1], {}, 0.5 * LN2 / 2 + 0.5 * LN2),  # the means count, not the numbers
        ([0, 0, 0], [1, 0, 0], {}, LN2),
        ([0, 0, 0], [1, 0, 0], {"skip_single": True}, 0.5 * LN2),  # a single positive counts as none
        ([0, 0, 0], [1, 1, 0], {"skip_single": True}, 0.5 * LN2),
        ([0, 0, 0], [0, 0, 0], {}, 0.5 * LN2),
        ([0, 0, 0], [-1, -1, -1], {}, 0.0),
        ([1000, -1000, 0], [0, 1, -1], {}, 1000.0),
    ],
)
def test_balanced_by_hand(logits, labels, options, expected: float) -> None:
    x = rows(logits).requires_grad_()
    loss = balanced_cross_entropy(x, rows(labels), **options)
    assert loss.item() == pytest.approx(expected, abs=1e-9)
    loss.backward()
    assert torch.isfinite(x.grad).all()
    assert (x.grad[rows(labels) < 0] == 0).all()


def test_balance_is_over_the_batch() -> None:
    """One positive in the first image, three in the second: each has a quarter of the positives' half."""
    logits = torch.zeros(2, 4, dtype=torch.float64, requires_grad=True)
    balanced_cross_entropy(logits, rows([1, -1, -1, -1], [1, 1, 1, -1])).backward()
    assert logits.grad[0, 0] == logits.grad[1, 0] == -0.5 * 0.25 * 0.5


@pytest.mark.parametrize("name", ["pysot_losses", "siamban_losses", "rbo_losses"])
def test_loss_and_gradient_equal_those_of_the_official_code(name: str) -> None:
    """The official classification loss and its gradient by both classes' scores."""
    golden, case = golden_data.losses(name), "" if name == "pysot_losses" else "mixed."
    cls = torch.from_numpy(golden[f"{case}cls"]).requires_grad_()
    labels = torch.from_numpy(golden[f"{case}label_cls"]).flatten(1)
    half = cls.shape[1] // 2
    loss = balanced_cross_entropy((cls[:, half:] - cls[:, :half]).flatten(1), labels, skip_single=True)
    loss.backward()
    assert loss.item() == pytest.approx(float(golden[f"{case}loss.cls_loss"]), rel=golden_data.LOSS_LIMIT)
    stored = torch.from_numpy(golden[f"{case}grad.cls_loss.cls"])
    assert (cls.grad - stored).abs().max() < golden_data.GRADIENT_LIMIT * stored.abs().max()


def test_golden_single_positive() -> None:
    golden = golden_data.losses("rbo_losses")
    cls = torch.from_numpy(golden["one_positive.cls"])
    labels = torch.from_numpy(golden["one_positive.label_cls"]).flatten(1)
    loss = balanced_cross_entropy((cls[:, 1] - cls[:, 0]).flatten(1), labels, skip_single=True)
    assert loss.item() == pytest.approx(float(golden["one_positive.loss.cls_loss"]), rel=golden_data.LOSS_LIMIT)


@pytest.mark.parametrize(
    ("logits", "labels", "threshold", "expected"),
    [
        ([0.1, 3, -1, 5], [0, 0, 0, 1], 0.5, (math.log1p(math.exp(0.1)) + math.log1p(math.exp(3))) / 2),
        ([0.1, 3, -1, 5], [0, 0, 0, 1], 0.9, math.log1p(math.exp(3))),
        ([-1, -2, 0, 5], [0, 0, 0, 1], 0.5, 0.0),  # 0.5 itself is not hard
        ([4, 4, 4, 4], [1, 1, -1, -1], 0.5, 0.0),
    ],
)
def test_hard_negatives_by_hand(logits, labels, threshold: float, expected: float) -> None:
    x = rows(logits).requires_grad_()
    loss = hard_negative_cross_entropy(x, rows(labels), threshold)
    assert loss.item() == pytest.approx(expected)
    loss.backward()
    assert (x.grad[rows(labels) != 0] == 0).all()


@pytest.mark.parametrize(
    ("logits", "labels", "expected"),
    [
        ([0, 0, 0, 0], [1, 1, 0, -1], LN2),
        ([0, 50, 50, 0], [1, 1, 0, 0], (LN2 + 0 + 50 / 16 + LN2 / 16) / (2 + 2 / 16)),
        ([-1000, 1000], [1, 0], (1000 + 1000 / 16) / (1 + 1 / 16)),
        ([0, 0], [0, 0], LN2),
        ([3, 4], [-1, -2], 0.0),
    ],
)
def test_weighted_by_hand(logits, labels, expected: float) -> None:
    x = rows(logits).requires_grad_()
    loss = weighted_cross_entropy(x, rows(labels), 1 / 16)
    assert loss.item() == pytest.approx(expected, abs=1e-9)
    loss.backward()
    assert torch.isfinite(x.grad).all()
    assert (x.grad[rows(labels) < 0] == 0).all()


def test_weighted_equals_torch_with_two_classes() -> None:
    torch.manual_seed(0)
    classes, labels = torch.randn(2, 30, 2), torch.randint(0, 2, (2, 30))  # class 0 is the target
    expected = torch.nn.functional.cross_entropy(classes.flatten(0, 1), 1 - labels.flatten(), torch.tensor([1.0, 0.0625]))
    torch.testing.assert_close(weighted_cross_entropy(classes[..., 0] - classes[..., 1], labels, 0.0625), expected)


def test_a_negative_weight_of_the_background_is_refused() -> None:
    with pytest.raises(LockonError, match="background must be 0 or more"):
        WeightedCrossEntropy(background=-1)
