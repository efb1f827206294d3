from __future__ import annotations

import math
from itertools import product

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.ops.torch.deform import _gathered_points, deform_conv, points_on_map, sample_points  # noqa: E402


def value(features, b: int, c: int, x: float, y: float) -> float:
    """One tap by the definition: four cells around, those outside the map are 0."""
    total = 0.0
    for column, row in product((math.floor(x), math.floor(x) + 1), (math.floor(y), math.floor(y) + 1)):
        if 0 <= column < features.shape[3] and 0 <= row < features.shape[2]:
            total += (1 - abs(x - column)) * (1 - abs(y - row)) * float(features[b, c, row, column])
    return total


def tap_by_tap(features, weight, points):
    batch, channels, height, width = features.shape
    out = torch.zeros(batch, len(weight), height, width, dtype=features.dtype)
    for b, row, column, k, c in product(*map(range, (batch, height, width, weight.shape[2], channels))):
        dx, dy = points[b, row * width + column, k].tolist()
        out[b, :, row, column] += weight[:, c, k] * value(features, b, c, column + dx, row + dy)
    return out


def inputs(kernel: int, *, height: int = 4, width: int = 5, spread: float = 3.0):
    """Features, weights and points, of which some lie outside the map."""
    torch.manual_seed(kernel)
    shape = (2, height * width, kernel * kernel, 2)
    points = (torch.rand(shape, dtype=torch.float64) - 0.5) * 2 * spread
    return torch.randn(2, 3, height, width, dtype=torch.float64), torch.randn(2, 3, kernel * kernel, dtype=torch.float64), points


@pytest.mark.parametrize("kernel", [1, 3, 4, 5, 6, 7])
def test_convolution_equals_a_loop_over_taps(kernel: int) -> None:
    features, weight, points = inputs(kernel, height=3, width=4)
    torch.testing.assert_close(deform_conv(features, weight, points), tap_by_tap(features, weight, points), atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1)])
def test_maps_of_one_row_or_column_equal_a_loop_over_taps(shape: tuple[int, int]) -> None:
    features, weight, points = inputs(3, height=shape[0], width=shape[1])
    torch.testing.assert_close(deform_conv(features, weight, points), tap_by_tap(features, weight, points), atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("kernel", [3, 5])
def test_points_on_the_regular_grid_give_a_convolution(kernel: int) -> None:
    features, weight, points = inputs(kernel)
    axis = torch.arange(kernel, dtype=torch.float64) - kernel // 2
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    grid = torch.stack([x, y], -1).flatten(0, 1).expand_as(points)
    expected = torch.nn.functional.conv2d(features, weight.unflatten(2, (kernel, kernel)), padding=kernel // 2)
    torch.testing.assert_close(deform_conv(features, weight, grid), expected)


def test_convolution_equals_that_of_torchvision() -> None:
    ops = pytest.importorskip("torchvision.ops")
    features, weight, points = inputs(3)
    axis = torch.arange(3, dtype=torch.float64) - 1
    base = torch.stack([*torch.meshgrid(axis, axis, indexing="ij")], -1).flatten(0, 1)  # (9, 2) y, x
    offset = (points.flip(-1) - base).flatten(2).transpose(1, 2).unflatten(2, (4, 5))
    expected = ops.deform_conv2d(features, offset, weight.unflatten(2, (3, 3)), padding=1)
    torch.testing.assert_close(deform_conv(features, weight, points), expected)


def test_gathers_of_exported_graphs_give_the_same_samples_and_gradients() -> None:
    features, _, points = inputs(4)
    positions = points_on_map(points, 5)
    sides = torch.tensor([5.0, 4.0], dtype=torch.float64)
    found = []
    for sample in (sample_points, lambda f, p: _gathered_points(f, torch.minimum(p.clamp(min=-1), sides), sides)):
        f, p = features.clone().requires_grad_(), positions.clone().requires_grad_()
        out = sample(f, p)
        (out * torch.arange(out.numel(), dtype=out.dtype).view_as(out).cos()).sum().backward()
        found.append((out.detach(), f.grad, p.grad))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_gradients_agree_with_finite_differences() -> None:
    """Points away from the cells' centres, where the interpolation has a kink."""
    features, weight, points = inputs(3, height=3, width=3)
    points = points.floor() + 0.1 + 0.8 * (points - points.floor())
    torch.autograd.gradcheck(deform_conv, (features.requires_grad_(), weight.requires_grad_(), points.requires_grad_()))


def test_samples_at_cells_are_exact_and_0_from_one_cell_outside() -> None:
    features = torch.arange(12.0).view(1, 1, 3, 4)
    places = torch.tensor([[0.0, 0.0], [3.0, 2.0], [-1.0, 0.0], [4.0, 1.0], [-0.5, 1.0], [0.5, 0.5]])
    assert sample_points(features, places.view(1, -1, 1, 2)).flatten().tolist() == pytest.approx([0, 11, 0, 0, 2, 2.5], abs=1e-5)


@pytest.mark.parametrize("far", [1e30, -1e30, math.inf])
def test_huge_positions_give_0_and_no_gradient(far: float) -> None:
    features = torch.ones(1, 2, 3, 3, requires_grad=True)
    positions = torch.full((1, 4, 9, 2), far, requires_grad=True)
    out = sample_points(features, positions)
    out.sum().backward()
    assert (out == 0).all()
    assert (features.grad == 0).all()
    assert (positions.grad == 0).all()
