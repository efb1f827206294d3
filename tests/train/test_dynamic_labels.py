"""Labels and loss of SiamLA on a map of 5 x 5 points, worked out by hand.

The target is 52 x 32 pixels around the middle of points 10 pixels apart: three are positive, twelve more lie in the box, ten outside.
"""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon import types  # noqa: E402
from lockon.errors import LockonError  # noqa: E402
from lockon.ops.grid import Grid  # noqa: E402
from lockon.train.assigners.points import with_boundary  # noqa: E402
from lockon.train.assigners.rectangle import RectangleAssigner  # noqa: E402
from lockon.train.losses.cross_entropy import balanced_cross_entropy  # noqa: E402
from lockon.train.losses.dynamic_labels import DynamicLabels, SmoothedLabels, dynamic_label_loss, dynamic_labels, smoothed_labels  # noqa: E402
from lockon.types import Candidates  # noqa: E402

BOX = torch.tensor([[-1.0, 9, 51, 41]])
POINTS = torch.from_numpy(Grid(5, 10).points())
TARGETS = with_boundary(RectangleAssigner()(Candidates(POINTS, None, 10), BOX, torch.tensor([True])), POINTS)
CENTER, BOUNDARY = TARGETS.labels == 1, TARGETS.labels == types.BOUNDARY
# IoU of each point's own box: the middle three of the middle row are the centre, the other twelve of rows 2 to 4 the boundary
IOU = torch.tensor([[0.6, 0.0, 0.1, 0.0, 0.0, 0.3, 0.6, 0.8, 0.6, 0.3, 0.4, 0.7, 0.9, 0.5, 0.2, 0.3, 0.5, 0.7, 0.5, 0.3, 0, 0, 0, 0, 0.9]])
LALS = DynamicLabels()
NONE = torch.zeros_like(BOUNDARY)

# Eq. 5, y0 = 1 / (1 + exp(-10 (IoU - 0.5))), and Eq. 7 with lambda 0.2, y = y0^5:
#   IoU   0.2        0.3        0.4        0.5        0.6        0.7        0.8        0.9
#   y0    0.0474259  0.1192029  0.2689414  0.5        0.7310586  0.8807971  0.9525741  0.9820138
#   y0^5  0.0000002  0.0000241  0.0014070  0.03125    0.2088146  0.5301263  0.7843211  0.9132463
# Eq. 6 over all fifteen: least 0.0000002 (a boundary point, IoU 0.2), greatest 0.9820138 (the centre, IoU 0.9).
#   centre:   0.7: 0.8807968 / 0.9820135 = 0.896929   0.9: 1   0.5: 0.4999998 / 0.9820135 = 0.509158
#   boundary: 0.3: 0.000024   0.4: 0.0014067 / 0.9820135 = 0.001433   0.5: 0.0312498 / 0.9820135 = 0.031822
#             0.6: 0.2088143 / 0.9820135 = 0.212639   0.7: 0.5301261 / 0.9820135 = 0.539836   0.8: 0.7843208 / 0.9820135 = 0.798686
EXPECTED = [
    [0.0, 0.0, 0.0, 0.0, 0.0],
    [0.000024, 0.212639, 0.798686, 0.212639, 0.000024],
    [0.001433, 0.896929, 1.0, 0.509158, 0.0],
    [0.000024, 0.031822, 0.539836, 0.031822, 0.000024],
    [0.0, 0.0, 0.0, 0.0, 0.0],
]
# The same with Eq. 6 first, over y0 from 0.0474259 to 0.9820138 (0.9345879 apart), and the power after it:
#   centre:   0.7: 0.8333712 / 0.9345879 = 0.891699   0.5: 0.4525741 / 0.9345879 = 0.484250
#   boundary: 0.3: 0.076800^5 = 0.000003   0.4: 0.237019^5 = 0.000748   0.5: 0.484250^5 = 0.026629
#             0.6: 0.731480^5 = 0.209418   0.7: 0.891699^5 = 0.563757   0.8: 0.968499^5 = 0.852114
NORMALIZED_FIRST = [
    [0.0, 0.0, 0.0, 0.0, 0.0],
    [0.000003, 0.209418, 0.852114, 0.209418, 0.000003],
    [0.000748, 0.891699, 1.0, 0.484250, 0.0],
    [0.000003, 0.026629, 0.563757, 0.026629, 0.000003],
    [0.0, 0.0, 0.0, 0.0, 0.0],
]


def rows(labels) -> list:
    return [pytest.approx(row, abs=1e-6) for row in labels]


def labelled(config: DynamicLabels, boundary=BOUNDARY, overlap=IOU, **kwargs):
    return dynamic_labels(overlap, CENTER, boundary, config, **kwargs)


def test_the_map() -> None:
    assert CENTER.view(5, 5).int().tolist() == [[0] * 5, [0] * 5, [0, 1, 1, 1, 0], [0] * 5, [0] * 5]
    assert BOUNDARY.view(5, 5).int().tolist() == [[0] * 5, [1] * 5, [1, 0, 0, 0, 1], [1] * 5, [0] * 5]


@pytest.mark.parametrize(("order", "expected"), [("power-first", EXPECTED), ("normalize-first", NORMALIZED_FIRST)])
def test_labels_by_hand(order, expected) -> None:
    assert labelled(replace(LALS, order=order)).view(5, 5).tolist() == rows(expected)


@pytest.mark.parametrize(
    ("config", "center"),
    [
        # over the centre alone: (0.8807971 - 0.5) / (0.9820138 - 0.5) = 0.790013
        (DynamicLabels(), [0.790013, 1.0, 0.0]),
        (DynamicLabels(normalize=False), [0.880797, 0.982014, 0.5]),
        # Table IV: (0.7 - 0.5) / (0.9 - 0.5)
        (DynamicLabels(map="linear"), [0.5, 1.0, 0.0]),
        (DynamicLabels(map="linear", normalize=False), [0.7, 0.9, 0.5]),
        # 1 / (1 + exp(-5 (0.7 - 0.6))) = 1 / (1 + exp(-0.5)), 1 / (1 + exp(-1.5)), 1 / (1 + exp(0.5))
        (DynamicLabels(alpha=0.6, beta=5, normalize=False), [0.622459, 0.817574, 0.377541]),
    ],
)
def test_without_boundary_points(config: DynamicLabels, center) -> None:
    for boundary in (None, NONE):
        assert labelled(config, boundary).view(5, 5).tolist() == rows([[0] * 5, [0] * 5, [0, *center, 0], [0] * 5, [0] * 5])


@pytest.mark.parametrize(
    ("smoothing", "expected"),
    [
        # the label of a boundary point with IoU 0.8, before normalization: 0.9525741 to the power of 10, 5, 3.33, 2.5, 1
        (0.1, 0.615160),
        (0.2, 0.784321),
        (0.3, 0.850477),
        (0.4, 0.885619),
        (1.0, 0.952574),
    ],
)
def test_lambdas_of_table_v(smoothing: float, expected: float) -> None:
    found = labelled(DynamicLabels(smoothing=smoothing, normalize=False))
    assert found[0, 7].item() == pytest.approx(expected, abs=1e-6)
    assert found[0, 12].item() == pytest.approx(0.982014, abs=1e-6)  # the centre does not change


def test_hard_labels_are_one_and_lambda() -> None:
    """The row of Table III with boundary labels that do not follow the IoU."""
    found = smoothed_labels(CENTER, BOUNDARY, 0.2)
    assert found.view(5, 5).tolist() == rows([[0] * 5, [0.2] * 5, [0.2, 1, 1, 1, 0.2], [0.2] * 5, [0] * 5])


def test_normalization_may_end() -> None:
    early = replace(LALS, normalize_steps=100)
    assert torch.equal(labelled(early, step=99), labelled(LALS))
    assert torch.equal(labelled(early, step=100), labelled(replace(LALS, normalize=False)))
    assert torch.equal(labelled(LALS, step=10**9), labelled(LALS))


# Scores: 0.75 (logit ln 3) at the centre and at one negative, 0.5 everywhere else.
#   centre:    -(y ln 0.75 + (1 - y) ln 0.25), y = 0.896929: 0.258030 + 0.142887 = 0.400917; 1: 0.287682; 0.509158: 0.826927; sum 1.515526
#   boundary:  12 ln 2 = 8.317766, whatever the label
#   negatives: 9 (1 + 0.5) ln 2 + (1 + 0.75) ln 4 = 9.357487 + 2.426015 = 11.783502
LOGITS = torch.where(CENTER, math.log(3), 0.0)
LOGITS[0, 0] = math.log(3)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, 0.5 * (1.515526 + 8.317766) / 15 + 0.5 * 11.783502 / 10),
        ({"reduction": "positives"}, (1.515526 + 8.317766 + 11.783502) / 15),
        ({"negative_weight": "detach"}, 0.5 * (1.515526 + 8.317766) / 15 + 0.5 * 11.783502 / 10),
        # 9 ln 2 + ln 4 = 7.624619
        ({"negative_weight": "none"}, 0.5 * (1.515526 + 8.317766) / 15 + 0.5 * 7.624619 / 10),
    ],
)
def test_loss_by_hand(fields, expected: float) -> None:
    config = replace(LALS, **fields)
    loss = dynamic_label_loss(LOGITS, labelled(config), CENTER | BOUNDARY, TARGETS.labels == 0, config)
    assert loss.item() == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        # d/dx (1 + c) softplus(x) = c (1 - c) ln 2 + (1 + c) c at c = 0.5: 0.173287 + 0.75; without the weight's own part; plain
        ("differentiate", 0.923287),
        ("detach", 0.75),
        ("none", 0.5),
    ],
)
def test_gradient_of_a_negative(weight, expected: float) -> None:
    logits = torch.zeros(1, 1, requires_grad=True)
    one, none = torch.ones(1, 1, dtype=torch.bool), torch.zeros(1, 1, dtype=torch.bool)
    config = DynamicLabels(negative_weight=weight)
    dynamic_label_loss(logits, torch.zeros(1, 1), none, one, config).backward()
    assert logits.grad.item() == pytest.approx(0.5 * expected, abs=1e-6)


def test_a_positive_is_drawn_to_its_label() -> None:
    """The gradient by the logit is c - y."""
    logits = torch.tensor([[0.0, 0.0, 2.0]], requires_grad=True)
    labels = torch.tensor([[0.5, 0.9, 0.2]])
    config = DynamicLabels(reduction="positives")
    dynamic_label_loss(logits, labels, torch.ones(1, 3, dtype=torch.bool), torch.zeros(1, 3, dtype=torch.bool), config).backward()
    assert logits.grad[0].tolist() == pytest.approx([0, -0.4 / 3, (1 / (1 + math.exp(-2)) - 0.2) / 3], abs=1e-6)


def test_hard_labels_without_smoothing_are_the_balanced_cross_entropy() -> None:
    config = SmoothedLabels()
    labels = RectangleAssigner()(Candidates(POINTS, None, 10), BOX, torch.tensor([True])).labels
    found = dynamic_label_loss(LOGITS, smoothed_labels(CENTER, NONE, config.smoothing), CENTER, labels == 0, config)
    assert found.item() == pytest.approx(balanced_cross_entropy(LOGITS, labels).item(), rel=1e-6)


@pytest.mark.parametrize("order", ["power-first", "normalize-first"])
@pytest.mark.parametrize("kind", ["sigmoid", "linear"])
def test_labels_carry_no_gradient(order, kind) -> None:
    overlap = IOU.clone().requires_grad_()
    labels = labelled(replace(LALS, order=order, map=kind), overlap=overlap)
    assert not labels.requires_grad
    logits = torch.zeros_like(IOU, requires_grad=True)
    soft = torch.rand_like(IOU).requires_grad_()
    by_logits, by_labels = torch.autograd.grad(
        dynamic_label_loss(logits, soft, CENTER | BOUNDARY, TARGETS.labels == 0, LALS), (logits, soft), allow_unused=True
    )
    assert by_labels is None
    assert by_logits.abs().sum() > 0


@pytest.mark.parametrize("overlap", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("order", ["power-first", "normalize-first"])
def test_equal_overlaps_are_not_stretched(overlap: float, order) -> None:
    """No division by nothing: where all labels are alike they stay what Eq. 5 says."""
    config = DynamicLabels(order=order)
    expected = 1 / (1 + math.exp(-10 * (overlap - 0.5)))
    found = labelled(config, None, torch.full_like(IOU, overlap))
    assert found[CENTER].tolist() == pytest.approx([expected] * 3, rel=1e-5)
    assert not found[~CENTER].any()


def test_almost_equal_overlaps() -> None:
    """Labels 1e-6 apart are stretched; those less apart are not."""
    config = DynamicLabels(map="linear")
    near, far = ([[0.5, 0.5 + gap]] for gap in (5e-7, 4e-6))
    both = torch.ones(1, 2, dtype=torch.bool)
    assert dynamic_labels(torch.tensor(near), both, None, config)[0].tolist() == pytest.approx([0.5, 0.5], abs=1e-6)
    assert dynamic_labels(torch.tensor(far), both, None, config)[0].tolist() == [0, 1]


def test_a_single_positive_is_not_stretched() -> None:
    one = torch.zeros_like(CENTER)
    one[0, 12] = True
    assert dynamic_labels(IOU, one, None, LALS)[0, 12].item() == pytest.approx(0.982014, abs=1e-6)
    assert dynamic_labels(IOU, NONE, one, LALS)[0, 12].item() == pytest.approx(0.913246, abs=1e-6)  # a boundary point alone


def test_images_are_normalized_apart() -> None:
    overlap = torch.cat([IOU, IOU / 2])
    found = dynamic_labels(overlap, CENTER.expand(2, -1), BOUNDARY.expand(2, -1), LALS)
    torch.testing.assert_close(found[:1], labelled(LALS))
    torch.testing.assert_close(found[1:], labelled(LALS, overlap=IOU / 2))


@pytest.mark.parametrize("center", [NONE, CENTER])
@pytest.mark.parametrize("edge", [None, NONE, BOUNDARY])
@pytest.mark.parametrize("negative", [NONE, ~(CENTER | BOUNDARY)])
@pytest.mark.parametrize("reduction", ["balanced", "positives"])
@pytest.mark.parametrize("logit", [0.0, 200.0, -200.0])
def test_finite_whatever_is_missing(center, edge, negative, reduction, logit: float) -> None:
    config = replace(LALS, reduction=reduction)
    labels = dynamic_labels(IOU, center, edge, config)
    logits = torch.full_like(IOU, logit, requires_grad=True)
    loss = dynamic_label_loss(logits, labels, center if edge is None else center | edge, negative, config)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()
    assert not logits.grad[~(center | negative | (NONE if edge is None else edge))].any()


overlaps = st.lists(st.floats(0, 1, width=32), min_size=6, max_size=6)
orders = st.sampled_from(["power-first", "normalize-first"])


@given(
    overlaps, st.sampled_from(["sigmoid", "linear"]), st.booleans(), st.sampled_from(["power-first", "normalize-first"]), st.floats(0.05, 1)
)
def test_order_and_range(values, kind, normalize: bool, order, smoothing: float) -> None:
    """Labels rise with the IoU; a boundary point never has more than a centre point of the same IoU."""
    config = DynamicLabels(map=kind, normalize=normalize, order=order, smoothing=smoothing)
    values = sorted(values)
    overlap = torch.tensor([values + values])
    center = torch.arange(12)[None] < 6
    labels = dynamic_labels(overlap, center, ~center, config)[0]
    assert ((labels >= 0) & (labels <= 1)).all()
    middle, edge = labels[:6], labels[6:]
    assert (middle.diff() >= 0).all()
    assert (edge.diff() >= 0).all()
    assert (edge <= middle + 1e-6).all()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"alpha": 1.5}, "alpha must be between 0 and 1, got 1.5"),
        ({"beta": 0.0}, "beta must be above 0, got 0.0"),
        ({"smoothing": 0.0}, r"smoothing must be above 0 and at most 1 \(0.2 in the paper\), got 0.0"),
        ({"smoothing": 2.0}, "smoothing must be above 0"),
        ({"normalize_steps": -1}, "normalize_steps must be 0 or more, or none"),
    ],
)
def test_bad_settings_are_refused(fields, message: str) -> None:
    with pytest.raises(LockonError, match=message):
        DynamicLabels(**fields)
