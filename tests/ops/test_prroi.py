"""PrRoI pooling against the definition: the mean of the bilinear map over each bin, by brute force; the official values; gradients."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from hypothesis import given, strategies as st  # noqa: E402

import golden_alpharefine  # noqa: E402
import golden_data  # noqa: E402
from lockon.ops.torch.prroi import prroi_pool, prroi_pool_with_jacobian  # noqa: E402

STEPS = 200  # brute force: points per bin and axis; its own error is below 1 / (8 STEPS^2) of the map's curvature


def brute_force(features, box, size: tuple[int, int], scale: float) -> np.ndarray:
    """The definition: values of the bilinear surface, 0 from one cell beyond the border on, averaged over a fine grid in each bin."""
    c, height, width = features.shape
    x1, y1, x2, y2 = (value * scale for value in box)
    rows, columns = size
    xs = x1 + (np.arange(columns * STEPS) + 0.5) * (x2 - x1) / (columns * STEPS)
    ys = y1 + (np.arange(rows * STEPS) + 0.5) * (y2 - y1) / (rows * STEPS)
    across = np.maximum(0, 1 - np.abs(xs[:, None] - np.arange(width)))  # (Q STEPS, W) hats
    down = np.maximum(0, 1 - np.abs(ys[:, None] - np.arange(height)))
    values = np.einsum("yi,cij,xj->cyx", down, features, across, optimize=True)
    return values.reshape(c, rows, STEPS, columns, STEPS).mean(axis=(2, 4))


def _map(*shape: int, seed: int = 0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(
    ("box", "size", "scale"),
    [
        ((24, 30, 90, 100), (3, 3), 1 / 8),  # inside
        ((-40, 50, 60, 190), (5, 5), 1 / 8),  # over the left and the lower border
        ((50, 41, 53.5, 44), (4, 4), 1 / 8),  # within one cell
        ((7.3, 1.1, 250, 260), (1, 1), 1 / 16),
        ((16, 32, 80, 96), (4, 4), 1 / 16),  # on the cells
        ((-90, -70, -10, -20), (3, 3), 1 / 16),  # only what falls off outside the first cell
        ((10, 20, 140, 55), (2, 7), 1 / 8),  # not square
    ],
)
def test_the_mean_over_each_bin(box: tuple[float, ...], size: tuple[int, int], scale: float) -> None:
    features = _map(2, 3, 14, 18)
    boxes = torch.tensor([box, box], dtype=torch.float64)
    pooled = prroi_pool(features, boxes, torch.tensor([1, 0]), size=size, scale=scale)
    assert pooled.shape == (2, 3, *size)
    for number, which in enumerate((1, 0)):
        expected = brute_force(features[which].numpy(), box, size, scale)
        assert np.abs(pooled[number].numpy() - expected).max() < 1e-4


@pytest.mark.parametrize(("key", "size"), [("out_8x8", 8), ("out_3x5", (3, 5))])
def test_official_values(key: str, size: int | tuple[int, int]) -> None:
    golden = golden_alpharefine.legacy_neck()
    features, rois = torch.from_numpy(golden["features"]), torch.from_numpy(golden["rois"])
    pooled = prroi_pool(features, rois[:, 1:], rois[:, 0].long(), size=size, scale=1 / 16)
    assert pooled.dtype == torch.float32
    worst = np.abs(pooled.numpy() - golden[key]).max() / np.abs(golden[key]).max()
    assert worst < golden_data.FEATURE_LIMIT
    exact = prroi_pool(features.double(), rois[:, 1:].double(), rois[:, 0].long(), size=size, scale=1 / 16)
    assert np.abs(exact.numpy() - golden[key]).max() < 1e-12


def test_worked_values() -> None:
    """A constant map gives 1 inside, and half of that where half of a bin is beyond the fall-off; a ramp gives the bins' centres."""
    ones = torch.ones(1, 1, 9, 9)
    assert prroi_pool(ones, torch.tensor([[1.0, 1.0, 7.0, 7.0]]), torch.tensor([0]), size=3, scale=1).tolist() == [[[[1.0] * 3] * 3]]
    # columns -3..-1 see nothing; -1..1 see the triangle of area 1/2 and one whole cell
    beyond = prroi_pool(ones, torch.tensor([[-3.0, 2.0, 1.0, 6.0]]), torch.tensor([0]), size=2, scale=1)
    assert beyond[0, 0, 0].tolist() == pytest.approx([0, 0.75])
    ramp = torch.arange(9.0).expand(1, 1, 9, 9)
    columns = prroi_pool(ramp, torch.tensor([[8.0, 8.0, 56.0, 56.0]]), torch.tensor([0]), size=3, scale=1 / 8)[0, 0, 0]
    assert columns.tolist() == pytest.approx([2, 4, 6])  # 1..3, 3..5, 5..7


def test_boxes_per_map_equal_boxes_by_number() -> None:
    features, boxes = _map(3, 4, 7, 9), torch.rand(3, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 60
    boxes = torch.cat([boxes[..., :2], boxes[..., :2] + boxes[..., 2:]], dim=-1)
    together = prroi_pool(features, boxes, size=(2, 3), scale=1 / 8)
    single = prroi_pool(features, boxes.flatten(0, 1), torch.arange(3).repeat_interleave(5), size=(2, 3), scale=1 / 8)
    assert together.shape == (3, 5, 4, 2, 3)
    torch.testing.assert_close(together.flatten(0, 1), single, rtol=1e-12, atol=1e-12)


def test_no_boxes() -> None:
    pooled = prroi_pool(torch.ones(2, 3, 5, 5), torch.zeros(0, 4), torch.zeros(0, dtype=torch.long), size=4, scale=1)
    assert pooled.shape == (0, 3, 4, 4)


@pytest.mark.parametrize("box", [(3, 3, 3, 3), (3, 3, 3, 6), (5, 5, 2, 7), (1e9, 1e9, 2e9, 2e9), (-1e9, 0, -9e8, 4)])
def test_empty_and_far_boxes_give_zeros_and_no_nan(box: tuple[float, ...]) -> None:
    features = torch.ones(1, 2, 6, 6, requires_grad=True)
    boxes = torch.tensor([box], dtype=torch.float32, requires_grad=True)
    pooled = prroi_pool(features, boxes, torch.tensor([0]), size=3, scale=1)
    assert pooled.abs().max() == 0
    pooled.sum().backward()
    assert torch.isfinite(boxes.grad).all()
    assert features.grad.abs().max() == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_coordinates_stay_exact_in_half_precision(dtype) -> None:
    """At 250 pixels bfloat16 has steps of one pixel; the boxes must not be rounded to them."""
    features, boxes = torch.arange(16.0).expand(1, 1, 16, 16), torch.tensor([[180.5, 180.5, 200.75, 200.75]])
    pooled = prroi_pool(features.to(dtype), boxes, torch.tensor([0]), size=1, scale=1 / 16)
    assert pooled.dtype == dtype
    assert float(pooled) == pytest.approx((180.5 + 200.75) / 32, rel=1e-2)


@pytest.mark.parametrize("box", [(1.3, 2.1, 5.7, 6.2), (-1.6, -0.7, 3.3, 9.4), (2.2, 2.4, 2.7, 2.9)])
def test_gradients(box: tuple[float, ...]) -> None:
    features = _map(1, 2, 7, 6).requires_grad_()
    boxes = torch.tensor([box], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda f, b: prroi_pool(f, b, torch.tensor([0]), size=(2, 3), scale=0.9), (features, boxes))


def test_gradient_of_the_box_equals_the_published_formula() -> None:
    """d mean / d x1 of one bin is (mean - mean over the left edge) / width, and so on for the others."""
    features = _map(1, 1, 8, 8)
    box = torch.tensor([[1.4, 2.2, 4.9, 6.1]], dtype=torch.float64, requires_grad=True)
    value = prroi_pool(features, box, torch.tensor([0]), size=1, scale=1)
    value.backward()
    x1, y1, x2, y2 = box.detach()[0].tolist()
    thin = 1e-7

    def edge(*corners: float) -> float:
        return float(prroi_pool(features, torch.tensor([corners], dtype=torch.float64), torch.tensor([0]), size=1, scale=1))

    mean = float(value.detach())
    expected = [
        (mean - edge(x1 - thin, y1, x1 + thin, y2)) / (x2 - x1),
        (mean - edge(x1, y1 - thin, x2, y1 + thin)) / (y2 - y1),
        (edge(x2 - thin, y1, x2 + thin, y2) - mean) / (x2 - x1),
        (edge(x1, y2 - thin, x2, y2 + thin) - mean) / (y2 - y1),
    ]
    assert box.grad[0].tolist() == pytest.approx(expected, abs=1e-6)


side = st.floats(0.5, 40)
place = st.floats(-20, 60)


@given(st.tuples(place, place, side, side), st.integers(1, 4), st.integers(1, 4))
def test_the_bins_of_a_box_average_to_the_box(xywh: tuple[float, ...], rows: int, columns: int) -> None:
    x, y, w, h = xywh
    features, box = _map(1, 1, 6, 7), torch.tensor([[x, y, x + w, y + h]], dtype=torch.float64)
    whole = prroi_pool(features, box, torch.tensor([0]), size=1, scale=1 / 8)
    parts = prroi_pool(features, box, torch.tensor([0]), size=(rows, columns), scale=1 / 8)
    assert float(parts.mean()) == pytest.approx(float(whole), abs=1e-9)
    assert parts.abs().max() <= features.abs().max() + 1e-9


def test_the_closed_form_derivative_by_the_box_is_that_of_automatic_differentiation() -> None:
    features = _map(2, 3, 14, 18)
    boxes = torch.tensor([[24.0, 30, 90, 100], [-40, 50, 60, 190], [50, 41, 53.5, 44], [16, 32, 80, 96]], dtype=torch.float64)
    boxes = torch.stack([boxes, boxes + 3.7]).requires_grad_()
    expected = prroi_pool(features, boxes, size=3, scale=1 / 8)
    pooled, derivatives = prroi_pool_with_jacobian(features, boxes.detach(), size=3, scale=1 / 8)
    torch.testing.assert_close(pooled, expected.detach())
    for where in ((0, 0, 0, 0, 0), (0, 1, 2, 1, 2), (1, 2, 1, 2, 0), (1, 3, 0, 1, 1)):
        (slopes,) = torch.autograd.grad(expected[where], boxes, retain_graph=True)
        b, r, c, p, q = where
        torch.testing.assert_close(derivatives[b, r, :, c, p, q], slopes[b, r], rtol=0, atol=1e-12)
    empty = prroi_pool_with_jacobian(features[:1], torch.tensor([[[30.0, 20, 30, 60]]], dtype=torch.float64), size=3, scale=1 / 8)
    assert empty[0].abs().max() == 0
    assert torch.isfinite(empty[1]).all()
